"""What Telegram says of our bot. A thief of its token can rename it, in one language only too; the owner can at
@BotFather.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction

from apps.base.incidents import raise_incident
from apps.base.stored_settings import note, noted

PROFILE = "telegram_profile"  # the stored setting in which the leader keeps what it last saw
SEEN = ("first_name", "username", "can_join_groups", "can_read_all_group_messages", "supports_inline_queries")


def note_profile(me: dict[str, Any], names: list[str] | None) -> None:
    """Remember the results of getMe and of getMyName in the shop's languages (None: it could not be asked); when the
    same bot looks different from before, people are told once.

    Fields that are not in SEEN tell nothing: Telegram adds some now and then.
    """
    with transaction.atomic():
        before = noted(PROFILE) or {}
        now = {"id": me["id"], **{name: me.get(name) for name in SEEN}, "names": names or before.get("names") or []}
        if before == now:
            return
        note(PROFILE, now)
        if before.get("id") == now["id"] and "names" in before:
            renamed = any(before[part] != now[part] for part in ("first_name", "username", "names"))
            raise_incident(
                "telegram.profile",
                "profile_changed",
                needs_hand=False,
                was=called(before),
                now=called(now),
                renamed=renamed,
            )


def called(profile: dict[str, Any]) -> str:
    """Its name, those of other languages that differ, and its username."""
    names = dict.fromkeys([profile["first_name"], *profile["names"]])
    return f"{' / '.join(names)} (@{profile['username']})"
