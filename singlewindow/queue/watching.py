"""What one process learns of an agency, and what an operator holds, made known to every lane within a second."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Protocol

import structlog

from singlewindow.ledger.agency_state import AgencyState
from singlewindow.queue.breaker import Breaker, Opening
from singlewindow.queue.failures import capture, describe_failure

INTERVAL_SECONDS = 1.0

_log = structlog.get_logger(__name__)


class States(Protocol):
    """The shared rows of the agencies. Raises Unavailable."""

    async def read(self) -> list[AgencyState]:
        """All rows."""
        ...

    async def write_breaker(self, agency: str, *, wait_seconds: float | None, reason: str, stopped: bool) -> int:
        """Tell of a change; the row's new revision."""
        ...


class AgencyWatch:
    """Keeps a process's breakers in step with the shared rows. While PostgreSQL is away each process judges alone."""

    def __init__(
        self, states: States, breakers: Mapping[str, Breaker], *, interval_seconds: float = INTERVAL_SECONDS
    ) -> None:
        self._states, self._breakers, self._interval_seconds = states, breakers, interval_seconds
        self._seen: dict[str, int] = {}
        self._stopping = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to watch, in a task of its own."""
        self._loop = asyncio.create_task(self._run(), name="agency watch")

    async def stop(self) -> None:
        """Watch no more; what was not told yet the next process finds out for itself."""
        self._stopping.set()
        if self._loop is not None:
            await asyncio.gather(self._loop, return_exceptions=True)

    async def synchronise(self) -> None:
        """Tell what this process found out, then take over what others did. Raises Unavailable."""
        for agency, breaker in self._breakers.items():
            if breaker.take_news():
                await self._tell(agency, breaker)
        for state in await self._states.read():
            if state.agency in self._breakers:
                self._take_over(state, self._breakers[state.agency])

    async def _tell(self, agency: str, breaker: Breaker) -> None:
        opening = breaker.opening or Opening(0.0, "")
        wait_seconds = None if breaker.opening is None else opening.wait_seconds
        _log.warning("breaker_changed", agency=agency, wait_seconds=wait_seconds, stopped=opening.stopped)
        written = False
        try:
            self._seen[agency] = await self._states.write_breaker(
                agency, wait_seconds=wait_seconds, reason=opening.reason, stopped=opening.stopped
            )
            written = True
        finally:
            if not written:
                breaker.renew_news()

    def _take_over(self, state: AgencyState, breaker: Breaker) -> None:
        """The hold always; the breaker when the row is newer than what this process wrote or read."""
        breaker.draining = state.paused and state.draining
        breaker.paused = state.paused and not state.draining
        if state.revision <= self._seen.get(state.agency, 0):
            return
        self._seen[state.agency] = state.revision
        opening = None if state.wait_seconds is None else Opening(state.wait_seconds, state.reason, state.stopped)
        breaker.adopt(opening, probe_in_seconds=state.probe_in_seconds)

    async def _run(self) -> None:
        while not self._stopping.is_set():
            outcome = await capture(self.synchronise())
            if isinstance(outcome, Exception):
                _log.warning("agency_watch_failed", reason=describe_failure(outcome))
            await self._rest()

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(self._interval_seconds):
                await self._stopping.wait()
        except TimeoutError:
            return
