"""What a name of a trader's choosing stands for, looked up in threads of their own.

Its servers may take as long as they like to answer, and nobody can end the thread that waits for them. The event loop's
own four are those in which the addresses of agencies, PostgreSQL and Valkey are looked up.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

THREADS = 64
"""Each is started when it is needed. A trader's webhooks stand for twenty names at a time."""

MOST_RUNNING = 1000
"""Beyond so many that wait for a thread nothing is looked up: what is asked must not fill the memory."""

Found = Sequence[tuple[int, int, int, str, tuple[Any, ...]]]
"""As getaddrinfo gives it: family, kind, protocol, canonical name, address."""

_threads = ThreadPoolExecutor(THREADS, thread_name_prefix="names")


class NameLookups:
    """Of one event loop. A name is looked up once at a time, however many ask for it."""

    def __init__(self) -> None:
        self._running: dict[tuple[str, int, int], asyncio.Future[Found]] = {}

    async def find(self, host: str, port: int = 0, family: int = socket.AF_UNSPEC) -> Found:
        """The addresses of a name for TCP. Raises OSError, and UnicodeError for what can be no name."""
        wanted = (host, port, family)
        running = self._running.get(wanted)
        if running is None:
            if len(self._running) >= MOST_RUNNING:
                raise OSError("too many names are looked up already")
            look = partial(socket.getaddrinfo, host, port, family=family, type=socket.SOCK_STREAM)
            running = asyncio.get_running_loop().run_in_executor(_threads, look)
            self._running[wanted] = running
            running.add_done_callback(partial(self._end, wanted))
        # whoever asked first may leave before the others
        return await asyncio.shield(running)

    def _end(self, wanted: tuple[str, int, int], ended: asyncio.Future[Found]) -> None:
        del self._running[wanted]
        if not ended.cancelled():
            # read here as well, so that asyncio does not warn when nobody is left to hear it
            ended.exception()
