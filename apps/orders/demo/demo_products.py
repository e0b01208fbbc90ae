"""The demo products as data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from apps.orders.kinds import ByHand, Content, Shared, Stock

HOUSE_RULES = (
    "Satu akun satu perangkat. Jangan ganti email, sandi atau profil. Kalau aturan dilanggar, akunnya bisa terkunci."
)


@dataclass(frozen=True)
class DemoProduct:
    code: str
    name: str
    category: str
    emoji: str
    kind: str
    description: str
    variants: list[tuple[str, int, int | None]]  # name, rupiah, days
    sample: str = ""  # {n} counts, {tag} names the variant
    units: int = 0
    seats: int = 0
    terms: str = ""
    max_quantity: int = 10
    colour: str = "#334155"
    questions: list[dict[str, Any]] = field(default_factory=list)


PRODUCTS = [
    DemoProduct(
        "netflix",
        "Netflix Premium",
        "Streaming",
        "🎬",
        Shared.word,
        "Akun bersama, 1 profil + PIN milikmu sendiri. Ultra HD, bisa di HP, TV dan laptop.",
        [("1 bulan", 32_000, 30), ("3 bulan", 89_000, 90)],
        "netflix.{tag}.{n}@contoh.id | nonton-{tag}-{n}",
        units=3,
        seats=5,
        colour="#b91c1c",
        terms=f"{HOUSE_RULES} Pakai hanya profil yang tertulis.",
        max_quantity=3,
    ),
    DemoProduct(
        "spotify",
        "Spotify Premium",
        "Streaming",
        "🎬",
        Stock.word,
        "Akun individu siap pakai, tanpa iklan, bisa unduh lagu.",
        [("1 bulan", 18_000, 30)],
        "spotify{n}@contoh.id|lagu-enak-{n}",
        units=60,
        colour="#15803d",
        terms=HOUSE_RULES,
    ),
    DemoProduct(
        "youtube",
        "YouTube Premium",
        "Streaming",
        "🎬",
        Stock.word,
        "Undangan keluarga ke emailmu sendiri tidak perlu: akun langsung jadi.",
        [("1 bulan", 12_000, 30)],
        "yt{n}@contoh.id|tonton-{n}",
        units=25,
        colour="#dc2626",
        terms=HOUSE_RULES,
    ),
    DemoProduct(
        "ml-diamond",
        "Mobile Legends Diamond",
        "Game",
        "🎮",
        ByHand.word,
        "Diisi langsung ke akunmu oleh penjual. Siapkan ID dan server.",
        [("86 diamond", 22_000, None), ("172 diamond", 43_000, None), ("257 diamond", 64_000, None)],
        colour="#1d4ed8",
        terms="Pastikan ID dan server benar: diamond yang sudah masuk tidak bisa dipindahkan.",
        max_quantity=1,
        questions=[
            {
                "label": "Berapa ID Mobile Legends kamu?",
                "kind": "angka 6-12",
                "hint": "6 sampai 12 angka, lihat di profil",
            },
            {"label": "Berapa nomor server kamu?", "kind": "angka 4-5", "hint": "4 atau 5 angka di dalam kurung"},
        ],
    ),
    DemoProduct(
        "steam",
        "Steam Wallet IDR",
        "Game",
        "🎮",
        Stock.word,
        "Kode resmi untuk akun Steam Indonesia. Masukkan di Steam › Redeem.",
        [("12.000", 15_000, None), ("45.000", 52_000, None), ("60.000", 69_000, None)],
        "STM{n:03d}-{tag}-DEMO{n:04d}",
        units=40,
        colour="#0f172a",
        terms="Kode yang sudah dilihat tidak bisa dikembalikan.",
    ),
    DemoProduct(
        "pln",
        "Token Listrik PLN",
        "Voucher",
        "🎟️",
        Stock.word,
        "Token 20 angka, tinggal ketik di meteran.",
        [("20.000", 22_000, None), ("50.000", 52_500, None)],
        "{n:04d}-5521-{tag}-{n:04d}-7790",
        units=30,
        colour="#a16207",
    ),
    DemoProduct(
        "canva",
        "Canva Pro Lifetime",
        "Aplikasi",
        "🧩",
        Stock.word,
        "Undangan tim Canva Pro, aktif di emailmu.",
        [("", 10_000, None)],
        "https://contoh.id/canva/undangan-{n:03d}",
        units=1,
        colour="#7c3aed",
        terms=HOUSE_RULES,
    ),
    DemoProduct(
        "resep",
        "E-book 50 Resep Nusantara",
        "Aplikasi",
        "🧩",
        Content.word,
        "Tautan unduh PDF, bisa dibuka kapan saja.",
        [("", 25_000, None)],
        "https://contoh.id/unduh/50-resep-nusantara.pdf sandi: dapur-ibu",
        colour="#c2410c",
        terms="Untuk dipakai sendiri, jangan dibagikan lagi ya.",
        max_quantity=1,
    ),
]
