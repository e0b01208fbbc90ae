"""Questions at checkout as a seller writes them: one a line, `pertanyaan | jenis jawaban | petunjuk`."""

from __future__ import annotations

import re

from django.core.exceptions import ValidationError

HELP = (
    "Satu pertanyaan per baris: pertanyaan | jenis jawaban | petunjuk. Jenis jawaban: bebas, angka, angka 6-12, email, "
    "atau pola. Contoh: Berapa ID game kamu? | angka 6-12 | lihat di profil"
)
EMAIL = r"[^@\s]+@[^@\s]+\.[^@\s]+"
DIGITS = re.compile(r"angka (\d{1,2})(?:-(\d{1,2}))?")
DIGITS_PATTERN = re.compile(r"(?:\\d|\[0-9\])\{(\d{1,2})(?:,(\d{1,2}))?\}")


def read(text: str) -> list[dict[str, str]]:
    """The lines as questions: label, pattern, hint. Raises ValidationError."""
    questions = []
    for line in text.splitlines():
        if not line.strip():
            continue
        label, kind, hint = ([part.strip() for part in line.split("|", 2)] + ["", ""])[:3]
        if not label:
            raise ValidationError(f"Tulis pertanyaannya dulu: {line.strip()[:60]!r}")
        question = {"label": label, "pattern": _pattern(kind), "hint": hint}
        questions.append({name: value for name, value in question.items() if value})
    return questions


def _pattern(kind: str) -> str:
    if kind.lower() in ("", "bebas"):
        return ""
    if kind.lower() == "angka":
        return r"\d+"
    if kind.lower() == "email":
        return EMAIL
    if found := DIGITS.fullmatch(kind.lower()):
        least, most = found.group(1), found.group(2)
        return rf"\d{{{least},{most}}}" if most else rf"\d{{{least}}}"
    try:
        re.compile(kind)
    except re.error as error:
        raise ValidationError(f"Jenis jawaban {kind!r} tidak dikenal, dan bukan pola yang bisa dibaca.") from error
    return kind


def write(questions: list[dict[str, str]]) -> str:
    """Questions as the lines that `read` reads back."""
    lines = []
    for question in questions:
        parts = [question.get("label", ""), _kind(question.get("pattern", "")), question.get("hint", "")]
        while parts and not parts[-1]:
            parts.pop()
        lines.append(" | ".join(parts))
    return "\n".join(lines)


def _kind(pattern: str) -> str:
    known = {"": "", r"\d+": "angka", EMAIL: "email"}
    if pattern in known:
        return known[pattern]
    if found := DIGITS_PATTERN.fullmatch(pattern):
        return f"angka {found.group(1)}-{found.group(2)}" if found.group(2) else f"angka {found.group(1)}"
    return pattern
