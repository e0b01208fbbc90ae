"""The shop's front: whether it sells now."""

from __future__ import annotations

from apps.base.stored_settings import Setting

SHOP_CLOSED = Setting(
    "shop_closed",
    False,
    "Toko tutup",
    "Pembeli masih bisa melihat-lihat, tapi tidak bisa memesan. Yang sudah dibayar tetap dikirim.",
)
CLOSED_NOTE = Setting("closed_note", "", "Pesan saat tutup", "Misalnya: buka lagi Senin jam 08.00.", most=200)
