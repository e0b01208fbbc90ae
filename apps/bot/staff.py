"""What staff press under an alert. Rights belong to numeric ids in private chats; everybody else gets one uniform answer."""

from __future__ import annotations

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import override

from apps.base.incidents import Incident, resolve_incident, take_incident
from apps.bot.models import Chat
from apps.bot.news import incident_screen
from apps.bot.router import Routes
from apps.bot.screens import Reply
from apps.bot.talk import Talk, toast


def is_staff(chat: Chat) -> bool:
    """Owner or operator, in their own private chat."""
    return chat.kind == Chat.Kind.PRIVATE and int(chat.telegram_id) in {
        *settings.OWNER_CHAT_IDS,
        *settings.ADMIN_CHAT_IDS,
    }


def staff_press(talk: Talk) -> Reply:
    """*Kutangani*: no more reminders. *Selesai*: over, and everybody who heard of it is told."""
    verb, pk = talk.word(0), talk.row(1)
    incident = Incident.objects.filter(pk=pk).first() if is_staff(talk.chat) else None
    with override(talk.chat.language):
        if incident is None or verb not in ("take", "over"):
            return toast(_("Tombol ini sudah tidak berlaku."), alert=True)
        actor = f"chat:{talk.chat.pk}"
        if verb == "take":
            take_incident(incident.pk, actor=actor)
            said = _("Baik, tidak diingatkan lagi.")
        else:
            resolve_incident(incident.key, actor=actor)
            said = _("Ditandai selesai.")
    incident.refresh_from_db()
    return Reply(screen=incident_screen(incident, "opened", talk.chat.language), toast=said)


ROUTES = Routes(buttons={"incident": staff_press})
