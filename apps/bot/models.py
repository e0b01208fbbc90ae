"""Chats and messages; never products."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from django.db import models
from django.db.models import Q

from apps.base.clock import ShopNow
from apps.base.fields import EncryptedBytesField, EncryptedJSONField, EncryptedTextField, shown
from apps.base.ids import uuid7
from apps.base.sealing import lookup_hash
from apps.base.work.claimable import Claimable, dead_index, due_index
from apps.bot.inbound.incoming import Incoming


def telegram_hash(telegram_id: int) -> bytes:
    """The lookup column of a Telegram id (33 bytes)."""
    return lookup_hash("telegram_id", str(telegram_id))


class Chat(models.Model):
    """Somebody, or a group, that the bot talks with. Known by numeric id whatever bot we use."""

    class Kind(models.TextChoices):
        PRIVATE = "private", "Pribadi"
        GROUP = "group", "Grup"
        SUPERGROUP = "supergroup", "Grup besar"
        CHANNEL = "channel", "Kanal"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    telegram_hash = models.BinaryField(max_length=33, unique=True)
    telegram_id = EncryptedTextField(column_name="chat.telegram_id")
    kind = models.CharField("jenis", max_length=12, choices=Kind, default=Kind.PRIVATE)
    name = EncryptedTextField(column_name="chat.name", null=True)
    username = EncryptedTextField(column_name="chat.username", null=True)
    language = models.CharField("bahasa", max_length=5, default="id")
    blocked_at = models.DateTimeField("memblokir bot", null=True, blank=True)  # the buyer blocked the bot
    bot = models.BigIntegerField(null=True, blank=True)  # the bot it last met; NULL: whichever there was
    missed_at = models.DateTimeField(null=True, blank=True)  # goods could not be brought: sent again when they write
    # the last album, so that its other pictures get no answer of their own
    album = models.CharField(max_length=40, blank=True, default="", db_default="")
    window_at = models.DateTimeField(null=True, blank=True)  # start of the minute in which actions are counted
    window_actions = models.PositiveIntegerField(default=0)
    first_seen_at = models.DateTimeField("pertama menyapa", db_default=ShopNow())

    class Meta:
        verbose_name = "obrolan"
        verbose_name_plural = "obrolan"

    def __str__(self) -> str:
        return f"{shown(self, 'name') or '?'} ({shown(self, 'telegram_id')})"


class ChatSession(models.Model):
    """Where a dialogue stands: survives every restart."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    chat = models.OneToOneField(Chat, on_delete=models.CASCADE, related_name="session")
    state = models.CharField(max_length=40, blank=True, default="")
    data = EncryptedJSONField(column_name="chat_session.data", default=dict)


