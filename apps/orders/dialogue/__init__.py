"""What the shop answers to: words, buttons and states, each to a small function."""

from django.utils.translation import gettext_lazy as _

from apps.bot.dialogue.router import Command, Routes
from apps.orders.dialogue import broken_promise, browse, cart, checkout, home, my_orders

ROUTES = Routes(
    commands={
        "start": Command(home.start, _("Buka toko")),
        "cari": Command(browse.ask_search, _("Cari produk")),
        "keranjang": Command(cart.show_cart, _("Keranjang")),
        "pesanan": Command(my_orders.orders, _("Pesananku"), "id"),
        "orders": Command(my_orders.orders, _("Pesananku"), "en"),
        "bahasa": Command(home.languages, _("Ganti bahasa"), "id"),
        "language": Command(home.languages, _("Ganti bahasa"), "en"),
        "bantuan": Command(home.help_screen, _("Bantuan"), "id"),
        "help": Command(home.help_screen, _("Bantuan"), "en"),
        "batal": Command(home.leave, _("Tinggalkan yang sedang diisi"), "id"),
        "cancel": Command(home.leave, _("Tinggalkan yang sedang diisi"), "en"),
    },
    buttons={
        "home": home.home,
        "help": home.help_screen,
        "lang": home.choose_language,
        "cat": browse.category,
        "cats": home.more_categories,
        "all": browse.everything,
        "find": browse.ask_search,
        "found": browse.more_found,
        "p": browse.product,
        "v": browse.variant,
        "edge": browse.edge,
        "wish": browse.wish,
        "add": cart.add,
        "cart": cart.show_cart,
        "cartq": cart.change,
        "cartx": cart.empty,
        "buy": checkout.buy,
        "renew": checkout.renew,
        "checkout": checkout.buy_cart,
        "pay": checkout.pay,
        "mine": my_orders.orders,
        "order": my_orders.order,
        "goods": my_orders.goods,
        "check": my_orders.check,
        "cancel": my_orders.cancel,
        "wait": broken_promise.wait,
        "moneyback": broken_promise.money_back,
        "moneyyes": broken_promise.money_back_yes,
        "account": broken_promise.account,
        "noop": home.nothing,
    },
    states={
        "search": browse.found,
        "answers": checkout.answer,
        "refund_to": broken_promise.account_given,
    },
    lost=browse.guess,
    stale=home.stale,
    busy=home.busy,
)
