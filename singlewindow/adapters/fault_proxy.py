"""A TCP proxy before one service that spoils HTTP exchanges on purpose, and counts what it did."""

from __future__ import annotations

import asyncio
import random
import socket
import ssl
import struct
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Self

from singlewindow.adapters.faults import Fault, HttpMessage, Refuse

Draw = Callable[[], Fault | None]

_LIMIT_BYTES = 200_000_000
_KEPT_EXCHANGES = 256
_KEPT_BYTES = 65_536
_RESET = struct.pack("ii", 1, 0)
# a client that leaves, a service that is away: the proxy's daily bread
_BROKEN = (OSError, EOFError, ValueError, asyncio.LimitOverrunError)


@dataclass(slots=True)
class Observed:
    """One exchange as it went over the wire, bodies cut at 64 KiB: the fault's name, the request, what was answered,
    and how often the service got it.
    """

    fault: str
    request: HttpMessage
    answered: bytes = b""
    forwarded: int = 0


def draw_from(mixture: Sequence[tuple[Fault | None, float]], *, seed: int) -> Draw:
    """A plan that draws from weighted faults (None: pass on untouched); the same seed gives the same sequence."""
    chance = random.Random(seed)  # noqa: S311 - a reproducible sequence is the point
    faults, weights = [fault for fault, _ in mixture], [weight for _, weight in mixture]
    return lambda: chance.choices(faults, weights)[0]


class FaultProxy:
    """Listens on a free port of the loopback while used as an async context, and passes on to `host`:`port`.

    `fault` may be changed at any time and holds from the next request on; `plan` draws anew for every connection, and
    for every further request on one. `counts` has what was done, by the fault's class name, "Pass" for nothing.
    `observed` keeps the last exchanges. Requests are handled one after the other on each connection.
    """

    def __init__(self, host: str, port: int, *, tls: ssl.SSLContext | None = None) -> None:
        self.counts: Counter[str] = Counter()
        self.observed: deque[Observed] = deque(maxlen=_KEPT_EXCHANGES)
        self.port = 0
        self._upstream = _Upstream(host, port, tls)
        self._fault: Fault | None = None
        self._draw: Draw = lambda: self._fault
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()
        self._idle: set[_Client] = set()

    async def __aenter__(self) -> Self:
        await self._listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._shut()

    @property
    def fault(self) -> Fault | None:
        """The fault every exchange meets, None for none; setting it ends a plan."""
        return self._fault

    @fault.setter
    def fault(self, fault: Fault | None) -> None:
        self._fault = fault
        self.plan(lambda: self._fault)
        if isinstance(fault, Refuse):
            for client in tuple(self._idle):
                client.reset()

    def plan(self, draw: Draw) -> None:
        """Draw each fault from here on by calling `draw`; `draw_from` makes one from weights and a seed."""
        self._draw = draw

    @asynccontextmanager
    async def unreachable(self) -> AsyncIterator[None]:
        """Within this context nothing listens on the port, and open connections are broken off."""
        await self._shut()
        try:
            yield
        finally:
            await self._listen()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port, limit=_LIMIT_BYTES)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _shut(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in tuple(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(_Client(reader, writer)))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _serve(self, client: _Client) -> None:
        try:
            await self._converse(client)
        except _BROKEN:
            client.reset()
        finally:
            client.close()

    async def _converse(self, client: _Client) -> None:
        fault = self._draw()
        if isinstance(fault, Refuse):
            self.counts["Refuse"] += 1
            client.reset()
            return
        await self._answer(await self._receive(client), client, fault)
        while not client.ended:
            await self._answer(await self._receive(client), client, self._draw())

    async def _receive(self, client: _Client) -> HttpMessage:
        self._idle.add(client)
        try:
            return await read_message(client.reader)
        finally:
            self._idle.discard(client)

    async def _answer(self, request: HttpMessage, client: _Client, fault: Fault | None) -> None:
        name = type(fault).__name__ if fault else "Pass"
        self.counts[name] += 1
        observed = Observed(name, replace(request, body=request.body[:_KEPT_BYTES]))
        self.observed.append(observed)
        exchange = _Exchange(request, client, self._upstream, observed)
        if fault is None:
            await exchange.answer((await exchange.forward()).to_bytes())
        else:
            await fault.strike(exchange)


@dataclass(eq=False, slots=True)
class _Client:
    """The client's connection; `ended` once nothing more will be read from it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    ended: bool = False

    def reset(self) -> None:
        self.ended = True
        connection = self.writer.get_extra_info("socket")
        if connection is not None:
            with suppress(OSError):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.writer.transport.abort()

    def close(self) -> None:
        self.ended = True
        self.writer.close()


@dataclass(frozen=True, slots=True)
class _Upstream:
    host: str
    port: int
    tls: ssl.SSLContext | None

    async def ask(self, request: HttpMessage) -> HttpMessage:
        """One request over a connection of its own."""
        reader, writer = await asyncio.open_connection(self.host, self.port, ssl=self.tls, limit=_LIMIT_BYTES)
        try:
            kept = tuple((name, value) for name, value in request.headers if name.lower() != "host")
            writer.write(replace(request, headers=(("Host", f"{self.host}:{self.port}"), *kept)).to_bytes())
            await writer.drain()
            return await read_message(reader, until_end=True)
        finally:
            writer.transport.abort()


@dataclass(frozen=True, slots=True)
class _Exchange:
    """See Exchange in faults.py."""

    request: HttpMessage
    client: _Client
    upstream: _Upstream
    observed: Observed

    async def forward(self) -> HttpMessage:
        self.observed.forwarded += 1
        return await self.upstream.ask(self.request)

    async def answer(self, raw: bytes) -> None:
        self.observed.answered += raw[: max(0, _KEPT_BYTES - len(self.observed.answered))]
        self.client.writer.write(raw)
        await self.client.writer.drain()

    async def half_close(self) -> None:
        self.client.writer.write_eof()
        await self.wait_for_client()

    async def wait_for_client(self) -> None:
        while await self.client.reader.read(_KEPT_BYTES):
            pass
        self.client.close()

    def close(self) -> None:
        self.client.close()

    def reset(self) -> None:
        self.client.reset()


async def read_message(reader: asyncio.StreamReader, *, until_end: bool = False) -> HttpMessage:
    """Read one HTTP/1.1 message; `until_end` lets a reply without a length last until the connection ends.

    Raises EOFError when the connection ends before, ValueError for what is no HTTP.
    """
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    start, *lines = head.rstrip("\r\n").split("\r\n")
    headers = tuple((name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in lines))
    message = HttpMessage(start, headers)
    if message.header("Transfer-Encoding").lower() == "chunked":
        return replace(message, body=await _read_chunks(reader))
    length = message.header("Content-Length")
    if length:
        return replace(message, body=await reader.readexactly(int(length)))
    return replace(message, body=await reader.read()) if until_end else message


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    body = bytearray()
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    while await reader.readuntil(b"\r\n") != b"\r\n":
        pass  # trailers
    return bytes(body)
