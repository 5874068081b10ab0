"""The HTTP protocol with our limits: connections, a deadline for headers, parser errors told without raw bytes."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any, cast

import orjson
from aiohttp import web
from aiohttp.http import RawRequestMessage
from aiohttp.http_exceptions import BadHttpMessage, HttpProcessingError, LineTooLong

from singlewindow.errors import SingleWindowError
from singlewindow.gateway.connections import Connections, network_of
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

    The first request's clock starts with the connection, each later one's with its first bytes, also where they come
    while the request before is still in work.
    """

    def __init__(
        self, server: web.Server, *, header_timeout_seconds: float, connections: Connections, **settings: Any
    ) -> None:
        super().__init__(server, **settings)
        self._header_timeout = header_timeout_seconds
        self._header_deadline: asyncio.TimerHandle | None = None
        self._connections = connections
        self._address: str | None = None

    def data_received(self, data: bytes) -> None:
        """Feed the parser; the first bytes of a request start its clock, its last header stops it."""
        before, headers = self._request_count, self._awaits_headers()
        super().data_received(data)
        if self._request_count > before:
            self._stop_clock()
        elif headers and data:
            self._start_clock()
        self._break_body()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody connected: who never says anything is cut off like who never ends his headers."""
        address = network_of(transport.get_extra_info("peername"))
        refusal = self._connections.enter(address)
        if refusal is not None:
            self._turn_away(transport, refusal)
            return
        self._address = address
        super().connection_made(transport)
        self._start_clock()

    def connection_lost(self, exc: BaseException | None) -> None:
        """The peer has gone."""
        self._stop_clock()
        if self._address is not None:
            self._connections.leave(self._address)
            self._address = None
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

    def _turn_away(self, transport: asyncio.BaseTransport, refusal: SingleWindowError) -> None:
        """Say why and hang up; as nothing was begun, aiohttp's server never hears of this connection."""
        self.force_close()
        # uvloop's transports are of no class of asyncio's
        cast("asyncio.Transport", transport).write(_raw_answer(refusal))
        transport.close()

    def _awaits_headers(self) -> bool:
        """Whether the next bytes belong to a request's headers, because no body is on its way."""
        if self._messages:
            return self._messages[-1][1].is_eof()
        if self._waiter is not None:
            return not self._waiter.done()
        request = self._current_request
        return request is not None and request.content.is_eof()

    def _start_clock(self) -> None:
        if self._header_deadline is None:
            loop = asyncio.get_running_loop()
            self._header_deadline = loop.call_later(self._header_timeout, self._give_up)

    def _stop_clock(self) -> None:
        if self._header_deadline is not None:
            self._header_deadline.cancel()
            self._header_deadline = None

    def _give_up(self) -> None:
        if self._request_in_progress:
            # its answer comes first, and is the last one here
            self.close()
            return
        if self.transport is not None:
            detail = f"the headers were not complete within {self._header_timeout:g} seconds"
            self.transport.write(_raw_answer(HttpRefusal(408, "request-timeout", detail)))
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

    def __init__(self, server: web.Server, *, header_timeout_seconds: float, connections: Connections) -> None:
        super().__init__(server.request_handler, request_factory=server.request_factory)
        self._header_timeout, self._open_connections = header_timeout_seconds, connections

    def __call__(self) -> web.RequestHandler:
        """The protocol of a new connection."""
        return GuardedProtocol(
            self,
            header_timeout_seconds=self._header_timeout,
            connections=self._open_connections,
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
        self,
        application: web.Application,
        *,
        header_timeout_seconds: float,
        shutdown_timeout_seconds: float,
        connections: Connections,
    ) -> None:
        super().__init__(application, shutdown_timeout=shutdown_timeout_seconds)
        self._header_timeout, self._connections = header_timeout_seconds, connections

    async def _make_server(self) -> web.Server:
        return GuardedServer(
            await super()._make_server(), header_timeout_seconds=self._header_timeout, connections=self._connections
        )


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


def _raw_answer(error: SingleWindowError) -> bytes:
    """A problem for who has made no request that could be answered; the connection ends with it."""
    problem = describe(error)
    body = orjson.dumps(problem)
    after = getattr(error, "retry_after_seconds", None)
    lines = (
        f"HTTP/1.1 {problem['status']} {HTTPStatus(problem['status']).phrase}",
        "Content-Type: application/problem+json",
        f"Content-Length: {len(body)}",
        "Connection: close",
        *(() if after is None else (f"Retry-After: {after}",)),
    )
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
