"""An agency made of a WSDL: a real HTTP server that reads requests and writes replies as the WSDL says, by zeep."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from lxml import etree

from singlewindow.adapters.soap import ServiceDescription

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Asked:
    """One request: the operation, what zeep read of it, the envelope and the HTTP headers."""

    operation: str
    values: Any
    envelope: etree._Element
    headers: dict[str, str]


Answer = Callable[[Asked], dict[str, Any] | bytes]
"""The values of the reply, which zeep writes; or the whole envelope."""


@dataclass
class WsdlStub:
    """One service of a WSDL. `answer` says what to reply; `reply_next` answers the next request in any other way."""

    wsdl: Path
    answer: Answer
    path: str = "/"
    asked: list[Asked] = field(default_factory=list)
    replies: deque[Handler] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self._binding = ServiceDescription.read(self.wsdl)._binding
        app = web.Application(client_max_size=50_000_000)
        app.router.add_post(self.path, self._handle)
        self._server = TestServer(app)

    async def start(self) -> str:
        """The base URL; the service is at `path` below it."""
        await self._server.start_server()
        return str(self._server.make_url("/")).rstrip("/")

    async def stop(self) -> None:
        await self._server.close()

    def reply_next(self, handler: Handler) -> None:
        self.replies.append(handler)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        asked = self._read(await request.read(), dict(request.headers))
        self.asked.append(asked)
        if self.replies:
            return await self.replies.popleft()(request)
        reply = self.answer(asked)
        body = reply if isinstance(reply, bytes) else self._write(asked.operation, reply)
        return web.Response(body=body, content_type="text/xml")

    def _read(self, body: bytes, headers: dict[str, str]) -> Asked:
        envelope = etree.fromstring(body)
        (content,) = envelope.iterfind("{*}Body/*")
        for operation in self._binding.all().values():
            if operation.input.body.qname == etree.QName(content):
                values = operation.input.body.parse(content, operation.input.wsdl.types)
                return Asked(operation.name, values, envelope, headers)
        raise web.HTTPBadRequest(text=f"no operation takes {content.tag}")

    def _write(self, operation: str, values: dict[str, Any]) -> bytes:
        envelope = self._binding.get(operation).output.serialize(**values).content
        return etree.tostring(envelope, encoding="UTF-8", xml_declaration=True)
