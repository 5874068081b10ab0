"""The sandbox's feeds: what is issued waits to be pushed, unless a reset comes first."""

from __future__ import annotations

import asyncio

from singlewindow.adapters.sandbox.delivery import Feed
from singlewindow.adapters.sandbox.records import Notice, Statement


def notice(name: str) -> Notice:
    return Notice(name, "customs", "task", 0, Statement("Response", {}))


async def test_who_waits_for_a_notice_that_a_reset_takes_away_gets_the_next_one() -> None:
    feed = Feed("customs", pushes=True)
    waiting = asyncio.create_task(feed.wait(100))
    await asyncio.sleep(0)
    feed.issue(notice("forgotten"))
    feed.clear()
    for _ in range(3):
        await asyncio.sleep(0)
    feed.issue(notice("next"))
    assert [one.notice_id for _, one in await asyncio.wait_for(waiting, 10)] == ["next"]
