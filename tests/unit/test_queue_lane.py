from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import pytest

from singlewindow.errors import Unavailable
from singlewindow.ledger.tasks import Claim
from singlewindow.queue.breaker import Breaker
from singlewindow.queue.lane import Lane, LaneLimits
from singlewindow.queue.streams import ReadyStreams
from tests.unit.queue_stage import MemoryLedger

LIMITS = LaneLimits(batch_size=10, concurrency=2, visibility_seconds=60)
Perform = Callable[[list[Claim]], Awaitable[int | None]]


@asynccontextmanager
async def running(
    ledger: MemoryLedger,
    perform: Perform,
    *,
    limits: LaneLimits = LIMITS,
    breaker: Breaker | None = None,
    streams: ReadyStreams | None = None,
) -> AsyncIterator[Lane]:
    """A lane without Valkey."""
    lane = Lane(
        "customs", ledger, streams=streams or ReadyStreams(None), perform=perform, limits=limits, breaker=breaker
    )
    lane.start()
    try:
        yield lane
    finally:
        await lane.stop(timeout_seconds=1)


async def eventually(condition: Callable[[], object], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        await asyncio.sleep(0.005)


class Worker:
    """Notes the batches it is given and ends their tasks."""

    def __init__(self, ledger: MemoryLedger) -> None:
        self.ledger = ledger
        self.batches: list[list[UUID]] = []

    async def __call__(self, claims: list[Claim]) -> int | None:
        tasks = [claim.task_id for claim in claims]
        self.batches.append(tasks)
        for task in tasks:
            self.ledger.rows.pop(task)
        return None


async def test_without_valkey_everything_is_worked_through_once_in_batches() -> None:
    ledger = MemoryLedger()
    tasks = ledger.add(95)
    worker = Worker(ledger)
    async with running(ledger, worker):
        await eventually(lambda: not ledger.rows)
    assert sorted(task for batch in worker.batches for task in batch) == sorted(tasks)
    assert [len(batch) for batch in worker.batches] == [10] * 9 + [5]


async def test_a_task_announced_in_the_same_process_is_taken_before_postgresql_would_show_it() -> None:
    ledger, streams = MemoryLedger(), ReadyStreams(None)
    worker = Worker(ledger)
    async with running(ledger, worker, streams=streams):
        await asyncio.sleep(0.15)
        (task,) = ledger.add()
        ledger.rows[task].due_at = time.monotonic() + 3600
        streams.announce([("customs", task), ("road", task)])
        await eventually(lambda: worker.batches == [[task]])


async def test_a_failing_batch_does_not_stop_the_lane() -> None:
    ledger = MemoryLedger()
    (poison,) = ledger.add()
    worker = Worker(ledger)

    async def perform(claims: list[Claim]) -> int | None:
        if poison in [claim.task_id for claim in claims]:
            raise KeyError("secret content")
        return await worker(claims)

    async with running(ledger, perform):
        await eventually(lambda: ledger.rows[poison].attempt == 1)
        (task,) = ledger.add()
        await eventually(lambda: worker.batches == [[task]])
    assert poison in ledger.rows


async def test_a_failure_is_logged_without_its_message(capsys: pytest.CaptureFixture[str]) -> None:
    ledger = MemoryLedger()
    ledger.add()

    async def perform(_claims: list[Claim]) -> int | None:
        raise KeyError("canary content")

    async with running(ledger, perform):
        await eventually(lambda: next(iter(ledger.rows.values())).attempt == 1)
        await asyncio.sleep(0.05)
    logged = capsys.readouterr()
    assert "canary" not in logged.out + logged.err


async def test_the_lane_goes_on_when_postgresql_is_back() -> None:
    ledger = MemoryLedger(away=2)
    ledger.add(3)
    worker = Worker(ledger)
    async with running(ledger, worker):
        await eventually(lambda: not ledger.rows)


async def test_an_unavailable_ledger_is_not_asked_in_a_hot_loop() -> None:
    ledger = MemoryLedger(away=10**6)
    async with running(ledger, Worker(ledger)):
        await asyncio.sleep(1.0)
    assert ledger.polls <= 13


async def test_no_more_batches_run_at_once_than_the_bulkhead_allows() -> None:
    ledger = MemoryLedger()
    ledger.add(50)
    gate, waiting = asyncio.Event(), []

    async def perform(claims: list[Claim]) -> int | None:
        waiting.append(claims)
        await gate.wait()
        return await Worker(ledger)(claims)

    async with running(ledger, perform):
        await eventually(lambda: len(waiting) == 2)
        await asyncio.sleep(0.15)
        assert (len(waiting), sum(row.attempt for row in ledger.rows.values())) == (2, 20)
        gate.set()
        await eventually(lambda: not ledger.rows)


async def test_stop_claims_no_more_and_lets_running_work_finish() -> None:
    ledger = MemoryLedger()
    ledger.add(40)
    finished = []

    async def perform(claims: list[Claim]) -> int | None:
        await asyncio.sleep(0.2)
        finished.append(len(claims))
        return None

    async with running(ledger, perform) as lane:
        await eventually(lambda: sum(row.attempt for row in ledger.rows.values()) == 20)
        await lane.stop()
    assert finished == [10, 10]
    assert sum(row.attempt for row in ledger.rows.values()) == 20


class SlowClaims(MemoryLedger):
    """A ledger whose claims take a while to come back."""

    async def claim_due(self, lane: str, *, limit: int, visibility_seconds: float, begun: bool = False) -> list[Claim]:
        claims = await super().claim_due(lane, limit=limit, visibility_seconds=visibility_seconds)
        await asyncio.sleep(0.2)
        return claims


async def test_stop_waits_for_work_whose_claim_was_on_its_way() -> None:
    ledger = SlowClaims()
    ledger.add()
    finished = []

    async def perform(claims: list[Claim]) -> int | None:
        await asyncio.sleep(0.1)
        finished.append(len(claims))
        return None

    async with running(ledger, perform) as lane:
        await eventually(lambda: next(iter(ledger.rows.values())).attempt == 1)
        await lane.stop()
        assert finished == [1]


async def test_a_waiting_taker_is_woken_by_an_announcement_in_the_same_process() -> None:
    streams, task = ReadyStreams(None), uuid4()
    taking = asyncio.create_task(streams.take("customs", limit=1, wait_seconds=60))
    await asyncio.sleep(0.01)
    streams.announce([("customs", task)])
    assert [ready.task_id for ready in await asyncio.wait_for(taking, 5)] == [task]


async def test_stop_cancels_what_does_not_finish_in_time() -> None:
    ledger = MemoryLedger()
    ledger.add()
    cancelled = []

    async def perform(_claims: list[Claim]) -> int | None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise
        return None

    async with running(ledger, perform) as lane:
        await eventually(lambda: next(iter(ledger.rows.values())).attempt == 1)
        began = time.monotonic()
        await lane.stop(timeout_seconds=0.1)
    assert cancelled == [True]
    assert time.monotonic() - began < 5


async def test_while_the_breaker_is_open_nothing_is_claimed_then_one_probe() -> None:
    ledger = MemoryLedger()
    ledger.add(20)
    breaker = Breaker(threshold=1, open_seconds=0.3)
    breaker.fail()
    worker = Worker(ledger)

    async def perform(claims: list[Claim]) -> int | None:
        breaker.succeed()
        return await worker(claims)

    async with running(ledger, perform, breaker=breaker):
        await asyncio.sleep(0.1)
        assert (ledger.polls, sum(row.attempt for row in ledger.rows.values())) == (0, 0)
        await eventually(lambda: not ledger.rows)
    assert len(worker.batches[0]) == 1
    assert len(worker.batches[1]) == 10


async def test_a_lane_claims_less_while_batches_are_given_back() -> None:
    ledger = MemoryLedger()
    ledger.add(30)
    worker = Worker(ledger)
    sizes = []

    async def perform(claims: list[Claim]) -> int | None:
        sizes.append(len(claims))
        await worker(claims)
        return 7 if len(sizes) == 1 else None

    async with running(ledger, perform, limits=LaneLimits(batch_size=10, concurrency=1, visibility_seconds=60)):
        await eventually(lambda: not ledger.rows)
    assert sizes[:4] == [10, 3, 6, 10]


async def test_what_cannot_be_claimed_in_the_end_is_not_lost() -> None:
    ledger, streams = MemoryLedger(), ReadyStreams(None)
    worker = Worker(ledger)
    async with running(ledger, worker, streams=streams):
        await asyncio.sleep(0.1)
        (task,) = ledger.add()
        ledger.away = 1
        streams.announce([("customs", task)])
        await eventually(lambda: worker.batches == [[task]])


async def test_errors_of_the_ledger_are_the_lanes_to_survive_whatever_they_are() -> None:
    ledger = MemoryLedger(surprises=[RuntimeError("unexpected"), Unavailable("away")])
    ledger.add()
    async with running(ledger, Worker(ledger)):
        await eventually(lambda: not ledger.rows)


class Blocked(Worker):
    """A worker whose first batch lasts until it is released."""

    def __init__(self, ledger: MemoryLedger) -> None:
        super().__init__(ledger)
        self.release = asyncio.Event()

    async def __call__(self, claims: list[Claim]) -> int | None:
        done = await super().__call__(claims)
        if len(self.batches) == 1:
            await self.release.wait()
        return done


async def test_while_a_batch_runs_the_next_gathers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("singlewindow.queue.lane.GATHER_SECONDS", 30.0)
    ledger = MemoryLedger()
    worker = Blocked(ledger)
    (first,) = ledger.add()
    async with running(ledger, worker):
        await eventually(lambda: worker.batches == [[first]])
        for _ in range(5):
            ledger.add()
            await asyncio.sleep(0.05)
        assert len(worker.batches) == 1
        worker.release.set()
        await eventually(lambda: not ledger.rows)
    assert [len(batch) for batch in worker.batches] == [1, 5]


async def test_after_a_claim_the_next_tasks_come_together_although_nothing_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("singlewindow.queue.lane.APART_SECONDS", 1.5)
    ledger = MemoryLedger()
    worker = Worker(ledger)
    (first,) = ledger.add()
    async with running(ledger, worker):
        await eventually(lambda: worker.batches == [[first]])
        for _ in range(5):
            ledger.add()
            await asyncio.sleep(0.1)
        await eventually(lambda: not ledger.rows)
    assert len(worker.batches) == 2


async def test_a_batch_that_lasts_does_not_hold_the_next_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("singlewindow.queue.lane.GATHER_SECONDS", 0.05)
    ledger = MemoryLedger()
    worker = Blocked(ledger)
    (first,) = ledger.add()
    async with running(ledger, worker):
        await eventually(lambda: worker.batches == [[first]])
        (second,) = ledger.add()
        await eventually(lambda: worker.batches == [[first], [second]])
        worker.release.set()


async def test_where_a_claim_left_something_behind_nobody_gathers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("singlewindow.queue.lane.GATHER_SECONDS", 30.0)
    ledger = MemoryLedger()
    worker = Blocked(ledger)
    ledger.add(LIMITS.batch_size + 3)
    async with running(ledger, worker):
        await eventually(lambda: [len(batch) for batch in worker.batches] == [LIMITS.batch_size, 3])
        worker.release.set()
