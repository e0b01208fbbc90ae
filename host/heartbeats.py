"""Signs of life as files: `watch` reads them without a database; systemd hears them too. Standard library only."""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress
from pathlib import Path

from host.environment import run_folder


def folder() -> Path:
    """Where the heartbeat files lie."""
    return run_folder() / "beats"


def note(name: str) -> None:
    """Write down that `name` did real work just now: a file's time, which a full disk keeps as well. Never raises
    OSError.
    """
    with suppress(OSError):
        folder().mkdir(parents=True, exist_ok=True)
        (folder() / name).touch()


def leave(name: str) -> None:
    """Write down that `name` ends because it was asked to, or for a reason of its own: nobody needs to be woken."""
    note(f"{name}.left")


def forget_leave(name: str) -> None:
    """Each leave excuses one end."""
    with suppress(OSError):
        (folder() / f"{name}.left").unlink()


def left_lately(name: str, seconds: float) -> bool:
    """Whether `name` left by intent within the last so many seconds. A note from the future is of a clock that was
    ahead.
    """
    ago = silence(f"{name}.left")
    return ago is not None and 0 <= ago < seconds


def beat(name: str) -> None:
    """Say of oneself, for `watch` and systemd, that real work was done just now."""
    note(name)
    notify("READY=1\nWATCHDOG=1")


def notify(what: str) -> None:
    """Say something to systemd by sd_notify(3); nothing happens under another supervisor."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as wire, suppress(OSError):
        wire.connect("\0" + address[1:] if address.startswith("@") else address)
        wire.send(what.encode())


def silence(name: str) -> float | None:
    """Seconds since `name` last gave a sign; None if it never did."""
    try:
        return time.time() - (folder() / name).stat().st_mtime
    except OSError:
        return None
