"""What all processes share of an agency: breakers, holds, and an agency that refuses us as such."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from aiohttp import web

from singlewindow.adapters.declared.adapter import DeclaredAdapter
from singlewindow.adapters.profiles import FOLDERS
from singlewindow.ledger.agency_state import AgencyState, AgencyStates
from singlewindow.ledger.dead_letters import DeadLetters, Selection
from singlewindow.messages.judgement import ResponseUnit
from singlewindow.queue.breaker import Breaker
from singlewindow.queue.dispatching import AgencyDispatcher
from singlewindow.queue.lane import Lane, LaneLimits
from singlewindow.queue.retry import RetryPolicy
from singlewindow.queue.streams import ReadyStreams
from singlewindow.queue.watching import AgencyWatch
from tests.contract.agency_server import AgencyServer
from tests.integration.ledger_stage import LedgerStage, ledger_stage, unit

LIMITS = LaneLimits(batch_size=10, concurrency=2, visibility_seconds=30.0)
AT_ONCE = RetryPolicy(base_seconds=0.0, cap_seconds=0.0, max_attempts=2)
PATIENCE_SECONDS = 20.0


def read_nothing(_message_set: str | None, _document: bytes) -> tuple[ResponseUnit, ...]:
    return ()


@dataclass
class Process:
    """What one process knows of customs."""

    breaker: Breaker
    watch: AgencyWatch


@pytest.fixture
async def stage(database_url: str) -> AsyncIterator[LedgerStage]:
    async with ledger_stage(database_url) as opened:
        left = await opened.tasks.claim_due("customs", limit=1000, visibility_seconds=0)
        await opened.database.execute("end_tasks", [claim.task_id for claim in left])
        await AgencyStates(opened.database).write_breaker("customs", wait_seconds=None, reason="", stopped=False)
        await AgencyStates(opened.database).resume("customs")
        yield opened


def process(stage: LedgerStage, **breaker: Any) -> Process:
    own = Breaker(**breaker)
    return Process(own, AgencyWatch(AgencyStates(stage.database), {"customs": own}, interval_seconds=0.05))


async def shared(stage: LedgerStage) -> AgencyState:
    return next(state for state in await AgencyStates(stage.database).read() if state.agency == "customs")


async def test_what_one_process_learns_all_adopt_and_a_new_one_knows_at_once(stage: LedgerStage) -> None:
    first, second = process(stage, threshold=2, open_seconds=60), process(stage)
    await second.watch.synchronise()
    first.breaker.fail("no connection")
    first.breaker.fail("no connection")
    await first.watch.synchronise()
    await second.watch.synchronise()
    newborn = process(stage)
    await newborn.watch.synchronise()
    assert [one.breaker.state for one in (first, second, newborn)] == ["open", "open", "open"]
    first.breaker.succeed()
    await first.watch.synchronise()
    await second.watch.synchronise()
    assert second.breaker.state == "closed"


async def test_nothing_is_written_without_a_change(stage: LedgerStage) -> None:
    one = process(stage, threshold=2)
    await one.watch.synchronise()
    before = (await shared(stage)).revision
    one.breaker.fail()
    one.breaker.succeed()
    for _ in range(3):
        await one.watch.synchronise()
    assert (await shared(stage)).revision == before


async def test_a_change_that_could_not_be_told_is_told_later(stage: LedgerStage) -> None:
    one = process(stage)
    one.breaker.trip("wrong password")
    await stage.database.close()
    one.watch.start()
    await asyncio.sleep(0.1)
    await stage.database.open()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not (await shared(stage)).stopped:
            await asyncio.sleep(0.02)
    await one.watch.stop()
    assert (await shared(stage)).reason == "wrong password"


async def test_an_operators_hold_reaches_every_process_and_survives_its_breaker(stage: LedgerStage) -> None:
    one, states = process(stage, threshold=1), AgencyStates(stage.database)
    await one.watch.synchronise()
    await states.pause("customs", stage.ids.next(), "maintenance")
    await states.pause("customs", stage.ids.next(), "another reason")
    one.breaker.fail()
    await one.watch.synchronise()
    one.breaker.succeed()
    await one.watch.synchronise()
    assert (one.breaker.paused, one.breaker.permit(10, running=0)) == (True, 0)
    assert (await shared(stage)).paused_reason == "maintenance"
    await states.resume("customs")
    await one.watch.synchronise()
    assert one.breaker.permit(10, running=0) == 10


async def test_resuming_lets_an_open_breaker_probe_at_once(stage: LedgerStage) -> None:
    one = process(stage, stop_seconds=3600, longest_stop_seconds=3600)
    one.breaker.trip("wrong password")
    await one.watch.synchronise()
    assert one.breaker.permit(10, running=0) == 0
    await AgencyStates(stage.database).resume("customs")
    await one.watch.synchronise()
    assert one.breaker.permit(10, running=0) == 1


@asynccontextmanager
async def open_lane(stage: LedgerStage, server: AgencyServer, breaker: Breaker) -> AsyncIterator[Lane]:
    """A lane that carries to the server over a socket and shares its breaker."""
    async with AsyncExitStack() as stack:
        url = await server.start()
        stack.push_async_callback(server.stop)
        adapter = DeclaredAdapter(FOLDERS / "customs", agencies_url=url)
        stack.push_async_callback(adapter.close)
        dispatcher = AgencyDispatcher(
            stage.tasks, adapter, read_response=read_nothing, policy=AT_ONCE, ids=stage.ids, breaker=breaker
        )
        streams = ReadyStreams(None)
        lane = Lane("customs", stage.tasks, streams=streams, perform=dispatcher.perform, limits=LIMITS, breaker=breaker)
        watch = AgencyWatch(AgencyStates(stage.database), {"customs": breaker}, interval_seconds=0.05)
        for one in (watch, lane):
            one.start()
            stack.push_async_callback(one.stop)
        yield lane


async def file_orders(stage: LedgerStage, count: int) -> tuple[UUID, list[UUID]]:
    trader = await stage.traders.create("Example Trading Co", ["9999000001"])
    units = [unit("order", str(stage.ids.next()), ordinal=place) for place in range(1, count + 1)]
    filed = await stage.file(trader, *units)
    await stage.match_all()
    return trader, list(filed.declaration_ids)


async def wait_for(stage: LedgerStage, trader: UUID, declarations: list[UUID], status: str) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while {await stage.status(trader, one) for one in declarations} != {status}:
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_an_agency_that_refuses_us_as_such_stops_the_lane_and_no_task_is_given_up(
    stage: LedgerStage, status: int
) -> None:
    trader, declarations = await file_orders(stage, 3)
    server, refusals = AgencyServer(), 12

    async def refuse(_request: web.Request) -> web.Response:
        return web.Response(status=status, text="no")

    for _ in range(refusals):
        server.reply_next(refuse)
    breaker = Breaker(stop_seconds=0.02, longest_stop_seconds=0.02)
    async with open_lane(stage, server, breaker):
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not (await shared(stage)).stopped:
                await asyncio.sleep(0.02)
        assert f"(HTTP {status})" in (await shared(stage)).reason
        await wait_for(stage, trader, declarations, "submitted")
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (await shared(stage)).stopped:
                await asyncio.sleep(0.02)
    assert len(server.requests) > refusals
    assert set(server.effects.values()) == {1}
    assert await DeadLetters(stage.database, stage.tasks).page(Selection()) == []


async def test_a_stopped_agency_is_probed_seldom_and_by_one_call(stage: LedgerStage) -> None:
    await file_orders(stage, 30)
    server = AgencyServer()

    async def refuse(_request: web.Request) -> web.Response:
        return web.Response(status=401)

    for _ in range(100):
        server.reply_next(refuse)
    breaker = Breaker(stop_seconds=3600)
    async with open_lane(stage, server, breaker):
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not breaker.stopped:
                await asyncio.sleep(0.02)
        await asyncio.sleep(0.3)
        before = len(server.requests)
        assert before <= LIMITS.concurrency
        await AgencyStates(stage.database).resume("customs")
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(server.requests) == before:
                await asyncio.sleep(0.02)
        await asyncio.sleep(0.3)
        assert len(server.requests) == before + 1


async def test_a_held_lane_sends_nothing_and_goes_on_when_resumed(stage: LedgerStage) -> None:
    states, server = AgencyStates(stage.database), AgencyServer()
    await states.pause("customs", stage.ids.next(), "maintenance")
    breaker = Breaker()
    breaker.paused = True
    async with open_lane(stage, server, breaker):
        trader, declarations = await file_orders(stage, 5)
        await asyncio.sleep(0.3)
        assert server.requests == []
        await states.resume("customs")
        await wait_for(stage, trader, declarations, "submitted")


async def test_the_calls_of_the_last_minute_give_the_error_rate(stage: LedgerStage) -> None:
    states = AgencyStates(stage.database)
    before = (await states.recent_calls()).get("rail", {"calls": 0, "failed": 0})
    assert before["calls"] == 0
    for error in (None, "no connection", None, None):
        exchange = stage.ids.next()
        await stage.tasks.begin_exchange(
            exchange, agency="rail", action="book", sender=stage.ids.next(), request=b"<e/>", claims=()
        )
        await stage.tasks.end_call(exchange, http_status=200, reply=b"", error=error, words=(), decisions=())
    assert (await states.recent_calls())["rail"] == {"calls": 4, "failed": 1, "error_rate": 0.25}
