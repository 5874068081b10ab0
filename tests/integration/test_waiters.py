"""`Prefer: wait`: one look at the ledger answers for all who wait."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

from singlewindow.errors import Unavailable
from singlewindow.gateway.bus import Bus
from singlewindow.gateway.waiters import Waiters

PATIENCE_SECONDS = 10
WAITERS = 500


class Office:
    """A ledger's answer to: which of these are settled?"""

    def __init__(self) -> None:
        self.settled: set[UUID] = set()
        self.looks, self.away = 0, False

    async def look(self, message_ids: Sequence[UUID]) -> dict[UUID, list[dict[str, Any]]]:
        self.looks += 1
        if self.away:
            raise Unavailable("away")
        return {one: [{"message_id": one}] for one in self.settled & set(message_ids)}


async def test_many_waiters_cost_as_many_looks_as_one_and_are_answered_at_the_news() -> None:
    office, bus, trader = Office(), Bus(None), uuid4()
    waiters = Waiters(bus, office.look, asyncio.Event())
    messages = [uuid4() for _ in range(WAITERS)]
    waiting = [asyncio.create_task(waiters.wait(trader, one, seconds=PATIENCE_SECONDS)) for one in messages]
    await asyncio.sleep(0)
    assert bus.waiters == WAITERS
    office.settled = set(messages)
    bus.announce({trader})
    began = asyncio.get_running_loop().time()
    assert [views and views[0]["message_id"] for views in await asyncio.gather(*waiting)] == messages
    assert asyncio.get_running_loop().time() - began < PATIENCE_SECONDS / 2
    assert office.looks <= 3
    assert bus.waiters == 0


async def test_who_is_not_settled_waits_on_and_two_may_wait_for_the_same() -> None:
    office, bus, trader = Office(), Bus(None), uuid4()
    waiters = Waiters(bus, office.look, asyncio.Event())
    message, other = uuid4(), uuid4()
    pair = [asyncio.create_task(waiters.wait(trader, message, seconds=PATIENCE_SECONDS)) for _ in range(2)]
    late = asyncio.create_task(waiters.wait(trader, other, seconds=PATIENCE_SECONDS))
    office.settled = {message}
    await asyncio.gather(*pair)
    assert not late.done()
    office.settled = {other}
    bus.announce({trader})
    await late


async def test_a_ledger_that_is_away_only_means_not_yet() -> None:
    office, bus, trader, message = Office(), Bus(None), uuid4(), uuid4()
    office.away, office.settled = True, {message}
    waiters = Waiters(bus, office.look, asyncio.Event())
    waiting = asyncio.create_task(waiters.wait(trader, message, seconds=PATIENCE_SECONDS))
    while office.looks < 2:
        await asyncio.sleep(0.01)
    assert not waiting.done()
    office.away = False
    assert await waiting


async def test_time_is_over_and_nobody_is_left_to_look_for() -> None:
    office, bus = Office(), Bus(None)
    waiters = Waiters(bus, office.look, asyncio.Event())
    assert await waiters.wait(uuid4(), uuid4(), seconds=0.05) is None
    assert bus.waiters == 0
    looks = office.looks
    await asyncio.sleep(0.6)
    assert office.looks <= looks + 1


async def test_the_end_of_the_process_ends_all_waits() -> None:
    office, bus, stopping = Office(), Bus(None), asyncio.Event()
    waiters = Waiters(bus, office.look, stopping)
    waiting = asyncio.create_task(waiters.wait(uuid4(), uuid4(), seconds=2 * PATIENCE_SECONDS))
    await asyncio.sleep(0.01)
    stopping.set()
    assert await asyncio.wait_for(waiting, PATIENCE_SECONDS) is None


async def test_without_patience_one_look_tells_what_is_settled_already() -> None:
    office, message = Office(), uuid4()
    office.settled = {message}
    waiters = Waiters(Bus(None), office.look, asyncio.Event())
    assert await waiters.wait(uuid4(), message, seconds=0)
