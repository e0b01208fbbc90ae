"""Categories, products and their variants; products from a file, with a preview."""

from __future__ import annotations

import base64
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html_join
from unfold.admin import ModelAdmin, TabularInline
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminTextareaWidget

from apps.base import audit
from apps.base.admin_base import NamedFields, actor_of, page_context, require, sent_bytes
from apps.base.translate import said
from apps.base.work.deferred_calls import send_errand
from apps.bot.pictures import BadPicture, keep_picture
from apps.bot.templatetags.shop import rupiah
from apps.orders.admin import questions
from apps.orders.admin.form_fields import RupiahField
from apps.orders.admin.stock import stock_link
from apps.orders.importing.pasted_lists import lines_left_out
from apps.orders.importing.products import check_products, import_products, prices_before
from apps.orders.importing.table_files import BadFile, decode, is_workbook
from apps.orders.models import Category, Product, Variant
from apps.orders.selectors import keeps_kind
from apps.orders.testbuy_product import real_products

CODE_NEEDS = "Hanya huruf, angka, - dan _, tanpa spasi."
WORKBOOK = b"xlsx;base64,"  # before a workbook in the confirmation's text


@admin.register(Category)
class CategoryAdmin(NamedFields, ModelAdmin):
    list_display = ("name", "emoji", "position")
    list_editable = ("position",)
    search_fields = ("name",)


class VariantInline(NamedFields, TabularInline):
    model = Variant
    verbose_name_plural = "Harga dan varian"
    extra = 0
    min_num = 1
    fields = ("name", "price", "cost", "duration_days", "seats_per_unit", "content_limit", "is_active", "position")

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name in ("price", "cost"):
            kwargs["form_class"] = RupiahField
        return super().formfield_for_dbfield(db_field, request, **kwargs)


class ProductForm(forms.ModelForm):
    photo = forms.FileField(
        label="Foto",
        required=False,
        widget=UnfoldAdminFileFieldWidget,
        help_text="JPEG, PNG atau WebP, paling besar 5 MB",
    )
    asked = forms.CharField(
        label="Pertanyaan saat checkout", required=False, widget=UnfoldAdminTextareaWidget, help_text=questions.HELP
    )

    class Meta:
        model = Product
        exclude = ("picture", "questions")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["asked"].initial = questions.write(self.instance.questions or [])
        for long_text in ("description", "terms"):
            self.fields[long_text].widget.attrs["rows"] = 3
        code = self.fields["code"]
        code.help_text = "Nama pendek untuk impor dan perintah: huruf, angka, - dan _, misalnya netflix-1"
        code.error_messages["invalid"] = CODE_NEEDS

    def clean_asked(self) -> list[dict[str, str]]:
        return questions.read(self.cleaned_data["asked"])

    def clean_kind(self) -> str:
        kind: str = self.cleaned_data["kind"]
        if (
            self.instance.pk
            and kind != self.instance.kind
            and keeps_kind(Product.objects.filter(pk=self.instance.pk)).exists()
        ):
            raise ValidationError(
                "Produk ini sudah punya stok atau pesanan: jenisnya tidak bisa diganti. Buat produk baru."
            )
        return kind

    def clean_photo(self) -> Any:
        photo = self.cleaned_data.get("photo")
        if photo is None:
            return None
        try:
            return keep_picture(photo.read())
        except BadPicture as error:
            raise ValidationError(str(error)) from error


