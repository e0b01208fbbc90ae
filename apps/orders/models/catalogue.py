"""What is for sale."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q

from apps.base.fields import NameField
from apps.bot.models import Picture
from apps.orders.kinds import CHOICES, KINDS, ProductKind, Stock


class Category(models.Model):
    name = NameField("nama", max_length=40, unique=True)
    emoji = models.CharField("emoji", max_length=8, blank=True, default="")
    position = models.PositiveIntegerField("urutan", default=0)

    class Meta:
        verbose_name = "kategori"
        verbose_name_plural = "kategori"
        ordering = ["position", "name"]

    def __str__(self) -> str:
        return f"{self.emoji} {self.name}".strip()


class Product(models.Model):
    """One thing on the shelf, in one or more variants."""

    code = models.SlugField("kode", max_length=40, unique=True)
    name = NameField("nama", max_length=60)
    description = models.TextField("deskripsi", blank=True, default="", max_length=2000)
    category = models.ForeignKey(
        Category, null=True, blank=True, on_delete=models.SET_NULL, related_name="products", verbose_name="kategori"
    )
    kind = models.CharField("jenis", max_length=10, choices=CHOICES, default=Stock.word)
    picture = models.ForeignKey(
        Picture, verbose_name="foto", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    terms = models.TextField("SNK", blank=True, default="", max_length=20_000)
    account_fields = models.CharField(
        "isi akun",
        max_length=120,
        blank=True,
        default="",
        help_text=(
            "Nama tiap bagian, dipisah |, misalnya email|password|pin. Pembeli melihat tiap bagian dengan namanya dan"
            " bisa menyalinnya."
        ),
    )
    is_active = models.BooleanField("dijual", default=True)
    is_hidden = models.BooleanField("disembunyikan", default=False)
    min_quantity = models.PositiveSmallIntegerField("minimal", default=1, validators=[MinValueValidator(1)])
    max_quantity = models.PositiveSmallIntegerField(
        "maksimal", default=10, validators=[MinValueValidator(1), MaxValueValidator(1000)]
    )
    warranty_days = models.PositiveSmallIntegerField("garansi (hari)", default=0)
    questions = models.JSONField(
        "pertanyaan saat checkout",
        default=list,
        blank=True,
        help_text=(
            'Untuk yang diproses manual. Contoh: [{"label": "ID game?", "kind": "angka 6-12", "hint": "lihat di'
            ' profil"}]'
        ),
    )
    promised_minutes = models.PositiveIntegerField("janji selesai (menit)", default=60)
    position = models.PositiveIntegerField("urutan", default=0)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = "produk"
        verbose_name_plural = "produk"
        ordering = ["position", "name", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(min_quantity__gte=1, max_quantity__gte=F("min_quantity")), name="product_quantities"
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def sold_as(self) -> ProductKind:
        """What follows from its kind."""
        return KINDS[self.kind]


class Variant(models.Model):
    """A product at one price, perhaps for a number of days."""

    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="variants", verbose_name="produk")
    name = NameField("nama", max_length=40, blank=True, default="")
    price = models.PositiveIntegerField("harga (rupiah)", validators=[MinValueValidator(1)])
    cost = models.PositiveIntegerField("modal (rupiah)", null=True, blank=True)
    duration_days = models.PositiveSmallIntegerField("masa aktif (hari)", null=True, blank=True)
    seats_per_unit = models.PositiveSmallIntegerField("slot per akun", default=1, validators=[MinValueValidator(1)])
    content_limit = models.PositiveIntegerField("batas jumlah (isi yang sama)", null=True, blank=True)
    is_active = models.BooleanField("dijual", default=True)
    position = models.PositiveIntegerField("urutan", default=0)

    class Meta:
        verbose_name = "varian"
        verbose_name_plural = "varian"
        ordering = ["position", "price", "id"]
        constraints = [
            models.UniqueConstraint(fields=["product", "name"], name="variant_once"),
        ]

    def __str__(self) -> str:
        return self.full_name

    @property
    def full_name(self) -> str:
        """`Netflix Premium 1 bulan`."""
        return f"{self.product.name} {self.name}".strip()
