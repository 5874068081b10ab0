"""The HTTP protocol with our limits: deadline for headers, and parser errors answered without echoing raw bytes."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from aiohttp import web
from aiohttp.http import RawRequestMessage
from aiohttp.http_exceptions import BadHttpMessage, HttpProcessingError, LineTooLong

from singlewindow.gateway.problems import describe, render
from singlewindow.gateway.refusals import HttpRefusal

KEEPALIVE_SECONDS = 15.0
LINGERING_SECONDS = 2.0
"""How long what a refused client still sends is read and dropped, so that it can read the answer."""

MAX_HEADERS = 128
MAX_FIELD_BYTES = 8190
MAX_TARGET_BYTES = 8191
"""One more than a field's, because aiohttp's error tells the two apart only by the limit it names."""


class GuardedProtocol(web.RequestHandler):
    """One connection. A request whose headers are not complete in time is answered 408 and cut off.

    The first request's clock starts with the connection, each later one's with its first bytes.
    """

    def __init__(self, server: web.Server, *, header_timeout_seconds: float, **settings: Any) -> None:
        super().__init__(server, **settings)
        self._header_timeout = header_timeout_seconds
        self._header_deadline: asyncio.TimerHandle | None = None

    def data_received(self, data: bytes) -> None:
        """Feed the parser; the first bytes of a request start its clock, its last header stops it."""
        before = self._request_count
        super().data_received(data)
        if self._request_count > before:
            self._stop_clock()
        elif self._waiter is not None and not self._waiter.done() and data:
            self._start_clock()
        self._break_body()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody connected: who never says anything is cut off like who never ends his headers."""
        super().connection_made(transport)
        self._start_clock()

    def connection_lost(self, exc: BaseException | None) -> None:
        """The peer has gone."""
        self._stop_clock()
        super().connection_lost(exc)

    def handle_error(
        self,
        request: web.BaseRequest,  # noqa: ARG002 - what could not be parsed has no headers to look at
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - aiohttp's message repeats the client's raw bytes
    ) -> web.StreamResponse:
        """Answer what is no lawful HTTP. Nothing of it is repeated or logged."""
        refusal = _explain(exc) if isinstance(exc, HttpProcessingError) else _own_fault(status)
        response = render(describe(refusal), "json")
        response.force_close()
        return response

    def _start_clock(self) -> None:
        if self._header_deadline is None:
            loop = asyncio.get_running_loop()
            self._header_deadline = loop.call_later(self._header_timeout, self._give_up)

    def _stop_clock(self) -> None:
        if self._header_deadline is not None:
            self._header_deadline.cancel()
            self._header_deadline = None

    def _give_up(self) -> None:
        if self.transport is not None:
            self.transport.write(_late_answer(self._header_timeout))
        self.force_close()

    def _break_body(self) -> None:
        """Tell the handler of a body whose framing broke; aiohttp queues the error behind the request it belongs to."""
        request = self._current_request
        if request is None or request.content.is_eof() or not self._messages:
            return
        if not isinstance(self._messages[-1][0], RawRequestMessage):
            request.content.set_exception(web.RequestPayloadError("bad framing"))


class GuardedServer(web.Server):
    """Makes one GuardedProtocol per connection."""

    def __init__(self, server: web.Server, *, header_timeout_seconds: float) -> None:
        super().__init__(server.request_handler, request_factory=server.request_factory)
        self._header_timeout = header_timeout_seconds

    def __call__(self) -> web.RequestHandler:
        """The protocol of a new connection."""
        return GuardedProtocol(
            self,
            header_timeout_seconds=self._header_timeout,
            loop=asyncio.get_running_loop(),
            keepalive_timeout=KEEPALIVE_SECONDS,
            lingering_time=LINGERING_SECONDS,
            max_headers=MAX_HEADERS,
            max_field_size=MAX_FIELD_BYTES,
            max_line_size=MAX_TARGET_BYTES,
            auto_decompress=False,
            access_log=None,
        )


class GuardedRunner(web.AppRunner):
    """Runs an application on a GuardedServer."""

    def __init__(
        self, application: web.Application, *, header_timeout_seconds: float, shutdown_timeout_seconds: float
    ) -> None:
        super().__init__(application, shutdown_timeout=shutdown_timeout_seconds)
        self._header_timeout = header_timeout_seconds

    async def _make_server(self) -> web.Server:
        return GuardedServer(await super()._make_server(), header_timeout_seconds=self._header_timeout)


def _explain(error: BaseException | None) -> HttpRefusal:
    if isinstance(error, LineTooLong):
        if error.args[1] == MAX_TARGET_BYTES:
            return HttpRefusal(414, "uri-too-long", f"the request target may have {MAX_TARGET_BYTES} bytes")
        return HttpRefusal(431, "header-too-large", f"a header may have {MAX_FIELD_BYTES} bytes")
    if isinstance(error, BadHttpMessage) and error.message.startswith("Too many headers"):
        return HttpRefusal(431, "header-too-large", f"a request may have {MAX_HEADERS} headers")
    return HttpRefusal(400, "bad-http", "the request line, a header or the framing is not lawful HTTP/1.1")


def _own_fault(status: int) -> HttpRefusal:
    return HttpRefusal(status, "internal", "the fault is ours")


def _late_answer(timeout_seconds: float) -> bytes:
    detail = f"the headers were not complete within {timeout_seconds:g} seconds"
    body = orjson.dumps(describe(HttpRefusal(408, "request-timeout", detail)))
    head = f"HTTP/1.1 408 Request Timeout\r\nContent-Length: {len(body)}\r\nConnection: close\r\n"
    return head.encode() + b"Content-Type: application/problem+json\r\n\r\n" + body
