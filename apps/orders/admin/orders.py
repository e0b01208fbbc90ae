"""Orders with their timeline; what a hand can do is a service behind a posted confirmation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from apps.base.admin_base import actor_of, page_context, require
from apps.base.fields import DAMAGED, shown
from apps.bot.admin import OfPeople
from apps.bot.templatetags.shop import rupiah
from apps.orders.models import Order, OrderLine, Payment
from apps.orders.services import delivery, money_review, payment
from apps.orders.states import LineState, OrderState, WrongMove
from apps.orders.timeline import timeline

FILE_BYTES = 10_000_000
CALLED_OFF = "Pembeli sudah memilih uang kembali. Tidak ada yang dikirim; kembalikan uangnya."


TO_DO = {
    "by_hand": "dikerjakan manual",
    "undeliverable": "barang tidak terkirim",
    "returned": "kembalikan uang",
    "late": "uang telat",
    "double": "uang dobel",
    "mismatch": "nominal tidak cocok",
    "excess": "uang lebih",
    "broken": "barang gagal disiapkan",
}


def _told(line: OrderLine) -> tuple[list[dict[str, str]], str]:
    """What its buyer told: the answers at checkout, and where a refund goes."""
    answers = shown(line, "answers")
    if answers == DAMAGED:
        answers = [{"label": "jawaban", "answer": DAMAGED}]
    return answers or [], shown(line, "refund_to") or ""


@dataclass(frozen=True)
class Act:
    """Something a hand can do to an order: when it is offered, what it does, in whose words."""

    label: str
    explains: str
    offered: Callable[[Order], bool]
    do: Callable[[Order, str, Sequence[str]], str]
    choices: Callable[[Order], Sequence[money_review.Debt]] | None = None  # what is ticked on the page before


def _serve(order: Order, actor: str, chosen: Sequence[str]) -> str:
    money_review.serve_reviewed_order(order_id=order.pk, actor=actor)
    return "Barang sedang dikirim."


def _refund(order: Order, actor: str, chosen: Sequence[str]) -> str:
    return (
        f"{rupiah(money_review.mark_refunded(order_id=order.pk, keys=chosen, actor=actor))} dicatat kembali ke pembeli."
    )


def _debts(order: Order) -> Sequence[money_review.Debt]:
    return money_review.debts_of(order, order.payments.order_by("id"))


def _resend(order: Order, actor: str, chosen: Sequence[str]) -> str:
    delivery.resend_undelivered(order_id=order.pk, actor=actor)
    return "Barang dikirim ulang."


def _cancel(order: Order, actor: str, chosen: Sequence[str]) -> str:
    done = payment.end_unpaid(order_id=order.pk, to=OrderState.CANCELLED, actor=actor)
    return "Pesanan dibatalkan, stok kembali." if done else "Pesanan sudah tidak menunggu pembayaran."


def _check(order: Order, actor: str, chosen: Sequence[str]) -> str:
    payment.ask_soon(order=order)
    return "Gateway sedang ditanya."


ACTS = {
    "kirim": Act(
        "Kirim barang",
        "Uangnya cukup: ambil stok lagi dan kirim barang ke pembeli.",
        lambda o: o.state == "needs_review",
        _serve,
    ),
    "kembalikan": Act(
        "Uang sudah dikembalikan",
        "Catat bahwa uangnya sudah kamu kirim kembali ke pembeli. Pembeli langsung diberi tahu.",
        lambda o: bool(_debts(o)),
        _refund,
        _debts,
    ),
    "ulang": Act(
        "Kirim ulang",
        "Barang yang tidak sampai dikirim sekali lagi.",
        lambda o: o.lines.filter(state=LineState.UNDELIVERABLE).exists(),
        _resend,
    ),
    "cek": Act(
        "Cek pembayaran",
        "Tanya gateway sekarang.",
        lambda o: o.payments.filter(received__isnull=True).exclude(transaction="").exists(),
        _check,
    ),
    "batal": Act("Batalkan", "Lepaskan stok; pembeli diberi tahu.", lambda o: o.state == "awaiting_payment", _cancel),
}


MADE = Q(state=LineState.BY_HAND)
OWED = Q(state=LineState.RETURNED, refunded_at__isnull=True)
STUCK = Q(state=LineState.UNDELIVERABLE)
MOST = 2000  # orders that wait for a hand; more than anybody works through


class WorkFilter(admin.SimpleListFilter):
    """What waits for a hand, by what the hand must do. Found by index, whatever the history."""

    title = "perlu dikerjakan"
    parameter_name = "kerja"
    CHOICES: ClassVar[dict[str, tuple[str, Q, bool]]] = {  # label, lines, and whether money in review counts
        "semua": ("Semua yang perlu tangan", MADE | OWED | STUCK, True),
        "buat": ("Dikerjakan manual", MADE, False),
        "uang": ("Uang perlu dicek atau dikembalikan", OWED, True),
        "gagal": ("Barang tidak bisa dikirim", STUCK, False),
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(key, choice[0]) for key, choice in self.CHOICES.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Order]) -> QuerySet[Order]:
        chosen = self.CHOICES.get(self.value() or "")
        if chosen is None:
            return queryset
        _, lines, money = chosen
        found = set(OrderLine.objects.filter(lines).values_list("order_id", flat=True)[:MOST])
        if money:
            found |= set(Payment.objects.exclude(review="").values_list("order_id", flat=True)[:MOST])
        return queryset.filter(pk__in=found)


@admin.register(Order)
class OrderAdmin(OfPeople):
    chat = "buyer"
    list_display = ("number", "bought", "state", "amount", "buyer_name", "created_at", "paid_at", "to_do")
    list_filter = (WorkFilter, "state", "created_at")
    exact_fields = ("number", "payments__reference", "payments__transaction")
    list_select_related = ("buyer",)
    ordering = ("-id",)
    fields = ("number", "state", "amount", "buyer_name", "created_at", "expires_at", "paid_at", "to_do")
    readonly_fields = fields
    change_form_template = "admin/shop/order.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Order]:
        return super().get_queryset(request).prefetch_related("lines", "payments")

    @admin.display(description="Produk")
    def bought(self, order: Order) -> str:
        names = [f"{line.name} × {line.quantity}" for line in order.lines.all()]
        return ", ".join(names[:2]) + (f" +{len(names) - 2}" if len(names) > 2 else "")

    @admin.display(description="Perlu dikerjakan")
    def to_do(self, order: Order) -> str:
        """What waits for a hand, in the owner's words."""
        states = {line.state for line in order.lines.all() if line.refunded_at is None}
        reviews = {payment.review for payment in order.payments.all()}
        return ", ".join([TO_DO[key] for key in TO_DO if key in states | reviews])

    @admin.display(description="Total")
    def amount(self, order: Order) -> str:
        return rupiah(order.total)

    @admin.display(description="Pembeli")
    def buyer_name(self, order: Order) -> str:
        return str(order.buyer)

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        own = [
            path("<uuid:pk>/act/<slug:name>/", wrap(self.act_page), name="orders_order_act"),
            path("baris/<uuid:pk>/selesai/", wrap(self.finish_page), name="orders_line_finish"),
        ]
        return own + super().get_urls()

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        order = self.get_object(request, object_id)
        extra = {}
        if order is not None:
            extra = {
                "timeline": timeline(order),
                "lines": [(line, *_told(line)) for line in order.lines.select_related("product").order_by("id")],
                "acts": {name: act for name, act in ACTS.items() if act.offered(order)},
            }
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **extra})

    def act_page(self, request: HttpRequest, pk: UUID, name: str) -> HttpResponse:
        """Ask once, then call the service."""
        require(request, "change_order", app="orders")
        order = get_object_or_404(Order, pk=pk)
        act = ACTS.get(name)
        if act is None:
            raise Http404
        here = reverse("admin:orders_order_change", args=[pk])
        if request.method == "POST":
            try:
                messages.success(request, act.do(order, actor_of(request), request.POST.getlist("yang")))
            except money_review.NotPossible as refusal:
                messages.error(request, str(refusal))
            except WrongMove:
                messages.error(request, "Status pesanan baru saja berubah. Lihat lagi lalu coba sekali lagi.")
            return redirect(here)
        context = page_context(request, f"{act.label} · {order.number}", order=order, act=act, back=here)
        if act.choices:
            context["choices"] = [(debt, TO_DO[debt.why]) for debt in act.choices(order)]
        return TemplateResponse(request, "admin/shop/act.html", context)

    def finish_page(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """*Selesai*: what was made by hand, as text or file, goes to the buyer."""
        require(request, "change_orderline", app="orders")
        line = get_object_or_404(OrderLine.objects.select_related("order", "product"), pk=pk)
        here = reverse("admin:orders_order_change", args=[line.order_id])
        context = page_context(request, f"Selesai · {line.name}", line=line, answers=_told(line)[0], back=here)
        if request.method == "POST":
            text = request.POST.get("text", "").strip()
            upload = request.FILES.get("file")
            if not text and upload is None:
                context["problem"] = "Isi teks atau pilih file: itu yang diterima pembeli."
            elif text and upload is not None:
                context["problem"] = "Pilih salah satu: teks atau file."
            elif upload is not None and (upload.size or 0) > FILE_BYTES:
                context["problem"] = "File paling besar 10 MB."
            else:
                return self._finish(request, line, text, upload, here)
        return TemplateResponse(request, "admin/shop/finish.html", context)

    def _finish(self, request: HttpRequest, line: OrderLine, text: str, upload: Any, here: str) -> HttpResponse:
        content = upload.read() if upload is not None else None
        name = upload.name if upload is not None else ""
        try:
            delivery.finish_by_hand(line_id=line.pk, text=text, file=content, file_name=name, actor=actor_of(request))
            messages.success(request, "Selesai. Barang sedang dikirim ke pembeli.")
        except WrongMove:
            line.refresh_from_db()
            called_off = line.state == LineState.RETURNED
            messages.error(request, CALLED_OFF if called_off else "Baris ini sudah selesai sebelumnya.")
        return redirect(here)
