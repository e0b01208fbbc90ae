"""The HTTP side: Bot API under /telegram, each gateway under its name, the page's own calls under /control."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from fakes.bot_api_rules import in_codes
from fakes.control_api import control_routes
from fakes.faults import Faults
from fakes.gateways import fake_gateways
from fakes.rate_limits import Answer
from fakes.saved_state import Journal
from fakes.telegram import FakeTelegram
from fakes.webhook_delivery import Courier

UPLOAD_BYTES = 50_000_000


class World:
    """All fakes and their switches."""

    def __init__(
        self,
        folder: Path,
        *,
        token: str,
        shop_url: str,
        rate: float,
        strict: bool = True,
    ) -> None:
        self.token = token
        self.faults = Faults()
        self.telegram = FakeTelegram(Journal(folder, "telegram"), rate=rate, clock=self.faults.now)
        self.gateways: dict[str, Any] = {
            name: fake(Journal(folder, name), self.faults, shop_url=shop_url, strict=strict)
            for name, fake in fake_gateways().items()
        }
        self.session: aiohttp.ClientSession | None = None
        self.background: set[asyncio.Task[Any]] = set()

    def start(self, job: Any) -> None:
        task = asyncio.create_task(job)
        self.background.add(task)
        task.add_done_callback(self.background.discard)


WORLD: web.AppKey[World] = web.AppKey("world", World)


async def bot_api(request: web.Request) -> web.StreamResponse:
    world = request.app[WORLD]
    faults = world.faults
    if faults.telegram_down:
        return cut(request)
    if request.match_info["token"] != world.token:
        return refusal(401, "Unauthorized")
    if faults.telegram_500:
        return refusal(500, "Internal Server Error")
    method = request.match_info["method"]
    params = await read_params(request)
    try:
        if method == "getUpdates":
            result: Any = await world.telegram.get_updates(params)
            return web.json_response({"ok": True, "result": result})
        await faults.wait(faults.telegram_delay)
        if faults.telegram_429 > 0:
            faults.telegram_429 -= 1
            raise Answer(429, "Too Many Requests: retry after 2", retry_after=2)
        if (
            faults.telegram_refuses
            and faults.telegram_refuses in f"{params.get('text', '')}{params.get('caption', '')}"
        ):
            raise Answer(400, "Bad Request: SOMETHING_NEW_INVALID")
        result = world.telegram.call(method, params)
    except Answer as answer:
        said = in_codes(answer.description) if faults.telegram_codes else answer.description
        return refusal(answer.code, said, **answer.parameters)
    await world.telegram.wake()
    if faults.cuts():
        return cut(request)
    return web.json_response({"ok": True, "result": result})


async def file_api(request: web.Request) -> web.Response:
    """A file that a person sent, as getFile names it."""
    world = request.app[WORLD]
    content = world.telegram.journal.blob(request.match_info["name"])
    if request.match_info["token"] != world.token or content is None:
        return web.Response(status=404)
    return web.Response(body=content, content_type="application/octet-stream")


def cut(request: web.Request) -> web.Response:
    """Break the connection: the caller cannot know what happened."""
    if request.transport is not None:
        request.transport.close()
    return web.Response(status=502)


def refusal(code: int, description: str, **parameters: Any) -> web.Response:
    extra = {"parameters": parameters} if parameters else {}
    return web.json_response({"ok": False, "error_code": code, "description": description, **extra}, status=code)


async def read_params(request: web.Request) -> dict[str, Any]:
    params: dict[str, Any] = dict(request.query)
    for name, value in (await request.post()).items():
        if isinstance(value, web.FileField):
            params[name] = value.file.read()
            if name == "document":
                params["document_name"] = value.filename
        else:
            params[name] = value
    name = params.pop("document_name", None)
    if name is not None:
        params["document"] = Named(params["document"], name)
    return params


class Named(bytes):
    """Bytes of a file with the name they came under."""

    name: str

    def __new__(cls, content: bytes, name: str) -> Named:
        made = super().__new__(cls, content)
        made.name = name
        return made


async def gateway_api(request: web.Request) -> web.Response:
    world = request.app[WORLD]
    fake, faults = world.gateways.get(request.match_info["gateway"]), world.faults
    if fake is None:
        return web.json_response({"message": "Not Found"}, status=404)
    if faults.gateway_down:
        return web.json_response({"message": "Service Unavailable"}, status=503)
    await faults.wait(faults.gateway_delay)
    answer: web.Response = await fake.answer(request, request.match_info["path"])
    return answer


def make_app(world: World) -> web.Application:
    """The whole server; nothing of it listens anywhere but on loopback."""
    app = web.Application(client_max_size=UPLOAD_BYTES)
    app[WORLD] = world

    async def life(app: web.Application) -> Any:
        world.session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30))
        courier = asyncio.create_task(Courier(world.telegram, world.faults).run())
        yield
        courier.cancel()
        await world.session.close()

    app.cleanup_ctx.append(life)
    app.router.add_route("*", "/telegram/bot{token}/{method}", bot_api)
    app.router.add_get("/telegram/file/bot{token}/files/{name}", file_api)
    app.router.add_route("*", "/{gateway}/{path:api/.*}", gateway_api)
    app.add_routes(control_routes(world))
    return app
