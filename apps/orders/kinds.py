"""The kinds of product: how their goods come to be, and all that follows from it. A new kind is one more class here."""

from __future__ import annotations


class ProductKind:
    """What is so unless a kind says otherwise. `word` is what the database and files hold, `label` what the dashboard
    shows.
    """

    word = ""
    label = ""
    counted = False  # units of stock; a line gets as many seats as it sold
    shared = False  # a unit has several seats, each with its own line, kept with *Perpanjang*
    for_all = False  # one content, the same for everybody
    by_hand = False  # a seller makes it after payment, by a promised time

    def needs_seats(self, content_limit: int | None) -> bool:
        """Whether what is sold is counted in seats. `content_limit`: how often one content may be sold, if that is
        limited.
        """
        return self.counted


class Stock(ProductKind):
    word, label = "stock", "Stok (satu isi, satu pembeli)"
    counted = True


class Shared(ProductKind):
    word, label = "shared", "Akun bersama (beberapa slot)"
    counted = shared = True


class Content(ProductKind):
    word, label = "content", "Isi yang sama untuk semua"
    for_all = True

    def needs_seats(self, content_limit: int | None) -> bool:
        return content_limit is not None


class ByHand(ProductKind):
    word, label = "manual", "Diproses manual"
    by_hand = True


KINDS: dict[str, ProductKind] = {kind.word: kind for kind in (Stock(), Shared(), Content(), ByHand())}
CHOICES = [(kind.word, kind.label) for kind in KINDS.values()]
COUNTED = [kind.word for kind in KINDS.values() if kind.counted]
FOR_ALL = [kind.word for kind in KINDS.values() if kind.for_all]
BY_HAND = [kind.word for kind in KINDS.values() if kind.by_hand]
