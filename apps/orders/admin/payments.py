"""Payments, what gateways told us (the refused ones with the reason), and the ledger."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from apps.base.admin_base import ReadOnlyAdmin
from apps.orders.admin.orders import TO_DO
from apps.orders.models import GatewayEvent, LedgerEntry, Payment
from apps.orders.services.payment import listen_again


@admin.register(Payment)
class PaymentAdmin(ReadOnlyAdmin):
    list_display = (
        "reference",
        "state",
        "amount",
        "total_payment",
        "received",
        "money",
        "created_at",
        "next_at",
        "closed_at",
    )
    list_filter = ("state",)
    exact_fields = ("reference", "transaction")
    ordering = ("-id",)
    exclude = ("qr", "claimed_until", "rung_at", "review", "trouble_told")
    readonly_fields = ("money",)
    actions = ("ask_again",)

    @admin.display(description="perlu dicek")
    def money(self, payment: Payment) -> str:
        return TO_DO.get(payment.review, "")

    @admin.action(description="Tanya gateway lagi", permissions=["act"])
    def ask_again(self, request: HttpRequest, payments: QuerySet[Payment]) -> None:
        unpaid = [row for row in payments if row.received is None and row.transaction]
        for row in unpaid:
            listen_again(row.pk)
        messages.success(request, f"{len(unpaid)} pembayaran akan ditanyakan lagi dalam beberapa detik.")


@admin.register(GatewayEvent)
class GatewayEventAdmin(ReadOnlyAdmin):
    list_display = ("stored_at", "gateway", "accepted", "reason", "reference", "status", "times", "attempts")
    list_filter = ("accepted",)
    exact_fields = ("reference", "transaction")
    ordering = ("-id",)
    fields = (
        "gateway",
        "accepted",
        "reason",
        "transaction",
        "reference",
        "status",
        "times",
        "stored_at",
        "next_at",
        "last_error",
        "told",
    )
    readonly_fields = ("told",)

    @admin.display(description="isi")
    def told(self, event: GatewayEvent) -> str:
        return str(event.body)[:2000]


@admin.register(LedgerEntry)
class LedgerEntryAdmin(ReadOnlyAdmin):
    list_display = ("at", "account", "amount", "currency", "order", "payment")
    list_filter = ("account",)
    exact_fields = ("order__number",)
    list_select_related = ("order", "payment")
    ordering = ("-id",)
