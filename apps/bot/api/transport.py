"""python-telegram-bot's network layer on aiohttp.

Its own, on httpx, walks over all connections of the pool for each request: with 64 sends in flight that was most of
the processor time (measured: 60 messages a second at 100 ms; bench/README.md).
"""

from __future__ import annotations

from typing import Any

import aiohttp
from telegram.error import NetworkError, TimedOut
from telegram.request import BaseRequest, RequestData

from host.clock_drift import note_date
from host.tls import certificates

NOT_SENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)  # nothing has left this host
KEPT = 15.0  # seconds an idle connection is kept


class AiohttpRequest(BaseRequest):
    """One connection pool on the loop that first uses it. No redirects; a proxy comes from the environment."""

    def __init__(self, *, connections: int, connect: float, read: float, read_files: float) -> None:
        self._connections, self._connect, self._read, self._read_files = connections, connect, read, read_files
        self._session: aiohttp.ClientSession | None = None

    @property
    def read_timeout(self) -> float:
        return self._read

    async def initialize(self) -> None:
        """The session is made at the first call, on the loop that will use it."""

    async def shutdown(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=self._connections, keepalive_timeout=KEPT, ssl=certificates())
            self._session = aiohttp.ClientSession(connector=connector, trust_env=True)
        return self._session

    async def do_request(
        self,
        url: str,
        method: str,
        request_data: RequestData | None = None,
        read_timeout: Any = BaseRequest.DEFAULT_NONE,
        write_timeout: Any = BaseRequest.DEFAULT_NONE,
        connect_timeout: Any = BaseRequest.DEFAULT_NONE,
        pool_timeout: Any = BaseRequest.DEFAULT_NONE,
    ) -> tuple[int, bytes]:
        """Status and body. Raises TimedOut or NetworkError; aiohttp's error is the cause, which tells them apart."""
        files = request_data.multipart_data if request_data else None
        usual = self._read_files if files else self._read
        read = read_timeout if isinstance(read_timeout, int | float) else usual
        timeout = aiohttp.ClientTimeout(total=None, connect=self._connect, sock_connect=self._connect, sock_read=read)
        try:
            async with self._open().request(
                method, url, data=_form(request_data), timeout=timeout, allow_redirects=False
            ) as answer:
                note_date(answer.headers.get("Date"))
                return answer.status, await answer.read()
        except TimeoutError as error:
            raise TimedOut from error
        except aiohttp.ClientError as error:
            raise NetworkError(type(error).__name__) from error


def _in_a_header(filename: str) -> str:
    """A file's name as it may stand between quotes (RFC 7578): nothing that ends them or the line."""
    return "".join("_" if c in '"\\\r\n\0' else c for c in filename)


def _form(data: RequestData | None) -> Any:
    if data is None:
        return None
    if not data.multipart_data:
        return data.json_parameters
    form = aiohttp.FormData(quote_fields=False)  # else names of files arrive percent-encoded
    for name, value in data.json_parameters.items():
        form.add_field(name, value)
    for name, (filename, content, kind) in data.multipart_data.items():
        form.add_field(name, content, filename=_in_a_header(filename), content_type=kind)
    return form
