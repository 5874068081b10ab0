"""How an agency's calls fare in this process, counted in memory and written to the ledger every few seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID, uuid4

import structlog

from singlewindow.ledger.agency_pulses import Pulse
from singlewindow.queue.failures import capture, describe_failure

INTERVAL_SECONDS = 5.0

_log = structlog.get_logger(__name__)


def utc_now() -> datetime:
    """The time of day of this process."""
    return datetime.now(UTC)


class Pulses(Protocol):
    """The shared rows. Raises Unavailable."""

    async def write(self, process: UUID, pulses: Sequence[tuple[str, Pulse]]) -> None:
        """Write what was counted; writing again replaces it."""
        ...


class PulseMeter:
    """Counts the calls of this process by agency and minute."""

    def __init__(self, now: Callable[[], datetime] = utc_now) -> None:
        self._now = now
        self._current: dict[str, Pulse] = {}
        self._changed: dict[tuple[str, datetime], Pulse] = {}

    def count(self, agency: str, outcome: str, seconds: float, *, failed: bool) -> None:
        """Add one exchange that ended now; `outcome` is a word such as `answered`."""
        at = self._now()
        minute = at.replace(second=0, microsecond=0)
        pulse = self._current.get(agency)
        if pulse is None or pulse.minute != minute:
            pulse = self._current[agency] = Pulse(minute)
        pulse.count(outcome, seconds, at, failed=failed)
        self._changed[agency, minute] = pulse

    def take_changed(self) -> list[tuple[str, Pulse]]:
        """What changed since the last time."""
        changed, self._changed = self._changed, {}
        return [(agency, pulse) for (agency, _), pulse in changed.items()]

    def put_back(self, pulses: Sequence[tuple[str, Pulse]]) -> None:
        """What was taken could not be written: it is still news."""
        self._changed = {(agency, pulse.minute): pulse for agency, pulse in pulses} | self._changed


class PulseWriter:
    """Writes a process's counts, all agencies in one statement, and nothing where nothing was called."""

    def __init__(self, meter: PulseMeter, pulses: Pulses, *, interval_seconds: float = INTERVAL_SECONDS) -> None:
        self._meter, self._pulses, self._interval_seconds = meter, pulses, interval_seconds
        self._process = uuid4()
        self._stopping = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to write, in a task of its own."""
        self._loop = asyncio.create_task(self._run(), name="pulse")

    async def stop(self) -> None:
        """Write what is left and end; called when nothing more is counted."""
        self._stopping.set()
        if self._loop is not None:
            await asyncio.gather(self._loop, return_exceptions=True)
        await self._write_or_say_so()

    async def write(self) -> None:
        """Write what changed. Raises Unavailable; what was not written is written next time."""
        changed = self._meter.take_changed()
        if not changed:
            return
        written = False
        try:
            await self._pulses.write(self._process, changed)
            written = True
        finally:
            if not written:
                self._meter.put_back(changed)

    async def _run(self) -> None:
        while not self._stopping.is_set():
            await self._rest()
            await self._write_or_say_so()

    async def _write_or_say_so(self) -> None:
        outcome = await capture(self.write())
        if isinstance(outcome, Exception):
            _log.warning("pulse_not_written", reason=describe_failure(outcome))

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(self._interval_seconds):
                await self._stopping.wait()
        except TimeoutError:
            return
