"""What operators see of an agency's calls, a drain, and a change of its adapter while it runs."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from aiohttp import web

from singlewindow.adapters.declared.adapter import DeclaredAdapter
from singlewindow.adapters.profiles import FOLDERS
from singlewindow.adapters.reloading import AgencyReloader
from singlewindow.ledger.agency_pulses import CLASSES, Pulse, class_of, percentile_ms
from singlewindow.queue.pulse import PulseMeter, PulseWriter
from singlewindow.xsd.reloading import take_print
from tests.integration.agency_lane_stage import LaneStage, lane_stage, replying, until


@pytest.fixture
async def stage(database_url: str) -> AsyncIterator[LaneStage]:
    async with lane_stage(database_url) as opened:
        yield opened


async def calls(stage: LaneStage, agency: str) -> int:
    shown = (await stage.pulses.read()).get(agency)
    return int(shown["recent"]["calls"]) if shown else 0


async def test_calls_are_seen_with_outcome_and_percentiles_over_all_processes(stage: LaneStage) -> None:
    agency, other = f"a-{uuid4().hex[:8]}", PulseMeter()
    for number in range(98):
        (stage.meter, other)[number % 2].count(agency, "answered", 0.010, failed=False)
    other.count(agency, "timeout", 4.0, failed=True)
    writer = PulseWriter(other, stage.pulses)
    await writer.write()
    stage.meter.count(agency, "busy", 2.0, failed=True)

    async def seen() -> bool:
        return await calls(stage, agency) == 100

    await until(seen)
    shown = (await stage.pulses.read())[agency]
    assert (shown["recent"]["failed"], shown["recent"]["error_rate"]) == (2, 0.02)
    assert 10 <= shown["recent"]["p50_ms"] <= 12
    assert 2000 <= shown["recent"]["p99_ms"] <= 2400
    assert (shown["last_exchange"]["outcome"], shown["last_exchange"]["ms"]) == ("busy", 2000)


async def test_a_lane_writes_one_row_a_minute_and_none_for_each_exchange(stage: LaneStage) -> None:
    async def counted() -> list[int]:
        rows = await stage.ledger.database.fetch("read_pulses", 60.0)
        return [row["calls"] for row in rows if row["agency"] == "customs"]

    before = await counted()
    for _ in range(4):
        trader, declarations = await stage.file(1)
        await stage.until_status(trader, declarations, "submitted")
    sent = len(stage.server.requests)
    assert sent >= 4

    async def written() -> bool:
        return sum(await counted()) == sum(before) + sent

    await until(written)
    # two where a minute ended meanwhile
    assert len(await counted()) - len(before) in {1, 2}
    assert (await stage.pulses.read())["customs"]["last_exchange"]["outcome"] == "answered"


async def test_counts_that_could_not_be_written_are_written_later(stage: LaneStage) -> None:
    agency, meter = f"a-{uuid4().hex[:8]}", PulseMeter()
    meter.count(agency, "answered", 0.010, failed=False)
    writer = PulseWriter(meter, stage.pulses, interval_seconds=0.05)
    await stage.ledger.database.close()
    writer.start()
    await asyncio.sleep(0.2)
    meter.count(agency, "answered", 0.010, failed=False)
    await stage.ledger.database.open()

    async def written() -> bool:
        return await calls(stage, agency) == 2

    await until(written)
    await writer.stop()


def test_a_class_of_durations_ends_within_a_fifth_of_what_it_holds() -> None:
    for milliseconds in (0.1, 1, 7, 50, 333, 5000, 120_000):
        pulse = Pulse(datetime.now(UTC))
        pulse.count("answered", milliseconds / 1000, pulse.minute, failed=False)
        shown = percentile_ms(pulse.durations, 0.5)
        assert shown is not None
        assert max(milliseconds, 1) - 0.5 <= shown <= max(milliseconds, 1) * 1.2
    assert class_of(10**9) == CLASSES - 1
    assert percentile_ms([0] * CLASSES, 0.99) is None


async def test_a_drain_finishes_what_was_attempted_and_takes_nothing_new(stage: LaneStage) -> None:
    released = asyncio.Event()

    async def busy(_request: web.Request) -> web.Response:
        await released.wait()
        return web.Response(status=503)

    stage.server.reply_next(busy)
    trader, begun = await stage.file(1)

    async def attempted() -> bool:
        return len(stage.server.requests) == 1

    await until(attempted)
    await stage.states.pause("customs", stage.ledger.ids.next(), "a new release", draining=True)

    async def draining() -> bool:
        return stage.lane.breaker.draining

    await until(draining)
    fresh_trader, fresh = await stage.file(3)
    released.set()
    await stage.until_status(trader, begun, "submitted")
    assert (await stage.state()).view()["state"] == "draining"

    async def drained() -> bool:
        return (await stage.waiting())[1] == 0

    await until(drained)
    await asyncio.sleep(0.6)
    assert (await stage.waiting()) == (3, 0)
    assert len(stage.server.requests) == 2
    await stage.states.resume("customs")
    await stage.until_status(fresh_trader, fresh, "submitted")


async def test_a_pause_over_a_drain_stops_the_retries_too(stage: LaneStage) -> None:
    states, by = stage.states, stage.ledger.ids.next()
    await states.pause("customs", by, "drain first", draining=True)
    await states.pause("customs", by, "then pause")
    state = await stage.state()
    assert (state.view()["state"], state.paused_reason) == ("paused", "drain first")

    async def held() -> bool:
        return stage.lane.breaker.paused and not stage.lane.breaker.draining

    await until(held)
    await states.resume("customs")
    assert not (await stage.state()).draining


def copy_customs(parent: Path) -> Path:
    shutil.copytree(FOLDERS / "customs", parent / "customs")
    return parent / "customs"


def rewrite(folder: Path, before: str, after: str) -> None:
    text = (folder / "agency.toml").read_text("utf-8")
    assert before in text
    (folder / "agency.toml").write_text(text.replace(before, after), "utf-8")


def reload(stage: LaneStage, folder: Path) -> AgencyReloader:
    """Looks when it is told to, as the lanes' process does every two seconds."""
    return AgencyReloader(
        {folder: "customs"},
        {folder: take_print(folder)},
        make=lambda one: DeclaredAdapter(one, agencies_url=stage.url),
        take=stage.lane.replace,
        note=stage.states.note_description,
    )


