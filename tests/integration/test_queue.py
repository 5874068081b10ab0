"""Dispatch on a real PostgreSQL and Valkey: every task once, whatever happens to the streams and the workers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from uuid import UUID

import pytest
from redis.asyncio import Redis

from singlewindow.adapters.port import Call, Envelope, Notice, OriginalItem, Reply, TaskItem
from singlewindow.ledger.tasks import Claim, Tasks
from singlewindow.messages.identifiers import Clock
from singlewindow.queue.breaker import Breaker
from singlewindow.queue.dispatching import AgencyDispatcher
from singlewindow.queue.lane import Lane, LaneLimits, wake_when_due
from singlewindow.queue.matching import Matcher
from singlewindow.queue.port import Perform
from singlewindow.queue.pulling import Puller
from singlewindow.queue.retry import RetryPolicy
from singlewindow.queue.streams import ReadyStreams
from tests.integration.ledger_stage import PARCELS, LedgerStage, ledger_stage, unit
from tests.unit.queue_stage import Agency, read_response, tasks_of

LIMITS = LaneLimits(batch_size=10, concurrency=2, visibility_seconds=30.0)
POLICY = RetryPolicy(base_seconds=0.01, cap_seconds=0.05, max_attempts=8)
NOWHERE = "redis://127.0.0.1:1/0"
ONLY_BY_STREAM_SECONDS = 3600.0


@dataclass
class Office:
    """A ledger, streams, an agency, and lanes over them; `task_delay_seconds` is when polling finds new tasks."""

    stage: LedgerStage
    trader: UUID
    streams: ReadyStreams
    agency: Agency
    task_delay_seconds: float = 2.0
    tasks: Tasks = field(init=False)

    def __post_init__(self) -> None:
        self.tasks = Tasks(
            self.stage.database,
            {"parcels": PARCELS},
            clock=Clock(),
            ids=self.stage.ids,
            on_ready=self.streams.announce,
            task_delay_seconds=lambda: self.task_delay_seconds if self.streams.available else 0.0,
        )

    async def file(self, count: int) -> list[UUID]:
        """Orders with keys never used before, matched, so that customs' tasks are ready; their declarations."""
        numbers = [str(self.stage.ids.next()) for _ in range(count)]
        units = [unit("order", number, ordinal=place) for place, number in enumerate(numbers, 1)]
        filed = await self.stage.file(self.trader, *units)
        await self.match()
        return list(filed.declaration_ids)

    async def match(self) -> None:
        while claims := await self.tasks.claim_due("match", limit=100, visibility_seconds=30):
            await Matcher(self.tasks, POLICY).perform(claims)

    def dispatcher(self, policy: RetryPolicy = POLICY) -> AgencyDispatcher:
        return AgencyDispatcher(
            self.tasks,
            self.agency,
            read_response=read_response,
            policy=policy,
            ids=self.stage.ids,
            breaker=Breaker(threshold=10**6),
        )

    @asynccontextmanager
    async def lane(
        self, perform: Perform | None = None, limits: LaneLimits = LIMITS, streams: ReadyStreams | None = None
    ) -> AsyncIterator[Lane]:
        lane = Lane(
            "customs",
            self.tasks,
            streams=streams or self.streams,
            perform=perform or self.dispatcher().perform,
            limits=limits,
        )
        lane.start()
        try:
            yield lane
        finally:
            await lane.stop(timeout_seconds=5)

    async def wait_for(self, declarations: Sequence[UUID], status: str = "submitted", seconds: float = 30.0) -> None:
        deadline = time.monotonic() + seconds
        while {await self.stage.status(self.trader, one) for one in declarations} != {status}:
            assert time.monotonic() < deadline, "waited in vain"
            await asyncio.sleep(0.05)

    async def claim_all(self, *, visibility_seconds: float = 30.0) -> list[Claim]:
        return await self.tasks.claim_due("customs", limit=1000, visibility_seconds=visibility_seconds)

    async def parts(self, declarations: Sequence[UUID]) -> dict[UUID, UUID]:
        """The declaration of each task id."""
        rows = await self.stage.database.fetch("read_parts", list(declarations))
        return {row["id"]: row["declaration_id"] for row in rows}


