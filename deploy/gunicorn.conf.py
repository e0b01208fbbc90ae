"""gunicorn: threads, few processes; workers die with their master."""

import gc
import os
import time
from pathlib import Path
from typing import Any

from host.environment import value_of
from host.heartbeats import leave
from host.launch import die_with_parent

gc.disable()  # nothing that a start loads is garbage, and looking for some takes a quarter of it
socket_file = os.environ.get("AUTOORDER_WEB_SOCKET")  # production: nginx stands before it
# for whoever starts gunicorn by hand: `up` and systemd pass a socket on (LISTEN_FDS), which comes before it
bind = (
    f"unix:{socket_file}" if socket_file else f"{os.environ.get('BIND', '127.0.0.1')}:{os.environ.get('PORT', '8000')}"
)
worker_class = "gthread"
workers = int(value_of("AUTOORDER_WEB_WORKERS") or 2)
threads = int(value_of("AUTOORDER_WEB_THREADS") or 6)
preload_app = True
reuse_port = False
keepalive = 30
timeout = 30
graceful_timeout = 5
# seconds in which a load balancer may see that we stop, while we still answer; systemd kills after 20
drain = min(10.0, float(value_of("AUTOORDER_DRAIN") or (1 if socket_file else 0)))
accesslog = None
errorlog = "-"
loglevel = "warning"
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108  # nosec B108
control_socket_disable = True


def when_ready(server: Any) -> None:
    from apps.base.work.preload import loaded  # needs Django, which is set up by now

    loaded()
    end = server.handle_term

    def handle_term() -> None:
        leave("web")  # on purpose: `watch` wakes nobody, and /healthz/ready says 503 from here on
        time.sleep(drain)
        end()

    server.handle_term = handle_term


def post_fork(server: Any, worker: Any) -> None:
    die_with_parent()
