"""A receiver of webhooks on a socket, which notes what it gets and answers as a test wants."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import unused_port


@dataclass(frozen=True, slots=True)
class Received:
    """One request: its headers by their names in lower case, and its body."""

    headers: dict[str, str]
    body: bytes
    path: str = "/"

    @property
    def event(self) -> dict[str, Any]:
        """The body as JSON."""
        event: dict[str, Any] = json.loads(self.body)
        return event

    @property
    def id(self) -> str:
        """The webhook-id."""
        return self.headers["webhook-id"]


@dataclass
class Receiver:
    """What came, in its order; `answer` gives the status of each, or a whole response."""

    url: str
    got: list[Received] = field(default_factory=list)
    answer: Callable[[Received], int | web.StreamResponse] = lambda _: 204

    def numbers(self) -> list[int]:
        """The numbers of the events received."""
        return [one.event["seq"] for one in self.got]

    async def take(self, request: web.Request) -> web.StreamResponse:
        """Note the request and answer it."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        received = Received(headers, await request.read(), request.path)
        self.got.append(received)
        answer = self.answer(received)
        return web.Response(status=answer, text=f"said {answer}") if isinstance(answer, int) else answer


@asynccontextmanager
async def webhook_receiver() -> AsyncIterator[Receiver]:
    """A receiver for the length of a block."""
    port = unused_port()
    receiver = Receiver(f"http://127.0.0.1:{port}/hook")
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", receiver.take)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield receiver
    finally:
        await runner.cleanup()