async def test_a_changed_description_is_taken_while_the_lane_runs(stage: LaneStage, tmp_path: Path) -> None:
    folder = copy_customs(tmp_path)
    reloader = reload(stage, folder)
    rewrite(folder, '"{agencies_url}/customs"', '"{agencies_url}/moved"')
    await reloader.look()
    trader, declarations = await stage.file(2)
    await stage.until_status(trader, declarations, "submitted")
    assert stage.lane._adapter is not stage.adapter
    assert set(stage.server.effects.values()) == {1}
    assert (await stage.state()).refused is None


async def test_what_runs_by_the_old_description_finishes_before_the_new_one_sends(
    stage: LaneStage, tmp_path: Path
) -> None:
    folder, released = copy_customs(tmp_path), asyncio.Event()

    async def slow(_request: web.Request) -> web.Response:
        await released.wait()
        return web.Response(status=503)

    stage.server.reply_next(slow)
    trader, declarations = await stage.file(1)

    async def sent() -> bool:
        return len(stage.server.requests) == 1

    await until(sent)
    reloader = reload(stage, folder)
    rewrite(folder, '"{agencies_url}/customs"', '"{agencies_url}/moved"')
    looking = asyncio.create_task(reloader.look())
    await asyncio.sleep(0.3)
    assert not looking.done()
    assert len(stage.server.requests) == 1
    released.set()
    await looking
    await stage.until_status(trader, declarations, "submitted")
    assert set(stage.server.effects.values()) == {1}


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ('name = "customs"', 'name = "customs"\nnonsense = 1', "nonsense"),
        ('name = "customs"', 'name = "other"', "restart"),
        ('operation = "Declare"', 'operation = "Decline"', "Decline"),
        ("[actions]", "[actions", "agency.toml"),
    ],
)
async def test_a_broken_change_is_refused_with_its_reason_and_the_old_one_stays(
    stage: LaneStage, tmp_path: Path, before: str, after: str, why: str
) -> None:
    folder = copy_customs(tmp_path)
    reloader = reload(stage, folder)
    rewrite(folder, before, after)
    await reloader.look()
    view = (await stage.state()).view()
    assert why in view["refused"]["reason"]
    trader, declarations = await stage.file(1)
    await stage.until_status(trader, declarations, "submitted")
    assert stage.lane._adapter is stage.adapter
    rewrite(folder, after, before)
    await reloader.look()
    assert (await stage.state()).view()["refused"] is None


async def test_a_refusal_is_told_once(stage: LaneStage, tmp_path: Path) -> None:
    folder, told = copy_customs(tmp_path), []

    async def note(agency: str, refused: str | None) -> None:
        told.append((agency, refused is None))

    reloader = reload(stage, folder)
    reloader._note = note
    rewrite(folder, "[actions]", "[actions")
    for _ in range(3):
        await reloader.look()
    shutil.rmtree(folder)
    await reloader.look()
    assert told == [("customs", False)]
    trader, declarations = await stage.file(1)
    await stage.until_status(trader, declarations, "submitted")


async def test_an_exchange_that_cannot_be_read_counts_as_such(stage: LaneStage) -> None:
    stage.server.reply_next(replying(b"<oops"))
    outcomes: list[str] = []
    count = stage.meter.count

    def listen(agency: str, outcome: str, seconds: float, *, failed: bool) -> None:
        outcomes.append(outcome)
        count(agency, outcome, seconds, failed=failed)

    stage.meter.count = listen  # type: ignore[method-assign]
    trader, declarations = await stage.file(1)
    await stage.until_status(trader, declarations, "submitted")
    assert outcomes == ["unreadable", "answered"]
