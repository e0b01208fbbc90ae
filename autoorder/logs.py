"""Logs: a sentence and its `extra`, one line each; what is secret is cut out wherever it comes from."""

from __future__ import annotations

import logging
from typing import Any

from host.redaction import redact

USUAL = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class OneLine(logging.Formatter):
    """`time level logger: sentence key=value …`, without secrets."""

    def format(self, record: logging.LogRecord) -> str:
        extra = {key: value for key, value in vars(record).items() if key not in USUAL}
        pairs = "".join(f" {key}={value}" for key, value in extra.items() if not key.startswith("_"))
        text = super().format(record)
        first, newline, rest = text.partition("\n")
        return redact(f"{first}{pairs}{newline}{rest}")


def logging_config(debug: bool) -> dict[str, Any]:
    """Everything to standard error, which the supervisor caps and rotates; libraries that print tokens are silent."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {"()": "autoorder.logs.OneLine", "format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}
        },
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["console"], "level": "DEBUG" if debug else "INFO"},
        "loggers": {
            "httpx": {"level": "WARNING"},
            "httpcore": {"level": "WARNING"},
            "telegram": {"level": "WARNING"},
            "django-q": {"level": "WARNING", "handlers": ["console"], "propagate": False},
            "django.request": {"level": "ERROR"},
            "asyncio": {"level": "WARNING"},
        },
    }
