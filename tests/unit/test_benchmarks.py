"""The parts that the benchmarks' figures hang on: documents, the load driver, bounds and the page."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from benchmarks.documents import RECIPES
from benchmarks.driver import run as drive
from benchmarks.goals import GOALS, measured
from benchmarks.guard import compare, read_bounds
from benchmarks.intake import ALL_CORES
from benchmarks.load import Plan, new_mark, percentile
from benchmarks.results import Row
from singlewindow.xsd.catalogue import load_catalogue
from singlewindow.xsd.examining import examine

BOUND = {"says": "…", "question": "intake", "row": {"messages": "single"}, "figure": "overhead", "at_most": 2.0}


async def serve(handler: Any) -> TestServer:
    application = web.Application()
    application.router.add_post("/v1/declarations", handler)
    server = TestServer(application)
    await server.start_server()
    return server


async def accept(request: web.Request) -> web.Response:
    await request.read()
    return web.Response(status=202, body=b"received")


@pytest.mark.parametrize("name", list(RECIPES))
def test_every_recipe_makes_valid_declarations_under_keys_of_their_own(name: str) -> None:
    recipe, mark = RECIPES[name](), new_mark()
    judgements = [examine(load_catalogue(), recipe.document(number, mark)) for number in range(2)]
    units = [unit for judgement in judgements if judgement is not None for unit in judgement.units]
    assert all(unit.valid and not unit.problems for unit in units)
    assert len({tuple(unit.key.items()) for unit in units}) == 2 * recipe.declarations


async def test_an_open_loop_counts_latency_from_when_a_document_was_due() -> None:
    stalled = asyncio.Event()

    async def stall_once(request: web.Request) -> web.Response:
        await request.read()
        if not stalled.is_set():
            stalled.set()
            await asyncio.sleep(0.5)
        return web.Response(status=202)

    server = await serve(stall_once)
    load = await drive(Plan(str(server.make_url("")), "order", 1.0, rate=20, connections=1))
    await server.close()
    # those that were due during the stall could not leave, and waited on average half of it
    assert load.taken == load.sent == 20
    assert sum(latency > 0.1 for latency in load.latencies) >= 7


async def test_a_closed_loop_sends_as_many_documents_as_were_asked_for() -> None:
    server = await serve(accept)
    load = await drive(Plan(str(server.make_url("")), "order", 30, documents=50, connections=4, expect="received"))
    await server.close()
    assert (load.sent, load.taken, load.unexpected, len(load.latencies)) == (50, 50, 0, 50)


async def test_refusals_are_counted_apart_from_what_was_taken() -> None:
    async def refuse(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(status=503, headers={"Retry-After": "1"})

    server = await serve(refuse)
    load = await drive(Plan(str(server.make_url("")), "order", 30, documents=8, connections=4))
    await server.close()
    assert (load.taken, load.refused, load.retry_after) == (0, 8, 8)


async def test_the_driver_loads_no_other_machine() -> None:
    with pytest.raises(ValueError, match="this machine only"):
        await drive(Plan("http://192.0.2.1", "order", 1.0))


def test_a_percentile_is_a_value_that_was_measured() -> None:
    assert [percentile([1.0, 2.0, 3.0, 4.0], percent) for percent in (0, 50, 99, 100)] == [1.0, 3.0, 4.0, 4.0]
    assert percentile([], 50) == 0.0


@pytest.mark.parametrize(("value", "kept"), [(2.0, True), (2.1, False)])
def test_a_bound_is_broken_by_what_exceeds_it(value: float, *, kept: bool) -> None:
    rows: list[Row] = [{"messages": "of 100", "overhead": 99.0}, {"messages": "single", "overhead": value}]
    assert compare(BOUND, rows)["kept"] is kept


def test_every_bound_and_goal_asks_a_question_there_is() -> None:
    from benchmarks.questions import QUESTIONS

    assert {bound["question"] for bound in read_bounds()} | {goal.question for goal in GOALS} <= set(QUESTIONS)


def test_a_goal_that_was_not_measured_is_not_called_met() -> None:
    assert all(measured(goal, {}).met is None for goal in GOALS)


def test_a_goal_missed_by_a_driver_that_was_the_bottleneck_is_not_judged() -> None:
    row = {"messages": "single", ALL_CORES: 1.0, "driver was the bottleneck": True}
    found = measured(GOALS[0], {"intake": {"rows": [row]}})
    assert found.met is None
    assert "driver" in found.words
