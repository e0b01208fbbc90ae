"""Stock: what there is, without its contents; adding with a preview; taking back."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html

from apps.base.admin_base import ReadOnlyAdmin, actor_of, page_context, require, sent_bytes
from apps.bot.templatetags.shop import rupiah
from apps.orders.importing.stock import as_text, import_stock, known_units, parse_units, twins, unfitting
from apps.orders.importing.table_files import BadFile
from apps.orders.models import Seat, StockUnit, Variant
from apps.orders.services import account_holders
from apps.orders.services.stock import NotBack, count_up_to, needs_seats, return_unit, withdraw_unit
from apps.orders.testbuy_product import real_products

SAMPLE = 10
COUNTED = 1_000


def stock_left(variant: Variant) -> str:
    """How much is for sale, in words."""
    if not needs_seats(variant):
        return "tidak dihitung"
    count = count_up_to(variant, COUNTED)
    return f"{count:,}+".replace(",", ".") if count == COUNTED else f"{count:,}".replace(",", ".")


def stock_link(variant: Variant) -> str:
    """The same, leading to where stock is added."""
    url = reverse("admin:orders_variant_stock", args=[variant.pk])
    return format_html('<a href="{}" class="underline">{}</a>', url, stock_left(variant))


class OfRealProducts(ReadOnlyAdmin):
    """A list without the synthetic buyer's product."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return real_products(super().get_queryset(request), "product__code")


