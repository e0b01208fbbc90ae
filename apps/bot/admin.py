"""Inbox, outbox and chats in the dashboard."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from apps.base.admin_base import ReadOnlyAdmin, actor_of
from apps.base.incidents import Incident, resolve_incident
from apps.base.work.claimable import revive
from apps.bot.dialogue.texts import plain, render
from apps.bot.models import Chat, InboundUpdate, OutboundMessage
from apps.bot.outbound import outbox
from apps.bot.testbuy_chat import without_synthetic


class OfPeople(ReadOnlyAdmin):
    """A list without what the synthetic buyer does every few minutes; `chat`: the way from a row to its chat."""

    chat = "chat"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return without_synthetic(super().get_queryset(request), self.chat)


KINDS = {"message": "pesan", "button": "tombol", "membership": "blokir atau kembali", "other": "lain"}


@admin.register(InboundUpdate)
class InboundUpdateAdmin(OfPeople):
    list_display = ("stored_at", "update_id", "what", "outcome", "attempts", "next_at", "dead_at", "last_error")
    list_filter = (("dead_at", admin.EmptyFieldListFilter),)
    ordering = ("-id",)
    exclude = ("body", "claimed_until", "rung_at", "kind")
    readonly_fields = ("what",)
    actions = ("handle_again",)

    @admin.display(description="jenis", ordering="kind")
    def what(self, update: InboundUpdate) -> str:
        return KINDS.get(update.kind, update.kind)

    @admin.action(description="Coba lagi yang bermasalah", permissions=["act"])
    def handle_again(self, request: HttpRequest, updates: QuerySet[InboundUpdate]) -> None:
        dead = [update for update in updates if update.dead_at is not None]
        for update in dead:
            revive(update)
        messages.success(request, f"{len(dead)} pesan dicoba lagi dalam beberapa detik.")


@admin.register(OutboundMessage)
class OutboundMessageAdmin(OfPeople):
    list_display = ("queued_at", "kind", "state", "attempts", "unknowns", "next_at", "sent_at", "problem")
    list_filter = ("state", "kind")
    ordering = ("-id",)
    exclude = ("payload", "file", "claimed_until", "rung_at", "epoch", "on_sent", "on_failed", "plainness")
    actions = ("retry",)

    @admin.display(description="masalah")
    def problem(self, message: OutboundMessage) -> str:
        return "" if message.state == OutboundMessage.State.SENT else message.last_error

    @admin.action(description="Kirim lagi yang gagal", permissions=["act"])
    def retry(self, request: HttpRequest, queryset: QuerySet[OutboundMessage]) -> None:
        stuck = [m for m in queryset if m.state in ("failed", "unknown", "expired")]
        for message in stuck:
            outbox.send_again(message)
        messages.success(request, f"{len(stuck)} pesan masuk antrean lagi.")


@admin.register(Chat)
class ChatAdmin(OfPeople):
    chat = ""
    list_display = ("__str__", "kind", "language", "first_seen_at", "blocked_at")
    list_filter = ("kind", "language")
    ordering = ("-id",)
    fields = ("kind", "language", "first_seen_at", "blocked_at")


@admin.register(Incident)
class IncidentAdmin(ReadOnlyAdmin):
    """What needed a hand, as the owner was told."""

    list_display = ("opened_at", "what", "state", "times", "last_at", "resolved_at")
    list_filter = ("state",)
    exact_fields = ("key",)
    ordering = ("-id",)
    actions = ("resolve",)
    fields = ("what", "state", "times", "opened_at", "last_at", "resolved_at")
    readonly_fields = ("what",)

    @admin.display(description="gangguan")
    def what(self, incident: Incident) -> str:
        return plain(render(f"alerts/{incident.text}", "id", **incident.data))

    @admin.action(description="Tandai selesai", permissions=["act"])
    def resolve(self, request: HttpRequest, incidents: QuerySet[Incident]) -> None:
        for incident in incidents:
            resolve_incident(incident.key, actor=actor_of(request))
        messages.success(request, "Gangguan ditandai selesai.")
