"""Back-pressure and shutdown: how much is in work, and filings that a vanished client cannot cancel."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from singlewindow.errors import Unavailable

Result = TypeVar("Result")


class InFlight:
    """Counts submissions in work, at most `limit`, and keeps started filings alive until they end."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._admitted = 0
        self._kept: set[asyncio.Task[Any]] = set()

    @contextmanager
    def admit(self) -> Iterator[None]:
        """A place for one submission. Raises Unavailable, before any work, when all are taken."""
        if self._admitted >= self._limit:
            raise Unavailable("too many submissions are in work; try again shortly", retry_after_seconds=1)
        self._admitted += 1
        try:
            yield
        finally:
            self._admitted -= 1

    async def keep(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Await work that runs to its end even if the caller is cancelled meanwhile."""
        task = asyncio.create_task(work)
        self._kept.add(task)
        task.add_done_callback(self._forget)
        return await asyncio.shield(task)

    async def drain(self, timeout_seconds: float) -> int:
        """Wait for the kept work; how many pieces were still unfinished at the end."""
        if self._kept:
            await asyncio.wait(self._kept, timeout=timeout_seconds)
        return len(self._kept)

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._kept.discard(task)
        if not task.cancelled():
            # read here as well, so that asyncio does not warn when nobody is left to answer
            task.exception()
