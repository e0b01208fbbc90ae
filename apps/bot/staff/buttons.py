"""What staff press under an alert. Rights belong to numeric ids in private chats; everybody else gets one uniform
answer.
"""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import override

from apps.base.incidents import Incident, mute_incident, resolve_incident, take_incident
from apps.bot.dialogue.context import Talk, toast
from apps.bot.dialogue.router import Routes
from apps.bot.dialogue.screens import Reply, Screen
from apps.bot.models import Chat
from apps.bot.staff.notices import incident_screen


def is_staff_id(user: int) -> bool:
    """Owner or operator, by numeric id."""
    return user in {*settings.OWNER_CHAT_IDS, *settings.ADMIN_CHAT_IDS}


def is_staff(chat: Chat) -> bool:
    """Owner or operator, in their own private chat."""
    return chat.kind == Chat.Kind.PRIVATE and is_staff_id(int(chat.telegram_id))


def press_incident(verb: str, pk: UUID, *, allowed: bool, actor: str, language: str) -> tuple[str, Screen | None]:
    """*Kutangani*: no more reminders. *Bisukan*: nothing of its kind for a night. *Selesai*: over, and everybody who
    heard of it is told. What to say, what to show."""
    incident = Incident.objects.filter(pk=pk).first() if allowed else None
    with override(language):
        if incident is None or verb not in ("take", "mute", "over"):
            return _("Tombol ini sudah tidak berlaku."), None
        if verb == "take":
            taken = take_incident(incident.key, actor=actor)
            said = _("Baik, tidak diingatkan lagi.") if taken else _("Sudah ada yang menangani, atau sudah selesai.")
        elif verb == "mute":
            done = mute_incident(incident.pk, actor=actor)
            said = (
                _("Dibisukan 8 jam. Kalau sesudah itu masih terbuka, kami kabari lagi.")
                if done
                else _("Sudah dibisukan.")
            )
        else:
            resolve_incident(incident.key, actor=actor)
            said = _("Ditandai selesai.")
    incident.refresh_from_db()
    return said, incident_screen(incident, "opened", language)


def staff_press(talk: Talk) -> Reply:
    """A button under an alert that the shop's bot brought."""
    chat = talk.chat
    said, screen = press_incident(
        talk.word(0), talk.row(1), allowed=is_staff(chat), actor=f"chat:{chat.pk}", language=chat.language
    )
    return Reply(screen=screen, toast=said) if screen else toast(said, alert=True)


ROUTES = Routes(buttons={"incident": staff_press})
