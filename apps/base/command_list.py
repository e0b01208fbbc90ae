"""What `manage.py` and `manage.py help` print: the shop's own commands first, a line each."""

from __future__ import annotations

import re

from django.core.management import get_commands, load_command_class

DJANGOS_OWN = ("makemigrations", "migrate")  # ours only leave labels out


def command_list() -> str:
    """One line for each command of our rooms, by name; Django's are only counted."""
    every = get_commands()
    ours = sorted(name for name, room in every.items() if room.startswith("apps.") and name not in DJANGOS_OWN)
    lines = [f"  {name:<16}{first_sentence(load_command_class(every[name], name).help)}" for name in ours]
    return "\n".join(
        [
            "The shop's commands (each with --help and an example):",
            "",
            *lines,
            "",
            f"Django's own {len(every) - len(ours)} commands: manage.py help --commands",
        ]
    )


def first_sentence(text: str) -> str:
    """Without its full stop, in one line of a terminal."""
    sentence = re.split(r"[.;](?=\s|$)", " ".join(text.split()), maxsplit=1)[0]
    return sentence if len(sentence) <= 96 else sentence[:95].rsplit(" ", 1)[0] + " …"
