"""Inbox, outbox and chats in the dashboard."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from apps.base.adminpages import ReadOnlyAdmin
from apps.base.claims import revive
from apps.bot import outbox
from apps.bot.models import Chat, InboundUpdate, OutboundMessage


@admin.register(InboundUpdate)
class InboundUpdateAdmin(ReadOnlyAdmin):
    list_display = ("stored_at", "update_id", "kind", "outcome", "attempts", "next_at", "dead_at", "last_error")
    list_filter = ("kind", ("dead_at", admin.EmptyFieldListFilter))
    ordering = ("-id",)
    exclude = ("body",)
    actions = ("handle_again",)

    @admin.action(description="Coba lagi yang bermasalah")
    def handle_again(self, request: HttpRequest, updates: QuerySet[InboundUpdate]) -> None:
        dead = [update for update in updates if update.dead_at is not None]
        for update in dead:
            revive(update)
        messages.success(request, f"{len(dead)} pesan dicoba lagi dalam beberapa detik.")


@admin.register(OutboundMessage)
class OutboundMessageAdmin(ReadOnlyAdmin):
    list_display = ("queued_at", "kind", "method", "state", "attempts", "unknowns", "next_at", "sent_at", "last_error")
    list_filter = ("state", "kind")
    ordering = ("-id",)
    exclude = ("payload", "file")
    actions = ("retry",)

    @admin.action(description="Kirim lagi yang gagal")
    def retry(self, request: HttpRequest, queryset: QuerySet[OutboundMessage]) -> None:
        stuck = [m for m in queryset if m.state in ("failed", "unknown", "expired")]
        for message in stuck:
            outbox.send_again(message)
        messages.success(request, f"{len(stuck)} pesan masuk antrean lagi.")


@admin.register(Chat)
class ChatAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "kind", "language", "first_seen_at", "blocked_at")
    list_filter = ("kind", "language")
    ordering = ("-id",)
    fields = ("kind", "language", "first_seen_at", "blocked_at")
