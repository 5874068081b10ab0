"""A backlog that has grown too long: nothing more is taken in until the lanes have caught up."""

from __future__ import annotations

import asyncio
import json

import pytest

from singlewindow.errors import Unavailable
from singlewindow.gateway.backlog import Backlog, BacklogFull
from singlewindow.gateway.parts import IN_FLIGHT
from tests.integration.gateway_stage import gateway_stage, order, until


async def test_a_backlog_at_its_limit_takes_nothing_in_until_the_lanes_have_caught_up(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("singlewindow.gateway.backlog.LOOK_SECONDS", 0.05)
    async with gateway_stage(database_url, backlog_limit=1) as stage:

        async def full() -> bool:
            return stage.application[IN_FLIGHT].standing == "backlog-full"

        async def taken() -> bool:
            # nobody sends tasks here, so that they wait until they are taken away
            async with stage.database.connection() as connection:
                await connection.execute("DELETE FROM task")
            return (await stage.submit(order())).status == 202

        await until(taken)
        await until(full)
        refused = await stage.submit(order())
        assert (refused.status, json.loads(await refused.read())["code"]) == (503, "backlog-full")
        assert int(refused.headers["Retry-After"]) > 0
        await until(taken)


async def test_a_backlog_opens_with_room_to_spare_and_stands_while_nobody_can_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("singlewindow.gateway.backlog.LOOK_SECONDS", 0.0)
    counts: list[int | Exception] = [99, 100, Unavailable("away"), RuntimeError("a row"), 95, 89]
    seen = []

    async def count() -> int:
        seen.append(backlog.full)
        if not counts:
            await asyncio.Event().wait()
        waiting = counts.pop(0)
        if isinstance(waiting, Exception):
            raise waiting
        return waiting

    backlog = Backlog(100, count)
    watching = asyncio.create_task(backlog.watch())

    async def all_counted() -> bool:
        return len(seen) == 7

    await until(all_counted)
    watching.cancel()
    assert seen == [False, False, True, True, True, True, False]
    backlog.full = True
    with pytest.raises(BacklogFull):
        backlog.check()
