"""What the shop answers to. apps/bot/map.mmd is drawn from it; a test keeps them the same."""

from apps.bot.router import Routes
from apps.orders.dialogue import browse, cart, checkout, home, mine

ROUTES = Routes(
    commands={
        "start": home.start,
        "bantuan": home.help_screen,
        "help": home.help_screen,
        "batal": home.leave,
        "cancel": home.leave,
        "bahasa": home.languages,
        "language": home.languages,
        "pesanan": mine.orders,
        "orders": mine.orders,
        "cari": browse.ask_search,
        "keranjang": cart.show_cart,
    },
    buttons={
        "home": home.home,
        "help": home.help_screen,
        "lang": home.choose_language,
        "cat": browse.category,
        "all": browse.everything,
        "find": browse.ask_search,
        "found": browse.more_found,
        "p": browse.product,
        "v": browse.variant,
        "add": cart.add,
        "cart": cart.show_cart,
        "cartq": cart.change,
        "cartx": cart.empty,
        "buy": checkout.buy,
        "checkout": checkout.buy_cart,
        "pay": checkout.pay,
        "mine": mine.orders,
        "order": mine.order,
        "goods": mine.goods,
        "check": mine.check,
        "cancel": mine.cancel,
        "noop": home.nothing,
    },
    states={
        "search": browse.found,
        "answers": checkout.answer,
    },
    lost=browse.guess,
    stale=home.stale,
    busy=home.busy,
)
