"""Where every dialogue begins and ends."""

from __future__ import annotations

from django.utils import translation
from django.utils.translation import gettext as _

from apps.bot.dialogue.context import Talk, toast
from apps.bot.dialogue.screens import Button, Reply, Screen
from apps.orders import selectors
from apps.orders.selectors import Page
from apps.orders.services import storefront

SHOWN = 20  # categories in the menu; more are behind a button


def rows_of_home(talk: Talk) -> list[list[Button]]:
    """Categories in pairs, then the usual."""
    with translation.override(talk.chat.language):
        every = selectors.categories()
        shown = every if len(every) <= SHOWN else every[: SHOWN - 1]
        found = [Button(str(category), f"cat:{category.pk}:0") for category in shown]
        if len(shown) < len(every):
            found.append(Button(_("Kategori lain (%d) ›") % (len(every) - len(shown)), "cats:1"))
        rows = in_pairs(found)
        rows.append([Button(_("Semua produk"), "all:0"), Button(_("Cari"), "find")])
        rows.append([Button(_("Keranjang"), "cart"), Button(_("Pesanan saya"), "mine:0"), Button(_("Bantuan"), "help")])
    if (
        talk.chat.language == "id"
        and not talk.incoming.language.startswith(("id", "ms", "jv"))
        and talk.incoming.language
    ):
        rows.insert(0, [Button("English", "lang:en")])
    return rows


def more_categories(talk: Talk) -> Reply:
    """The pages of categories that the menu has no room for."""
    page = selectors.page_of(selectors.categories(), talk.number(0), SHOWN - 1)
    with translation.override(talk.chat.language):
        found = [Button(str(category), f"cat:{category.pk}:0") for category in page.items]
        rows = [*in_pairs(found), turn_row(page, here="cats:%d"), [home_button()]]
    return Reply(screen=Screen(talk.say("categories"), rows), state="")


def in_pairs(buttons: list[Button]) -> list[list[Button]]:
    return [buttons[i : i + 2] for i in range(0, len(buttons), 2)]


def turn_row(page: Page, *, here: str) -> list[Button]:
    """To the pages before and after; `here` leads to page `%d`. In the language in force."""
    turn = [Button(_("‹ Sebelumnya"), here % (page.number - 1))] if page.number > 0 else []
    return [*turn, Button(_("Berikutnya ›"), here % (page.number + 1))] if page.has_next else turn


def home_button() -> Button:
    return Button(_("‹ Menu"), "home")


def home_screen(talk: Talk, template: str = "home") -> Screen:
    return Screen(
        talk.say(template, closed=storefront.SHOP_CLOSED.get(), note=storefront.CLOSED_NOTE.get()), rows_of_home(talk)
    )


def start(talk: Talk) -> Reply:
    return Reply(screen=home_screen(talk), state="")


def home(talk: Talk) -> Reply:
    return Reply(screen=home_screen(talk), state="")


def leave(talk: Talk) -> Reply:
    """`/batal`: out of any dialogue; an open invoice stays, it has a button of its own."""
    return Reply(screen=home_screen(talk, "left"), state="")


def lost(talk: Talk) -> Reply:
    return Reply(screen=home_screen(talk, "lost"))


def stale(talk: Talk) -> Reply:
    """A button of an older version: the menu as a new message."""
    with translation.override(talk.chat.language):
        text = _("Tombol ini sudah tidak berlaku. Ini menunya ya.")
    return Reply(screen=home_screen(talk), toast=text, anew=True)


def busy(talk: Talk) -> Reply:
    """Over the budget: said once a minute, then silence."""
    with translation.override(talk.chat.language):
        text = _("Pelan-pelan ya, tunggu sebentar lalu coba lagi.")
    if talk.incoming.kind == "button":
        return toast(text, alert=True)
    return Reply(screen=Screen(text))


def nothing(talk: Talk) -> Reply:
    return Reply()


def help_screen(talk: Talk) -> Reply:
    with translation.override(talk.chat.language):
        return Reply(screen=Screen(talk.say("help"), [[Button(_("Pesanan saya"), "mine:0"), home_button()]]), state="")


def languages(talk: Talk) -> Reply:
    rows = [[Button("Bahasa Indonesia", "lang:id"), Button("English", "lang:en")]]
    return Reply(screen=Screen(talk.say("languages"), rows))


def choose_language(talk: Talk) -> Reply:
    wanted = "en" if talk.word(0) == "en" else "id"
    talk.chat.language = wanted
    talk.chat.save(update_fields=["language"])
    return Reply(screen=home_screen(talk))