@asynccontextmanager
async def open_office(
    database_url: str, redis_url: str | None, *, task_delay_seconds: float = 2.0
) -> AsyncIterator[Office]:
    async with AsyncExitStack() as stack:
        stage = await stack.enter_async_context(ledger_stage(database_url))
        await stage.database.execute("end_tasks", await _leftovers(stage))
        streams = await stack.enter_async_context(ReadyStreams(redis_url, timeout_seconds=1.0))
        trader = await stage.traders.create("Example Trading Co", ["9999000001"])
        yield Office(stage, trader, streams, Agency(), task_delay_seconds)


async def _leftovers(stage: LedgerStage) -> list[UUID]:
    """Tasks that an earlier test of this module left in the queue."""
    claims = await stage.tasks.claim_due("customs", limit=10_000, visibility_seconds=0)
    return [claim.task_id for claim in claims]


@pytest.fixture
async def office(database_url: str, redis_url: str) -> AsyncIterator[Office]:
    async with open_office(database_url, redis_url) as opened:
        yield opened


@pytest.fixture
async def valkey(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url) as client:
        yield client


async def test_an_announced_task_is_performed_without_waiting_for_the_poll(database_url: str, redis_url: str) -> None:
    async with open_office(database_url, redis_url, task_delay_seconds=ONLY_BY_STREAM_SECONDS) as office, office.lane():
        declarations = await office.file(30)
        await office.wait_for(declarations)
        assert office.agency.effects.total() == 30


async def test_tasks_announced_before_the_first_lane_came_are_performed(
    database_url: str, redis_url: str, valkey: Redis
) -> None:
    await valkey.flushall()
    async with open_office(database_url, redis_url, task_delay_seconds=ONLY_BY_STREAM_SECONDS) as office:
        declarations = await office.file(5)
        async with office.lane():
            await office.wait_for(declarations)


async def test_a_performed_tasks_entry_leaves_the_stream(office: Office, valkey: Redis) -> None:
    async with office.lane():
        await office.wait_for(await office.file(25))
        deadline = time.monotonic() + 10
        while await valkey.xlen("singlewindow:ready:customs"):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)
    assert (await valkey.xpending("singlewindow:ready:customs", "workers"))["pending"] == 0


async def test_a_task_is_claimed_by_exactly_one_of_two_lanes(office: Office, redis_url: str) -> None:
    performed: list[UUID] = []
    dispatch = office.dispatcher()

    async def perform(claims: list[Claim]) -> int:
        performed.extend(claim.task_id for claim in claims)
        return await dispatch.perform(claims)

    async with (
        ReadyStreams(redis_url, timeout_seconds=1.0) as others_streams,
        office.lane(perform),
        office.lane(perform, streams=others_streams),
    ):
        declarations = [one for _ in range(4) for one in await office.file(20)]
        await office.wait_for(declarations)
    assert sorted(performed) == sorted(await office.parts(declarations))


async def test_flushall_in_the_middle_loses_nothing(office: Office, valkey: Redis) -> None:
    declarations: list[UUID] = []
    async with office.lane():
        for _ in range(5):
            declarations += await office.file(20)
            await valkey.flushall()
        await office.wait_for(declarations)
        declarations = await office.file(5)
        await office.wait_for(declarations)
    assert set(office.agency.effects.values()) == {1}
    assert office.agency.effects.total() == 105


@pytest.mark.parametrize("url", [None, NOWHERE])
async def test_without_valkey_everything_is_worked_through(database_url: str, url: str | None) -> None:
    async with open_office(database_url, url) as office:
        assert not office.streams.available
        async with office.lane():
            declarations = await office.file(60)
            await office.wait_for(declarations)
    assert (office.agency.effects.total(), set(office.agency.effects.values())) == (60, {1})