@admin.register(Variant)
class VariantAdmin(OfRealProducts):
    list_display = ("called", "costs", "duration_days", "free_seats", "add_stock")
    list_display_links = None  # a variant is changed on the page of its product
    list_filter = ("product__kind", "product__category")
    search_fields = ("product__name", "product__code", "name")
    list_select_related = ("product",)

    @admin.display(description="Nama", ordering="product__name")
    def called(self, variant: Variant) -> str:
        url = reverse("admin:orders_product_change", args=[variant.product_id])
        return format_html('<a href="{}" class="font-semibold underline">{}</a>', url, variant.full_name)

    @admin.display(description="Harga", ordering="price")
    def costs(self, variant: Variant) -> str:
        return rupiah(variant.price)

    @admin.display(description="Stok")
    def free_seats(self, variant: Variant) -> str:
        return stock_left(variant)

    @admin.display(description="")
    def add_stock(self, variant: Variant) -> str:
        if variant.product.sold_as.by_hand:
            return ""
        url = reverse("admin:orders_variant_stock", args=[variant.pk])
        return format_html('<a href="{}" class="font-semibold underline">Tambah stok</a>', url)

    def get_urls(self) -> list[URLPattern]:
        own = [path("<int:pk>/stok/", self.admin_site.admin_view(self.stock_page), name="orders_variant_stock")]
        return own + super().get_urls()

    def stock_page(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Paste or choose a file, see what would be added, then add it."""
        require(request, "add_stockunit", app="orders")
        variant = get_object_or_404(Variant.objects.select_related("product"), pk=pk)
        back = reverse("admin:orders_variant_changelist")
        context = page_context(request, f"Tambah stok · {variant.full_name}", variant=variant, back=back)
        if request.method == "POST":
            self._post(request, variant, context)
            if context.get("done"):
                return redirect(back)
        return TemplateResponse(request, "admin/shop/stock.html", context)

    def _post(self, request: HttpRequest, variant: Variant, context: dict[str, Any]) -> None:
        if "edit" in request.POST:
            return
        raw = sent_bytes(request)
        separator = request.POST.get("separator") or None
        clean = "clean" in request.POST
        try:
            units = parse_units(raw, variant=variant, separator=separator, clean=clean)
        except BadFile as error:
            context["problems"] = error.shown(20)
            return
        if "confirm" in request.POST:
            done = import_stock(units, variant=variant, actor=actor_of(request))
            messages.success(
                request, f"{variant.full_name}: {done.added} isi ditambahkan, {done.skipped} dilewati karena sudah ada."
            )
            context["done"] = True
            return
        known = known_units(units, variant)
        unlabelled = variant.product.sold_as.shared and any(not any(unit.labels) for unit in units)
        context |= {
            "units": list(zip(units, known, strict=True))[:SAMPLE],
            "count": len(units),
            "new": known.count(False),
            "unlabelled": unlabelled,
            "odd": unfitting(units, variant),
            "twins": twins(units),
            "known": known.count(True),
            "text": as_text(raw),
            "separator": separator or "",
            "clean": clean,
        }


@admin.register(StockUnit)
class StockUnitAdmin(OfRealProducts):
    """Contents are not shown here: revealing one is an act of its own."""

    list_display = ("short_id", "variant", "seats_sold", "added_at", "withdrawn_at", "change")
    list_filter = ("variant__product",)
    list_select_related = ("variant__product",)
    fields = ("variant", "added_at", "withdrawn_at")
    actions = ("withdraw", "sell_again")

    @admin.display(description="Isi")
    def short_id(self, unit: StockUnit) -> str:
        return f"…{unit.pk.hex[-8:]}"

    @admin.display(description="")
    def change(self, unit: StockUnit) -> str:
        if not unit.variant.product.sold_as.shared:
            return ""
        url = reverse("admin:orders_stockunit_content", args=[unit.pk])
        return format_html('<a href="{}" class="font-semibold underline">Ganti isi</a>', url)

    def get_urls(self) -> list[URLPattern]:
        own = [path("<uuid:pk>/isi/", self.admin_site.admin_view(self.content_page), name="orders_stockunit_content")]
        return own + super().get_urls()

    def content_page(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """A shared account changed: its new text goes to everybody who has it now."""
        require(request, "change_stockunit", app="orders")
        unit = get_object_or_404(StockUnit.objects.select_related("variant__product"), pk=pk)
        back = reverse("admin:orders_stockunit_changelist")
        context = page_context(
            request, f"Ganti isi · {unit.variant.full_name} …{unit.pk.hex[-8:]}", unit=unit, back=back
        )
        context |= {"seats": unit.seats.order_by("number"), "holders": len(account_holders.current_holders(unit))}
        if request.method == "POST":
            content = request.POST.get("content", "").strip()
            labels = [label.strip() for label in request.POST.getlist("label")]
            if not content and not any(labels):
                context["problem"] = "Isi yang berubah saja; yang dikosongkan tetap seperti sekarang."
            elif self._change(request, unit, content, labels):
                return redirect(back)
        return TemplateResponse(request, "admin/shop/content.html", context)

    def _change(self, request: HttpRequest, unit: StockUnit, content: str, labels: list[str]) -> bool:
        try:
            told = account_holders.change_unit(unit=unit, content=content, labels=labels, actor=actor_of(request))
        except account_holders.Duplicate:
            messages.error(request, "Isi itu sudah ada di produk ini, jadi tidak diganti.")
            return False
        messages.success(request, f"Isi diganti; {told} pembeli dikirimi yang baru.")
        return True

    @admin.display(description="Slot terjual")
    def seats_sold(self, unit: StockUnit) -> str:
        states = list(Seat.objects.filter(unit=unit).values_list("state", flat=True))
        return f"{states.count('sold')} / {len(states)}"

    @admin.action(description="Jual lagi yang ditarik", permissions=["act"])
    def sell_again(self, request: HttpRequest, units: QuerySet[StockUnit]) -> None:
        back = 0
        for unit in units[:1000]:
            try:
                back += return_unit(unit=unit, actor=actor_of(request))
            except NotBack as reason:
                messages.error(request, str(reason))
        messages.success(request, f"{back} slot dijual lagi. Yang sudah pernah terjual tidak ikut.")

    @admin.action(description="Tarik dari penjualan", permissions=["act"])
    def withdraw(self, request: HttpRequest, units: QuerySet[StockUnit]) -> None:
        taken = sum(withdraw_unit(unit=unit, actor=actor_of(request)) for unit in units[:1000])
        messages.success(request, f"{taken} slot ditarik. Yang sudah terjual tetap milik pembelinya.")
