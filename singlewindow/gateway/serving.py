"""Serving an application on a socket, and ending it gracefully."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from aiohttp import web

from singlewindow.gateway.accepting import MOST_AT_ONCE, SHARED_AT_ONCE, ListeningSite, bind
from singlewindow.gateway.connections import raise_descriptor_limit
from singlewindow.gateway.limits import GuardedRunner
from singlewindow.gateway.parts import CONNECTIONS, STOPPING
from singlewindow.settings import Settings

SHUTDOWN_SECONDS = 20.0
"""How long requests in work may take to finish once the process was told to end."""

LINGER_SECONDS = 2.0
"""How long a kept connection may wait for its client's next request, which is answered and ends it."""

log = structlog.get_logger()


async def serve(
    application: web.Application,
    settings: Settings,
    *,
    listener: socket.socket | None = None,
    reuse_port: bool = False,
    stop: asyncio.Event | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT (or `stop` is set): not ready, no new connections, finish what is in work, return.

    `listener` is a bound socket to use instead of `settings.listen`; `reuse_port` lets several processes share the
    port. A second signal changes nothing.
    """
    stop = stop or _stop_on_signals()
    raise_descriptor_limit()
    async with listening(application, settings, listener=listener, reuse_port=reuse_port) as url:
        log.info("gateway.listening", url=url)
        await stop.wait()
        log.info("gateway.stopping")


@asynccontextmanager
async def listening(
    application: web.Application,
    settings: Settings,
    *,
    listener: socket.socket | None = None,
    reuse_port: bool = False,
) -> AsyncIterator[str]:
    """The application on its socket; yields its URL. Leaving finishes the requests in work, up to 20 seconds."""
    runner = GuardedRunner(
        application,
        header_timeout_seconds=settings.header_timeout_seconds,
        shutdown_timeout_seconds=SHUTDOWN_SECONDS,
        connections=application[CONNECTIONS],
    )
    await runner.setup()
    try:
        listeners = [listener] if listener else bind(settings.host, settings.port, reuse_port=reuse_port)
        site = ListeningSite(runner, listeners, at_once=SHARED_AT_ONCE if listener else MOST_AT_ONCE)
        await site.start()
        host, port = runner.addresses[0][:2]
        yield f"http://{f'[{host}]' if ':' in host else host}:{port}"
        application[STOPPING].set()
        await site.stop()
        await _let_go(runner)
    finally:
        application[STOPPING].set()
        await runner.cleanup()


async def _let_go(runner: GuardedRunner) -> None:
    """Wait until the clients have left: each hears `Connection: close` with its next answer.

    A connection that is cut while its client sends leaves that client with an unknown outcome.
    """
    server, give_up_at = runner.server, time.monotonic() + LINGER_SECONDS
    while server is not None and server.connections and time.monotonic() < give_up_at:  # noqa: ASYNC110 - aiohttp tells nobody
        await asyncio.sleep(0.05)


def _stop_on_signals() -> asyncio.Event:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    return stop
