"""*Kabari saya*: who wants to hear when a sold-out variant is back."""

from __future__ import annotations

from django.db import transaction

from apps.base.work.deferred_calls import send_errand
from apps.bot.models import Chat
from apps.orders.models import StockAlert, Variant
from apps.orders.services import messages, stock, storefront

AT_ONCE = 50  # people told in one task; the rest in the next


def want(*, chat: Chat, variant: Variant) -> None:
    """Note the wish; twice is once. Told at once when stock came back meanwhile."""
    StockAlert.objects.bulk_create([StockAlert(chat=chat, variant=variant)], ignore_conflicts=True)
    if stock.count_up_to(variant, 1):
        send_errand(stock.TELL_BACK, variant.pk)


def tell(variant_id: int) -> None:
    """Tell those who wait, oldest first, and forget their wish. Nothing when it is sold out again."""
    if storefront.SHOP_CLOSED.get():
        return  # shop_opened tells them
    variant = Variant.objects.select_related("product").get(pk=variant_id)
    if not stock.count_up_to(variant, 1):
        return
    waiting = list(StockAlert.objects.select_related("chat").filter(variant=variant).order_by("id")[:AT_ONCE])
    for wish in waiting:
        with transaction.atomic():
            if StockAlert.objects.filter(pk=wish.pk).delete()[0]:
                rows = messages.buy_rows(variant, wish.chat.language)
                messages.tell_chat(wish.chat, "back_in_stock", rows=rows, variant=variant)
    if len(waiting) == AT_ONCE:
        send_errand(stock.TELL_BACK, variant_id)


def shop_opened() -> None:
    """What came back while the shop was closed can be bought now: those who wait hear."""
    for variant_id in StockAlert.objects.values_list("variant_id", flat=True).distinct():
        send_errand(stock.TELL_BACK, variant_id)
