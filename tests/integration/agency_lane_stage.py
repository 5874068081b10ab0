"""A lane of customs over the real ledger and an agency behind a socket, with all that operators look at."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from aiohttp import web

from singlewindow.adapters.declared.adapter import DeclaredAdapter
from singlewindow.adapters.profiles import FOLDERS
from singlewindow.ledger.agency_pulses import AgencyPulses
from singlewindow.ledger.agency_state import AgencyState, AgencyStates
from singlewindow.ledger.quarantine import Quarantine
from singlewindow.messages.judgement import ResponseUnit
from singlewindow.queue.agency_lanes import AgencyLane, LaneParts
from singlewindow.queue.pulse import PulseMeter, PulseWriter
from singlewindow.queue.retry import RetryPolicy
from singlewindow.queue.streams import ReadyStreams
from singlewindow.queue.watching import AgencyWatch
from tests.contract.agency_server import AgencyServer
from tests.integration.ledger_stage import LedgerStage, ledger_stage, unit

PATIENCE_SECONDS = 20.0


def read_nothing(_message_set: str | None, _document: bytes) -> tuple[ResponseUnit, ...]:
    return ()


@dataclass
class LaneStage:
    """Customs' lane, its server, and what is shared of it."""

    ledger: LedgerStage
    server: AgencyServer
    url: str
    adapter: DeclaredAdapter
    meter: PulseMeter = field(default_factory=PulseMeter)

    def __post_init__(self) -> None:
        self.states = AgencyStates(self.ledger.database)
        self.pulses = AgencyPulses(self.ledger.database)
        self.quarantine = Quarantine(self.ledger.database, self.ledger.ids)
        self.parts = LaneParts(
            self.ledger.tasks, ReadyStreams(None), read_nothing, self.ledger.ids, self.quarantine, self.meter,
            policy=lambda _adapter: RetryPolicy(base_seconds=0.05, cap_seconds=0.2, max_attempts=20),
        )  # fmt: skip
        self.lane = AgencyLane(self.adapter, self.parts)

    async def file(self, count: int) -> tuple[UUID, list[UUID]]:
        """Orders of a new trader, matched and due at customs."""
        trader = await self.ledger.traders.create("Example Trading Co", ["9999000001"])
        units = [unit("order", str(self.ledger.ids.next()), ordinal=place) for place in range(1, count + 1)]
        filed = await self.ledger.file(trader, *units)
        await self.ledger.match_all()
        return trader, list(filed.declaration_ids)

    async def until_status(self, trader: UUID, declarations: list[UUID], status: str) -> None:
        async def reached() -> bool:
            return {await self.ledger.status(trader, one) for one in declarations} == {status}

        await until(reached)

    async def quarantined(self) -> list[dict[str, Any]]:
        return list(await self.quarantine.list("customs", limit=200))

    async def state(self) -> AgencyState:
        return next(one for one in await self.states.read() if one.agency == "customs")

    async def waiting(self) -> tuple[int, int]:
        """Tasks in customs' lane, and how many of them were attempted."""
        lanes = {one["lane"]: one for one in await self.ledger.tasks.depths()}
        return (lanes["customs"]["depth"], lanes["customs"]["begun"]) if "customs" in lanes else (0, 0)


@asynccontextmanager
async def lane_stage(database_url: str, **adapter: Any) -> AsyncIterator[LaneStage]:
    """The lane runs, its breaker is shared twenty times a second, and its pulse is written as often."""
    async with AsyncExitStack() as stack:
        ledger = await stack.enter_async_context(ledger_stage(database_url))
        left = await ledger.tasks.claim_due("customs", limit=1000, visibility_seconds=0)
        await ledger.database.execute("end_tasks", [claim.task_id for claim in left])
        states = AgencyStates(ledger.database)
        await states.write_breaker("customs", wait_seconds=None, reason="", stopped=False)
        await states.resume("customs")
        server = AgencyServer()
        url = await server.start()
        stack.push_async_callback(server.stop)
        stage = LaneStage(ledger, server, url, DeclaredAdapter(FOLDERS / "customs", agencies_url=url, **adapter))
        stack.push_async_callback(stage.lane.close)
        watch = AgencyWatch(states, {"customs": stage.lane.breaker}, interval_seconds=0.05)
        writer = PulseWriter(stage.meter, stage.pulses, interval_seconds=0.05)
        for one in (watch, writer, stage.lane):
            one.start()
            stack.push_async_callback(one.stop)
        yield stage


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something holds, at most PATIENCE_SECONDS."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await condition():
            await asyncio.sleep(0.02)


def replying(
    body: bytes, *, content_type: str = "text/xml", **more: Any
) -> Callable[[web.Request], Awaitable[web.Response]]:
    """A handler that answers with these bytes."""

    async def handle(_request: web.Request) -> web.Response:
        return web.Response(body=body, content_type=content_type, **more)

    return handle
