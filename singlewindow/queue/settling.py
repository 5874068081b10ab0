"""Outcomes of deliveries on their way into the ledger: all that wait while one transaction runs are in the next."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from singlewindow.queue.failures import capture
from singlewindow.queue.port import Outcome


class Settling:
    """Groups outcomes by what is at hand, so that nobody waits for company."""

    def __init__(self, write: Callable[[Sequence[Outcome]], Coroutine[Any, Any, None]]) -> None:
        self._write = write
        self._waiting: list[tuple[Outcome, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def settle(self, outcome: Outcome) -> None:
        """Returns once it is in the ledger; raises what writing it raised."""
        settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((outcome, settled))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_all(), name="settling deliveries")
        await settled

    async def finish(self) -> None:
        """Wait until nothing is on its way."""
        if self._writing is not None:
            await self._writing

    async def _write_all(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            failure = await capture(self._write([outcome for outcome, _ in batch]))
            for _, settled in batch:
                if settled.done():
                    continue
                if isinstance(failure, Exception):
                    settled.set_exception(failure)
                else:
                    settled.set_result(None)
