"""The lane of one agency and its puller, made of its adapter; another adapter may take its place while it runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from singlewindow.messages.identifiers import IdentifierSource
from singlewindow.queue.breaker import Breaker
from singlewindow.queue.dispatching import AgencyDispatcher, visibility_seconds
from singlewindow.queue.lane import Lane, LaneLimits, wake_when_due
from singlewindow.queue.port import Adapter, Claim, Claims, Exchanges, Notices, ReadResponse
from singlewindow.queue.pulling import Puller
from singlewindow.queue.pulse import PulseMeter
from singlewindow.queue.quarantining import Quarantine
from singlewindow.queue.retry import RetryPolicy
from singlewindow.queue.streams import ReadyStreams


class AgencyTasks(Claims, Exchanges, Notices, Protocol):
    """The ledger as an agency's lane and its puller see it."""


@dataclass(frozen=True, slots=True)
class LaneParts:
    """What the lanes of all agencies share. `policy` gives the retry policy of an adapter."""

    tasks: AgencyTasks
    streams: ReadyStreams
    read_response: ReadResponse
    ids: IdentifierSource
    quarantine: Quarantine
    meter: PulseMeter
    policy: Callable[[Adapter], RetryPolicy]


class AgencyLane:
    """Runs one agency. The breaker outlives a change of the adapter: the agency is the same."""

    def __init__(self, adapter: Adapter, parts: LaneParts) -> None:
        self.name = adapter.agency
        self.breaker = Breaker()
        self._parts = parts
        self._changing = asyncio.Lock()
        self._stopped = False
        self._adapter = adapter
        self._running = self._build(adapter)

    def start(self) -> None:
        """Begin to claim and, where the agency is pulled, to pull."""
        for one in self._running:
            one.start()

    async def stop(self) -> None:
        """Claim no more, and let what runs finish, within the time that a lane gives it."""
        self._stopped = True
        await asyncio.gather(*(one.stop() for one in self._running))

    async def replace(self, adapter: Adapter) -> None:
        """Go on with another adapter of the same agency. What runs by the old one finishes first, so that the agency is
        never called more often at once than either allows.
        """
        async with self._changing:
            finish_seconds = visibility_seconds(self._adapter)
            await asyncio.gather(*(one.stop(timeout_seconds=finish_seconds) for one in self._running))
            former, self._adapter = self._adapter, adapter
            self._running = self._build(adapter)
            if not self._stopped:
                self.start()
        await former.close()

    async def close(self) -> None:
        """Release the adapter's connections, after `stop`."""
        await self._adapter.close()

    def _build(self, adapter: Adapter) -> tuple[Lane, Puller] | tuple[Lane]:
        parts = self._parts
        limits = LaneLimits(adapter.batch_size, adapter.concurrency, visibility_seconds(adapter))
        dispatcher = AgencyDispatcher(
            parts.tasks, adapter,
            read_response=parts.read_response, policy=parts.policy(adapter), ids=parts.ids, breaker=self.breaker,
            on_retry=wake_when_due(parts.streams, adapter.agency, limits),
            quarantine=parts.quarantine, meter=parts.meter,
        )  # fmt: skip
        puller = Puller(parts.tasks, adapter, parts.read_response, parts.quarantine) if adapter.pulls else None

        async def perform(claims: list[Claim]) -> int:
            given_back = await dispatcher.perform(claims)
            if puller is not None:
                puller.wake()
            return given_back

        lane = Lane(
            adapter.agency, parts.tasks, streams=parts.streams, perform=perform, limits=limits, breaker=self.breaker
        )
        return (lane,) if puller is None else (lane, puller)