async def test_a_frozen_valkey_is_done_without_and_used_again_later(
    database_url: str, redis_url: str, valkey: Redis
) -> None:
    async with open_office(database_url, redis_url) as office, office.lane():
        await office.wait_for(await office.file(5))
        await valkey.client_pause(4000)
        office.streams.announce([("road", office.trader)])
        await _until(lambda: not office.streams.available)
        await office.wait_for(await office.file(20), seconds=3.0)
        await _until(lambda: office.streams.available)
        office.task_delay_seconds = ONLY_BY_STREAM_SECONDS
        await office.wait_for(await office.file(5))


async def test_announcing_costs_the_caller_nothing_while_valkey_is_frozen(redis_url: str, valkey: Redis) -> None:
    async with ReadyStreams(redis_url, timeout_seconds=0.1) as streams:
        await valkey.client_pause(1500)
        began = time.monotonic()
        for _ in range(1000):
            streams.announce([("sea", UUID(int=1))])
        assert time.monotonic() - began < 1.2
        began = time.monotonic()
        assert await streams.take("sea", limit=10, wait_seconds=0.1) == []
        assert time.monotonic() - began < 0.9
    await asyncio.wait_for(valkey.ping(), 10)  # the others find it as it was


async def test_an_entry_is_given_to_one_taker_only(redis_url: str) -> None:
    ids = [UUID(int=number) for number in range(1, 101)]
    async with ReadyStreams(redis_url, timeout_seconds=1.0) as one, ReadyStreams(redis_url, timeout_seconds=1.0) as two:
        one.announce([("air", task_id) for task_id in ids])
        taken: list[UUID] = []
        deadline = time.monotonic() + 10
        while len(taken) < 100 and time.monotonic() < deadline:
            for ready in await asyncio.gather(*(s.take("air", limit=7, wait_seconds=0.05) for s in (one, two))):
                taken += [entry.task_id for entry in ready]
    assert sorted(taken) == ids


async def test_a_killed_workers_tasks_come_back_and_take_effect_once(office: Office) -> None:
    declarations = await office.file(10)
    office.task_delay_seconds = 0.0
    killed = await _claim_when_due(office, 10, visibility_seconds=0.2)
    await office.agency.send(*_call(office, killed[:5]))
    async with office.lane():
        await office.wait_for(declarations)
    assert (office.agency.effects.total(), set(office.agency.effects.values())) == (10, {1})
    assert {claim.task_id for claim in killed} <= set(office.agency.asked)


async def test_a_stale_workers_decision_is_not_written_but_its_true_answer_is(office: Office) -> None:
    declarations = await office.file(2)
    stale = await _claim_when_due(office, 2, visibility_seconds=0)
    current = await office.claim_all()
    assert [claim.attempt for claim in (*stale, *current)] == [1, 1, 2, 2]
    by_task = await office.parts(declarations)
    refused, taken = stale
    giving_up = office.dispatcher(RetryPolicy(max_attempts=1))
    office.agency.poison = {refused.task_id}
    await giving_up.perform([refused])
    await giving_up.perform([taken])
    states = {task: await office.stage.status(office.trader, one) for task, one in by_task.items()}
    assert states[taken.task_id] == "submitted"
    view = await office.stage.reader.declaration(office.trader, by_task[refused.task_id])
    assert view is not None
    assert ([part["state"] for part in view["parts"]], view["attention"]) == (["pending"], None)


async def test_retry_keeps_the_same_task_id(office: Office) -> None:
    office.agency.fail_next("refused", "fault-server", "reply-lost")
    async with office.lane():
        declarations = await office.file(1)
        await office.wait_for(declarations)
    assert [tasks_of(call) for call in office.agency.calls] == [list(await office.parts(declarations))] * 4
    assert list(office.agency.effects.values()) == [1]


async def test_poison_is_isolated_and_ends_with_a_person(office: Office) -> None:
    declarations = await office.file(20)
    by_task = await office.parts(declarations)
    poison = next(iter(by_task))
    office.agency.poison = {poison}
    async with office.lane():
        await office.wait_for([one for task, one in by_task.items() if task != poison])
        await _until_attention(office, by_task[poison], "dead_letter at customs")
    assert office.agency.effects.total() == 19


