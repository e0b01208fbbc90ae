"""Categories, products and their variants; products from a file, with a preview."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from unfold.admin import ModelAdmin, TabularInline
from unfold.widgets import UnfoldAdminFileFieldWidget

from apps.base import audit
from apps.base.adminpages import actor_of, page_context, sent_bytes
from apps.base.errands import send_errand
from apps.bot.services import BadPicture, keep_picture
from apps.orders.importing.products import check_products, import_products
from apps.orders.importing.tables import BadFile
from apps.orders.models import Category, Product, StockUnit, Variant


@admin.register(Category)
class CategoryAdmin(ModelAdmin):
    list_display = ("name", "emoji", "position")
    list_editable = ("position",)
    search_fields = ("name",)


class VariantInline(TabularInline):
    model = Variant
    extra = 0
    min_num = 1
    fields = ("name", "price", "cost", "duration_days", "seats_per_unit", "content_limit", "is_active", "position")


class ProductForm(forms.ModelForm):
    photo = forms.FileField(
        label="Foto",
        required=False,
        widget=UnfoldAdminFileFieldWidget,
        help_text="JPEG, PNG atau WebP, paling besar 5 MB",
    )

    class Meta:
        model = Product
        exclude = ("picture",)

    def clean_questions(self) -> list[dict[str, str]]:
        questions = self.cleaned_data["questions"] or []
        if not isinstance(questions, list):
            raise ValidationError('Tulis sebagai daftar: [{"label": "…", "pattern": "\\\\d+", "hint": "…"}]')
        for question in questions:
            if not isinstance(question, dict) or not question.get("label"):
                raise ValidationError("Setiap pertanyaan perlu label.")
            try:
                re.compile(question.get("pattern", ""))
            except re.error as error:
                raise ValidationError(f"Pola {question['pattern']!r} tidak bisa dibaca: {error}") from error
        return questions

    def clean_kind(self) -> str:
        kind: str = self.cleaned_data["kind"]
        if self.instance.pk and kind != self.instance.kind and StockUnit.objects.filter(product=self.instance).exists():
            raise ValidationError("Produk ini sudah punya stok: jenisnya tidak bisa diganti. Buat produk baru.")
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
    inlines = (VariantInline,)
    list_display = ("name", "code", "category", "kind", "is_active", "position")
    list_filter = ("category", "kind", "is_active")
    search_fields = ("name", "code")
    list_per_page = 50
    change_list_template = "admin/shop/product_list.html"

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # taken off sale with "dijual"; orders go on naming it

    def save_model(self, request: HttpRequest, obj: Product, form: Any, change: bool) -> None:
        if form.cleaned_data.get("photo"):
            obj.picture = form.cleaned_data["photo"]
        super().save_model(request, obj, form, change)
        kind = "product.changed" if change else "product.added"
        audit.append(kind, f"product:{obj.code}", actor=actor_of(request), fields=sorted(form.changed_data))
        send_errand(settings.TERMS_SET, obj.pk)

    def get_urls(self) -> list[URLPattern]:
        own = [path("impor/", self.admin_site.admin_view(self.import_page), name="orders_product_import")]
        return own + super().get_urls()

    def import_page(self, request: HttpRequest) -> HttpResponse:
        """A file, then what would come of it, then the import."""
        context = page_context(request, "Impor produk", back=reverse("admin:orders_product_changelist"))
        if request.method == "POST":
            raw = sent_bytes(request)
            try:
                entries = check_products(raw)
                if "confirm" in request.POST:
                    with transaction.atomic():
                        done = import_products(raw, actor=actor_of(request))
                    messages.success(request, f"{done.products_added} produk baru, {done.products_changed} diperbarui.")
                    return redirect("admin:orders_product_changelist")
                context |= {"entries": entries[:50], "count": len(entries), "text": _as_text(raw)}
            except BadFile as error:
                context["problems"] = error.problems[:20]
        return TemplateResponse(request, "admin/shop/import_products.html", context)


def _as_text(raw: bytes) -> str:
    """The checked file for the confirmation; a workbook must be chosen again, since a form carries text only."""
    return "" if raw[:4] == b"PK\x03\x04" else raw.decode("utf-8-sig")
