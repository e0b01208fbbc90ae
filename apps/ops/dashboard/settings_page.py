"""The dashboard's page of business numbers and switches: every stored setting that has a label."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminTextInputWidget, UnfoldBooleanSwitchWidget

from apps.base.admin_base import actor_of, page_context
from apps.base.stored_settings import ALL, Setting
from apps.bot.dialogue.texts import CONTACT
from apps.orders.services import durations, opening_hours, restock_alerts, storefront

FIRST = (  # what is changed most, on top
    storefront.SHOP_CLOSED,
    storefront.CLOSED_NOTE,
    CONTACT,
    opening_hours.OPENS,
    opening_hours.CLOSES,
    opening_hours.QUIET_FROM,
    opening_hours.QUIET_TO,
    durations.FIRST,
    durations.LAST,
)


class TimeOfDay(forms.TimeField):
    """`08.00` and `08:00` are eight in the morning; kept as `08:00`."""

    def clean(self, value: Any) -> str:
        found = super().clean(str(value).replace(".", ":"))
        return f"{found:%H:%M}"

    def has_changed(self, initial: Any, data: Any) -> bool:
        return str(initial) != str(data).replace(".", ":")


def labelled() -> list[Setting[Any]]:
    """The settings of the page, in its order."""
    return [*FIRST, *(setting for setting in ALL.values() if setting.label and setting not in FIRST)]


def field_of(setting: Setting[Any]) -> forms.Field:
    """A form field for one setting, with its present value."""
    about: dict[str, Any] = {
        "label": setting.label,
        "help_text": setting.help,
        "initial": setting.get(),
        "show_hidden_initial": True,
    }
    if isinstance(setting.default, bool):
        return forms.BooleanField(required=False, widget=UnfoldBooleanSwitchWidget, **about)
    if isinstance(setting.default, int):
        about["help_text"] = f"{setting.help} {setting.least} sampai {setting.most}.".strip()
        return forms.IntegerField(
            min_value=setting.least, max_value=setting.most, widget=UnfoldAdminIntegerFieldWidget, **about
        )
    if setting.is_time:
        return TimeOfDay(widget=UnfoldAdminTextInputWidget, **about)
    return forms.CharField(max_length=setting.most, required=False, widget=UnfoldAdminTextInputWidget, **about)


class SettingsForm(forms.Form):
    """All settings of the page."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields = {setting.name: field_of(setting) for setting in labelled()}

    def save(self, actor: str) -> list[str]:
        """Store what changed; returns the labels."""
        touched = set(self.changed_data)  # against what the page showed: a tab left open changes nothing back
        changed = [s for s in labelled() if s.name in touched and self.cleaned_data[s.name] != s.get()]
        for setting in changed:
            setting.set(self.cleaned_data[setting.name], actor=actor)
        if storefront.SHOP_CLOSED in changed and not storefront.SHOP_CLOSED.get():
            restock_alerts.shop_opened()
        return [setting.label for setting in changed]


def page(request: HttpRequest) -> HttpResponse:
    """Show and change the settings; each change is audited."""
    if not request.user.is_superuser:  # the owner alone, until there are roles
        raise PermissionDenied
    form = SettingsForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        changed = form.save(actor_of(request))
        messages.success(request, f"Disimpan: {', '.join(changed)}." if changed else "Tidak ada yang berubah.")
        return redirect(request.path)
    return TemplateResponse(request, "admin/shop/settings.html", page_context(request, "Pengaturan", form=form))
