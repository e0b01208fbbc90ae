"""The socket the web process listens on, held by what supervises it: `up` here, systemd on a server
(autoorder-web.socket).

Who calls while the web process dies and starts anew is not refused: the call waits in the socket until the next one
takes it. Standard library only."""

from __future__ import annotations

import fcntl
import os
import socket

from host.postgres import CannotStart

OUT_OF_REACH = 100  # supervisor closes every file below `minfds` (deploy/supervisord.conf) before it starts a process
BACKLOG = 512  # calls that wait; the kernel's own limit is 4096


def open_door(bind: str, port: int) -> int:
    """Listen; returns the open file, which a supervised process finds under the same number. Raises CannotStart when
    taken.
    """
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    with socket.socket(family) as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            door.bind((bind.strip("[]"), port))
            door.listen(BACKLOG)
        except OSError as error:
            raise CannotStart(
                f"Port {port} on {bind} is taken ({error.strerror}). Try: PORT={port + 1} make run"
            ) from error
        number = fcntl.fcntl(door.fileno(), fcntl.F_DUPFD, OUT_OF_REACH)
    os.set_inheritable(number, True)
    return number
