"""Back-pressure and shutdown: how much is in work, and filings that a vanished client cannot cancel."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from uuid import UUID

from singlewindow.errors import TraderMistake, Unavailable
from singlewindow.gateway.disk_watch import DiskWatch

Result = TypeVar("Result")


class TooManyAtOnce(TraderMistake):
    """One trader has its share of places in work already; becomes 429 with Retry-After."""

    code = "too-many-at-once"
    status = 429
    retry_after_seconds = 1


class InFlight:
    """Counts submissions in work, at most `limit`, and keeps started filings alive until they end.

    One trader gets at most half of the places: bodies that never come to their end must not keep others out.
    """

    def __init__(self, limit: int, disk: DiskWatch | None = None) -> None:
        self._limit, self._share, self._disk = limit, max(limit // 2, 1), disk
        self._admitted = 0
        self._of_trader: Counter[UUID] = Counter()
        self._kept: set[asyncio.Task[Any]] = set()

    @contextmanager
    def admit(self, trader: UUID) -> Iterator[None]:
        """A place for one submission of a trader.

        Raises, before any work, Unavailable when all are taken, DiskFull, and TooManyAtOnce.
        """
        if self._disk is not None:
            self._disk.check()
        if self._admitted >= self._limit:
            raise Unavailable("too many submissions are in work; try again shortly", retry_after_seconds=1)
        if self._of_trader[trader] >= self._share:
            raise TooManyAtOnce(f"{self._share} of your submissions are in work; send on as they are answered")
        self._admitted += 1
        self._of_trader[trader] += 1
        try:
            yield
        finally:
            self._admitted -= 1
            self._of_trader[trader] -= 1
            if not self._of_trader[trader]:
                del self._of_trader[trader]

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