class InboundUpdate(Claimable):
    """One update of Telegram, stored before anything else happens. `next_at` NULL: final."""

    BELL = "apps.bot.inbound.inbox.ring_update"
    STEP = timedelta(seconds=20)
    LEASE = timedelta(seconds=60)
    DELAYS: ClassVar[tuple[int, ...]] = (1, 4)

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    bot = models.BigIntegerField("bot")
    update_id = models.BigIntegerField("nomor Telegram")
    chat = models.ForeignKey(Chat, verbose_name="obrolan", null=True, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField("jenis", max_length=24)
    body = EncryptedJSONField(column_name="inbound_update.body")
    outcome = models.CharField("hasil", max_length=60, blank=True, default="")  # route taken, or why it was left
    stored_at = models.DateTimeField("disimpan", db_default=ShopNow())
    handled_at = models.DateTimeField("dijawab", null=True, blank=True)
    parsed: Incoming  # what the body says, while it is handled

    class Meta:
        verbose_name = "pesan masuk"
        verbose_name_plural = "pesan masuk"
        constraints = [models.UniqueConstraint(fields=["bot", "update_id"], name="inbound_once")]
        indexes = [
            due_index("inbound_due"),
            dead_index("inbound_dead"),
            models.Index(fields=["chat", "update_id"], name="inbound_waiting", condition=Q(next_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.update_id}"


class OutboundMessage(Claimable):
    """One call to Telegram that changes what somebody sees. Its sender looks for itself, so it has no bell."""

    BELL = ""

    class State(models.TextChoices):
        QUEUED = "queued", "Menunggu dikirim"
        SENDING = "sending", "Sedang dikirim"
        SENT = "sent", "Terkirim"
        UNKNOWN = "unknown", "Mungkin sampai"  # may have arrived; left so for what must not be repeated
        FAILED = "failed", "Gagal"
        EXPIRED = "expired", "Kedaluwarsa"  # a reply that nobody waits for any more
        REPLACED = "replaced", "Diganti yang baru"  # an edit overtaken by a later edit of the same message

    class Kind(models.TextChoices):
        GOODS = "goods", "Barang"
        INVOICE = "invoice", "Tagihan QR"
        SNK = "snk", "SNK"
        REPLY = "reply", "Jawaban"
        ANSWER = "answer", "Jawaban tombol"  # of a callback query
        NOTICE = "notice", "Kabar"
        BROADCAST = "broadcast", "Siaran"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    chat = models.ForeignKey(Chat, verbose_name="obrolan", on_delete=models.PROTECT, related_name="outbox")
    kind = models.CharField("jenis", max_length=10, choices=Kind)
    urgency = models.PositiveSmallIntegerField("urutan")  # 0 goods, invoice, SNK · 1 replies · 2 notices · 3 broadcast
    method = models.CharField("perintah Telegram", max_length=40)
    payload = EncryptedJSONField(column_name="outbound_message.payload")
    file = EncryptedBytesField(column_name="outbound_message.file", null=True)
    file_name = models.CharField("nama file", max_length=80, blank=True, default="")
    target = models.BigIntegerField("pesan diubah", null=True, blank=True)  # Telegram's id of what an edit changes
    replaces = models.BigIntegerField("pesan diganti", null=True, blank=True)  # deleted once this one stands
    state = models.CharField("status", max_length=10, choices=State, default=State.QUEUED)
    plainness = models.PositiveSmallIntegerField("bentuk", default=0)  # 0 HTML · 1 plain text · 2 a .txt document
    unknowns = models.PositiveSmallIntegerField("mungkin sampai", default=0)  # how often it may have arrived already
    epoch = models.BigIntegerField(default=0)  # of the lease under which it was claimed
    expires_at = models.DateTimeField("berlaku sampai", null=True, blank=True)
    message_id = models.BigIntegerField("nomor pesan", null=True, blank=True)
    on_sent = models.CharField(max_length=120, blank=True, default="")
    on_failed = models.CharField(max_length=120, blank=True, default="")
    about = models.CharField("tentang", max_length=80, blank=True, default="")  # the key that on_sent and on_failed get
    queued_at = models.DateTimeField("disiapkan", db_default=ShopNow())
    sent_at = models.DateTimeField("terkirim", null=True, blank=True)

    class Meta:
        verbose_name = "pesan keluar"
        verbose_name_plural = "pesan keluar"
        indexes = [
            models.Index(fields=["urgency", "id"], name="outbound_queued", condition=Q(state="queued")),
            models.Index(fields=["epoch"], name="outbound_sending", condition=Q(state="sending")),
            models.Index(
                fields=["chat", "target"],
                name="outbound_edits",
                condition=Q(state="queued", target__isnull=False),
            ),
            models.Index(fields=["about"], name="outbound_about", condition=~Q(about="")),
            models.Index(fields=["chat", "-id"], name="outbound_chat"),
            dead_index("outbound_dead"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} · {self.get_state_display()}"


class Picture(models.Model):
    """Bytes of a picture: Telegram's file ids die with the bot."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    content = models.BinaryField()
    content_type = models.CharField(max_length=20)
    sha256 = models.BinaryField(max_length=32, unique=True)


class PictureFile(models.Model):
    """What one bot may send instead of the bytes."""

    bot = models.BigIntegerField()
    picture = models.ForeignKey(Picture, on_delete=models.CASCADE, related_name="files")
    file_id = models.CharField(max_length=200)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["bot", "picture"], name="picture_file_once")]
