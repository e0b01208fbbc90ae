"""No secret leaves by a log, a report or a breadcrumb, in whatever spelling."""

from __future__ import annotations

import base64
import logging
import subprocess
import sys
from typing import Any
from urllib.parse import quote

import pytest
import sentry_sdk
from sentry_sdk.transport import Transport

from autoorder.logs import OneLine
from host import redaction
from host.environment import ROOT
from host.redaction import learn, redact, redact_all, redact_report

SECRET = "s3kr1t/with+signs=="
TOKEN = "123456789:AAaaBBbbCCccDDddEEeeFFffGGggHHhh"


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_values", {})
    monkeypatch.setattr(redaction, "_pattern", None)
    learn("PAKASIR_API_KEY", SECRET)
    learn("EMAIL_URL", "smtp+tls://toko%40x.id:p%40ssw0rd@mail.x.id/?to=a@b.c")
    learn("ALERT_WEBHOOK_URL", "https://hooks.x.id/T000/very-secret-path")
    learn("SENTRY_DSN", "https://abcdef0123456789@o1.ingest.sentry.io/2")
    learn("FIELD_KEYS", "k1:c2VjcmV0LWtleS1vbmU=,k2:c2VjcmV0LWtleS10d28=")


SPELLINGS = [
    SECRET,
    quote(SECRET, safe=""),
    base64.b64encode(SECRET.encode()).decode(),
    f"X-Secret: {SECRET}",
    f"https://x/{quote(SECRET, safe='')}?a=1",
    TOKEN,
    f"https://api.telegram.org/bot{TOKEN}/sendMessage",
    f"https://api.telegram.org/file/bot{TOKEN}/x.jpg",
    "p%40ssw0rd",
    "p@ssw0rd",
    "postgres://autoorder:hunter22@db/x",
    "/T000/very-secret-path",
    "abcdef0123456789",
    "c2VjcmV0LWtleS10d28=",
]
HIDDEN = (
    SECRET,
    quote(SECRET, safe=""),
    TOKEN,
    "p%40ssw0rd",
    "p@ssw0rd",
    "hunter22",
    "very-secret-path",
    "abcdef0123456789",
    "c2VjcmV0LWtleS10d28",
    base64.b64encode(SECRET.encode()).decode().rstrip("="),
)


def is_clean(text: str) -> bool:
    return not any(secret in text for secret in HIDDEN)


@pytest.mark.parametrize("text", SPELLINGS)
def test_in_every_spelling(text: str) -> None:
    assert is_clean(redact(f"before {text} after"))
    assert redact("before and after") == "before and after"


def test_however_deep() -> None:
    thing = {"request": {"headers": {"X-Secret": SECRET, SECRET: [1, (SECRET.encode(), None, True)]}}, "n": 7}
    assert is_clean(str(redact_all(thing)))
    assert redact_all(thing)["n"] == 7
    endless: dict[str, Any] = {}
    endless["x"] = endless
    assert redact_all(endless)


class Captured(Transport):
    """A DSN that leads nowhere: what would be sent is kept."""

    sent: list[str]

    def __init__(self, options: Any = None) -> None:
        super().__init__(options)
        self.sent = []

    def capture_envelope(self, envelope: Any) -> None:
        self.sent += [item.payload.get_bytes().decode() for item in envelope.items]


def test_sentry_gets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    transport = Captured()
    with sentry_sdk.isolation_scope() as scope:
        client = sentry_sdk.Client(
            dsn="https://key@127.0.0.1/1",
            transport=transport,
            before_send=redact_report,
            before_breadcrumb=redact_report,
            include_local_variables=True,
            default_integrations=False,
        )
        scope.set_client(client)
        sentry_sdk.add_breadcrumb(
            category="http", message=f"POST /bot{TOKEN}/x", data={"url": f"https://x/bot{TOKEN}", "X-Secret": SECRET}
        )
        sentry_sdk.set_context(
            "call", {"headers": {"Authorization": f"Basic {base64.b64encode(SECRET.encode()).decode()}"}}
        )
        try:
            local = f"a local variable with {SECRET}"
            raise RuntimeError(f"{local} and postgres://u:hunter22@db")
        except RuntimeError as error:
            sentry_sdk.capture_exception(error)
        client.flush()
    assert transport.sent
    assert all(map(is_clean, transport.sent))


def test_logs_get_none() -> None:
    record = logging.makeLogRecord(
        {
            "msg": f"calling https://api/bot{TOKEN}/x with {SECRET}",
            "levelname": "INFO",
            "name": "x",
            "headers": {"X-Secret": SECRET},
        }
    )
    try:
        raise ValueError(SECRET)
    except ValueError:
        import sys

        record.exc_info = sys.exc_info()
    assert is_clean(OneLine("%(message)s").format(record))


def test_a_rotated_secret_is_known_as_soon_as_it_is_read(db: Any) -> None:
    from apps.base.credentials import credential, rotate

    rotate("PAKASIR_API_KEY", "a-new-api-key-77", actor="t")
    assert credential("PAKASIR_API_KEY") == "a-new-api-key-77"
    assert redact("key a-new-api-key-77") == "key [PAKASIR_API_KEY]"


def test_no_rotatable_secret_is_told() -> None:
    code = (
        "from autoorder.settings import CREDENTIALS; from host.redaction import redact\n"
        "told = [name for name, value in CREDENTIALS.items() if value and value in redact(f'said {value} aloud')]\n"
        "print(len([value for value in CREDENTIALS.values() if value]), told)"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout == "4 []\n", "the bot's token and webhook secret, the gateway's two"