@admin.register(Product)
class ProductAdmin(ModelAdmin):
    form = ProductForm
    fieldsets = (
        (None, {"fields": ("name", "code", "category", "kind", "is_active")}),
        ("Keterangan dan foto", {"fields": ("description", "photo"), "classes": ["collapse"]}),
        ("Yang diterima pembeli", {"fields": ("account_fields", "terms", "warranty_days"), "classes": ["collapse"]}),
        ("Diproses manual", {"fields": ("asked", "promised_minutes"), "classes": ["collapse"]}),
        (
            "Batas dan urutan",
            {"fields": (("min_quantity", "max_quantity"), "is_hidden", "position"), "classes": ["collapse"]},
        ),
    )
    prepopulated_fields = {"code": ("name",)}
    inlines = (VariantInline,)
    list_display = ("name", "code", "category", "kind", "prices", "stock_left", "is_active")
    list_filter = ("category", "kind", "is_active")
    search_fields = ("name", "code")
    list_per_page = 50
    change_list_template = "admin/shop/product_list.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Product]:
        return real_products(super().get_queryset(request)).prefetch_related("variants__product")

    @admin.display(description="Harga")
    def prices(self, product: Product) -> str:
        found = sorted({variant.price for variant in product.variants.all()})
        return " – ".join(rupiah(price) for price in dict.fromkeys([found[0], found[-1]])) if found else "belum ada"

    @admin.display(description="Stok")
    def stock_left(self, product: Product) -> str:
        if product.sold_as.by_hand:
            return "dikerjakan manual"
        return format_html_join(" · ", "{}", ((stock_link(variant),) for variant in product.variants.all()))

    def response_add(self, request: HttpRequest, obj: Product, post_url_continue: Any = None) -> HttpResponse:
        """A new product has nothing to sell yet: its stock comes next."""
        variant = obj.variants.first()
        if "_save" in request.POST and variant is not None and not obj.sold_as.by_hand:
            messages.success(request, f"{obj.name} disimpan. Sekarang isi stoknya, lalu produk ini bisa dibeli.")
            return redirect("admin:orders_variant_stock", variant.pk)
        return super().response_add(request, obj, post_url_continue)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # taken off sale with "dijual"; orders go on naming it

    def save_model(self, request: HttpRequest, obj: Product, form: Any, change: bool) -> None:
        if form.cleaned_data.get("photo"):
            obj.picture = form.cleaned_data["photo"]
        obj.questions = form.cleaned_data["asked"]
        super().save_model(request, obj, form, change)
        kind = "product.changed" if change else "product.added"
        audit.append(kind, f"product:{obj.code}", actor=actor_of(request), fields=sorted(form.changed_data))
        send_errand(settings.TERMS_SET, obj.pk)

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        own = [
            path("impor/", wrap(self.import_page), name="orders_product_import"),
            path("impor/contoh.csv", wrap(self.sample_page), name="orders_product_sample"),
        ]
        return own + super().get_urls()

    def import_page(self, request: HttpRequest) -> HttpResponse:
        """A file or a pasted list, then what would come of it, then the import."""
        require(request, "add_product", "change_product", app="orders")
        context = page_context(request, "Impor produk", back=reverse("admin:orders_product_changelist"))
        if request.method == "POST":
            try:
                raw = _sent_table(request)
                pasted = "pasted" in request.POST or ("file" not in request.FILES and _looks_pasted(raw))
                if "edit" in request.POST:
                    return TemplateResponse(request, "admin/shop/import_products.html", context)
                entries = check_products(raw, pasted=pasted)
                if "confirm" in request.POST:
                    with transaction.atomic():
                        done = import_products(raw, actor=actor_of(request), pasted=pasted)
                    messages.success(request, f"{done.products_added} produk baru, {done.products_changed} diperbarui.")
                    return redirect("admin:orders_product_changelist")
                was = prices_before(entries)
                context |= {
                    "entries": list(zip(entries, was, strict=True))[:50],
                    "count": len(entries),
                    "pasted": pasted,
                    "left_out": lines_left_out(raw) if pasted else [],
                    "text": _as_text(raw),
                }
            except BadFile as error:
                context["problems"] = error.shown(20)
        return TemplateResponse(request, "admin/shop/import_products.html", context)

    def sample_page(self, request: HttpRequest) -> HttpResponse:
        """An example table to fill in."""
        require(request, "view_product", app="orders")
        answer = HttpResponse("\ufeff" + SAMPLE_TABLE, content_type="text/csv; charset=utf-8")
        answer["Content-Disposition"] = 'attachment; filename="contoh-produk.csv"'
        return answer


SAMPLE_TABLE = """\
code,name,price,description,category,terms,kind,variant,duration_days,seats,cost,min,max,warranty_days
netflix,Netflix Premium,Rp32.000,"Akun bersama, 1 profil + PIN",Streaming,Jangan ganti sandi,shared,1 bulan,30,5,20000,1,3,30
netflix,Netflix Premium,Rp89.000,"Akun bersama, 1 profil + PIN",Streaming,Jangan ganti sandi,shared,3 bulan,90,5,60000,1,3,30
steam,Steam Wallet 45.000,52000,Kode untuk akun Steam Indonesia,Game,Kode yang sudah dilihat tidak bisa dikembalikan,stock,,,,,1,10,
diamond,ML 86 Diamond,22000,Diisi langsung oleh penjual,Game,Pastikan ID benar,manual,,,,,1,1,
"""


def _sent_table(request: HttpRequest) -> bytes:
    """The file or text; a checked workbook comes back from the confirmation as base64. Raises BadFile."""
    raw = sent_bytes(request)
    if raw.startswith(WORKBOOK):
        try:
            return base64.b64decode(raw[len(WORKBOOK) :], validate=True)
        except ValueError as error:
            raise BadFile([said("not a readable .xlsx file")]) from error
    return raw


def _looks_pasted(raw: bytes) -> bool:
    """Whether a text is a price list rather than a table: a table begins with the names of its columns."""
    if is_workbook(raw):
        return False
    head = decode(raw).strip().split("\n", 1)[0].lower()
    return not ("code" in head and "name" in head)


def _as_text(raw: bytes) -> str:
    """The checked file for the confirmation, which can carry text only."""
    return (WORKBOOK + base64.b64encode(raw)).decode() if is_workbook(raw) else raw.decode("utf-8-sig")
