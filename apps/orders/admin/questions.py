"""Questions at checkout as a seller writes them: one a line, `pertanyaan | jenis jawaban | petunjuk`."""

from __future__ import annotations

from django.core.exceptions import ValidationError

from apps.orders.checkout_answers import kind_of, read_kind

HELP = (
    "Satu pertanyaan per baris: pertanyaan | jenis jawaban | petunjuk. Jenis jawaban: bebas, angka, huruf, email atau"
    " telepon; angka, huruf dan bebas boleh dengan panjangnya. Contoh: Berapa ID game kamu? | angka 6-12 | lihat di"
    " profil"
)


def read(text: str) -> list[dict[str, str]]:
    """The lines as questions: label, kind, hint. Raises ValidationError."""
    questions = []
    for line in text.splitlines():
        if not line.strip():
            continue
        label, kind, hint = ([part.strip() for part in line.split("|", 2)] + ["", ""])[:3]
        if not label:
            raise ValidationError(f"Tulis pertanyaannya dulu: {line.strip()[:60]!r}")
        known = read_kind(kind)
        if known is None:
            raise ValidationError(
                f"Jenis jawaban {kind!r} tidak dikenal. Pilih bebas, angka 6-12, huruf, email atau telepon."
            )
        question = {"label": label, "kind": str(known), "hint": hint}
        questions.append({name: value for name, value in question.items() if value and value != "bebas"})
    return questions


def write(questions: list[dict[str, str]]) -> str:
    """Questions as the lines that `read` reads back."""
    lines = []
    for question in questions:
        kind = str(kind_of(question))
        parts = [question.get("label", ""), "" if kind == "bebas" else kind, question.get("hint", "")]
        while parts and not parts[-1]:
            parts.pop()
        lines.append(" | ".join(parts))
    return "\n".join(lines)
