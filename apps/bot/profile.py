"""What Telegram says of our bot (getMe). A thief of its token can change some of it, the owner all of it at @BotFather."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from apps.base.incidents import raise_incident
from apps.base.stored import note, noted

PROFILE = "telegram_profile"  # the stored setting in which the leader keeps what it last saw
SEEN = ("first_name", "username", "can_join_groups", "can_read_all_group_messages", "supports_inline_queries")


def note_profile(me: dict[str, Any]) -> None:
    """Remember the result of getMe; when the same bot looks different from before, people are told once.

    Fields that are not in SEEN tell nothing: Telegram adds some now and then.
    """
    now = {"id": me["id"], **{name: me.get(name) for name in SEEN}}
    with transaction.atomic():
        before = noted(PROFILE) or {}
        if before == now:
            return
        note(PROFILE, now)
        if before.get("id") == now["id"]:
            named = {"was": name_of(before), "now": name_of(now)}
            raise_incident(
                "telegram.profile", "profile_changed", needs_hand=False, **named, renamed=named["was"] != named["now"]
            )


def name_of(me: dict[str, Any]) -> str:
    return f"{me['first_name']} (@{me['username']})"