async def test_a_late_answer_raises_a_task_from_the_dead(office: Office) -> None:
    (declaration,) = await office.file(1)
    (late,) = await _claim_when_due(office, 1, visibility_seconds=0)
    office.agency.poison = {late.task_id}
    async with office.lane():
        await _until_attention(office, declaration, "dead_letter at customs")
    office.agency.poison = set()
    await office.dispatcher().perform([late])
    await office.wait_for([declaration])


async def test_a_decision_pushed_before_the_answer_came_stands(office: Office) -> None:
    (declaration,) = await office.file(1)

    class HastyAgency(Agency):
        """Decides and pushes before it answers the call."""

        async def send(self, envelope: Envelope, call: Call) -> Reply:
            await office.stage.say(declaration, "released", "2026-01-01T00:00:00Z")
            return await super().send(envelope, call)

    office.agency = HastyAgency()
    async with office.lane():
        await _until_answered(office, declaration)
    view = await office.stage.reader.declaration(office.trader, declaration)
    assert view is not None
    assert (view["status"], view["anomaly"]) == ("released", False)


async def test_pulled_notices_decide_and_two_pullers_take_each_once(office: Office) -> None:
    pullers = [Puller(office.tasks, office.agency, read_response) for _ in range(2)]
    async with office.lane():
        declarations = await office.file(20)
        await office.wait_for(declarations)
        for task in await office.parts(declarations):
            office.agency.announce(Notice(f"N-{task}", b"released 800", task))
        for puller in pullers:
            puller.start()
        await office.wait_for(declarations, "released")
        await asyncio.gather(*(puller.stop() for puller in pullers))
    rows = await office.stage.reader.responses(office.trader, declarations[0])
    assert rows is not None
    assert [row.view["via"] for row in rows] == ["answer", "pull"]


async def test_a_retry_due_soon_does_not_wait_for_the_poll(office: Office) -> None:
    limits = replace(LIMITS, poll_seconds=30.0)
    dispatcher = AgencyDispatcher(
        office.tasks, office.agency, read_response=read_response, policy=POLICY, ids=office.stage.ids,
        breaker=Breaker(threshold=10**6), on_retry=wake_when_due(office.streams, "customs", limits),
    )  # fmt: skip
    office.agency.fail_next("refused", "refused", "refused", "refused")
    async with office.lane(dispatcher.perform, limits):
        await office.wait_for(await office.file(1), seconds=10.0)


def _call(office: Office, claims: Sequence[Claim]) -> tuple[Envelope, Call]:
    """What a worker had sent when it was killed."""
    tasks = tuple(TaskItem(claim.task_id, 1) for claim in claims)
    item = OriginalItem(office.stage.ids.next(), "parcels", "Message", "", b"", tasks)
    call = Call(office.stage.ids.next(), "customs", "declare", str(office.trader), (item,))
    return office.agency.prepare(call), call


async def _claim_when_due(office: Office, count: int, *, visibility_seconds: float) -> list[Claim]:
    deadline = time.monotonic() + 10
    claims: list[Claim] = []
    while len(claims) < count:
        assert time.monotonic() < deadline
        claims += await office.claim_all(visibility_seconds=visibility_seconds)
        await asyncio.sleep(0.05)
    return claims


async def _until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        await asyncio.sleep(0.02)


async def _until_attention(office: Office, declaration: UUID, attention: str) -> None:
    deadline = time.monotonic() + 20
    while True:
        view = await office.stage.reader.declaration(office.trader, declaration)
        if view is not None and view["attention"] == attention:
            return
        assert time.monotonic() < deadline, "waited in vain"
        await asyncio.sleep(0.05)


async def _until_answered(office: Office, declaration: UUID) -> None:
    deadline = time.monotonic() + 20
    while not any(e["answered_at"] for e in await office.stage.reader.exchanges(office.trader, declaration) or []):
        assert time.monotonic() < deadline, "waited in vain"
        await asyncio.sleep(0.05)
