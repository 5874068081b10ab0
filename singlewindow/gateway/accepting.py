"""Accepting connections: many in one turn of the event loop, so that a busy process still hears who is new.

uvloop accepts one connection in each turn. With turns of 10 ms that are 100 a second, and behind 500 new clients the
next one's request, or its refusal, waits for five seconds.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import cast

import structlog
from aiohttp import web

MOST_AT_ONCE = 32
"""Connections accepted in one turn: about 5 ms of work."""

SHARED_AT_ONCE = 4
"""The same where several processes accept from one socket, so that the first to wake does not take all clients."""

PAUSE_SECONDS = 0.1
"""Rest after a failed accept: the system is out of descriptors or memory, and asking again at once mends nothing."""

BACKLOG = 4096
"""Connections that wait to be accepted; the system has a bound of its own (net.core.somaxconn)."""

log = structlog.get_logger()


class Acceptor:
    """Listens on bound sockets and makes a protocol for each connection. Closing it closes the sockets."""

    def __init__(
        self,
        listeners: list[socket.socket],
        make_protocol: Callable[[], asyncio.BaseProtocol],
        *,
        at_once: int = MOST_AT_ONCE,
    ) -> None:
        self.sockets, self._make_protocol, self._at_once = listeners, make_protocol, at_once
        self._loop = asyncio.get_running_loop()
        self._opening: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Begin to listen."""
        for listener in self.sockets:
            listener.setblocking(False)
            listener.listen(BACKLOG)
            self._loop.add_reader(listener, self._accept, listener)

    def close(self) -> None:
        """Accept nothing more. Does nothing the second time."""
        for listener in self.sockets:
            self._loop.remove_reader(listener)
            listener.close()
        self.sockets = []

    async def finish(self) -> None:
        """Wait until every connection that was accepted has its protocol."""
        await asyncio.gather(*self._opening, return_exceptions=True)

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(self._at_once):
            try:
                connection, _address = listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                log.error("gateway.accept_failed", error=error.strerror)  # noqa: TRY400 - where is known
                self._pause(listener)
                return
            opening = self._loop.create_task(self._open(connection))
            self._opening.add(opening)
            opening.add_done_callback(self._opening.discard)

    async def _open(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        try:
            await self._loop.connect_accepted_socket(self._make_protocol, connection)
        except OSError:
            connection.close()  # the client has left already

    def _pause(self, listener: socket.socket) -> None:
        self._loop.remove_reader(listener)
        self._loop.call_later(PAUSE_SECONDS, self._resume, listener)

    def _resume(self, listener: socket.socket) -> None:
        if listener in self.sockets:
            self._loop.add_reader(listener, self._accept, listener)


class ListeningSite(web.BaseSite):
    """A runner's site on bound sockets."""

    def __init__(self, runner: web.BaseRunner, listeners: list[socket.socket], *, at_once: int = MOST_AT_ONCE) -> None:
        super().__init__(runner)
        self._listeners, self._at_once = listeners, at_once
        self._acceptor: Acceptor | None = None

    @property
    def name(self) -> str:
        """The first address."""
        return "{}:{}".format(*self._listeners[0].getsockname()[:2])

    async def start(self) -> None:
        """Listen, and serve with the runner's server."""
        await super().start()
        if self._runner.server is None:
            raise RuntimeError("the runner was not set up")
        self._acceptor = Acceptor(self._listeners, self._runner.server, at_once=self._at_once)
        self._acceptor.start()
        # what aiohttp uses of a server: its sockets, and that it can be closed
        self._server = cast("asyncio.AbstractServer", self._acceptor)

    async def stop(self) -> None:
        """Accept nothing more; return when the server knows of every connection it has to let go.

        One that aiohttp heard of while it ends would be read by nobody, and its client told after ten seconds that
        the headers never came.
        """
        await super().stop()
        if self._acceptor is not None:
            await self._acceptor.finish()


def bind(host: str, port: int, *, reuse_port: bool) -> list[socket.socket]:
    """Sockets on every address that the host's name stands for. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    addresses = dict.fromkeys((family, address[:2]) for family, _, _, _, address in found)
    return [
        socket.create_server((str(name), int(number)), family=family, backlog=BACKLOG, reuse_port=reuse_port)
        for family, (name, number) in addresses
    ]
