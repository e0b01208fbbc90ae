"""Form fields of the dashboard that know how sellers write."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import UnfoldAdminTextInputWidget

from apps.bot.templatetags.shop import rupiah
from apps.orders.money import NotAPrice, parse_rupiah


class RupiahField(forms.CharField):
    """`25.000`, `Rp25.000` and `25000` are twenty-five thousand; shown with its dots. Cleans to rupiah or None."""

    def __init__(self, **kwargs: Any) -> None:
        for of_a_number in ("min_value", "max_value", "encoder"):
            kwargs.pop(of_a_number, None)
        kwargs["widget"] = UnfoldAdminTextInputWidget(attrs={"inputmode": "numeric", "size": 10})
        super().__init__(**kwargs)

    def prepare_value(self, value: Any) -> Any:
        return rupiah(value).removeprefix("Rp") if isinstance(value, int) else value

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if not text:
            return None
        try:
            return parse_rupiah(text)
        except NotAPrice as error:
            raise ValidationError(str(error)) from error

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return initial != (parse_rupiah(data) if data else None)
        except NotAPrice:
            return True
