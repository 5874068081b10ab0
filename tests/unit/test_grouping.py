"""Grouped writes: who comes while one runs is in the next, and one bad item fails alone."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from singlewindow.errors import Unavailable
from singlewindow.ledger.grouping import Grouped


class Ledger:
    """Writes numbers, refuses 13 and is away for 404."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.open = asyncio.Event()
        self.open.set()

    async def write(self, numbers: Sequence[int]) -> list[int]:
        self.groups.append(list(numbers))
        await self.open.wait()
        if 404 in numbers:
            raise Unavailable("away")
        if 13 in numbers:
            raise ValueError("13")
        return [number * 2 for number in numbers]


async def begin(grouped: Grouped[int, int], *numbers: int) -> list[asyncio.Task[int]]:
    tasks = [asyncio.create_task(grouped.add(number)) for number in numbers]
    for _ in range(3):
        await asyncio.sleep(0)
    return tasks


async def test_what_waits_while_one_transaction_runs_is_written_by_the_next() -> None:
    ledger = Ledger()
    ledger.open.clear()
    grouped = Grouped(ledger.write, most=100)
    tasks = await begin(grouped, 1)
    tasks += await begin(grouped, 2, 3, 4)
    ledger.open.set()
    assert await asyncio.gather(*tasks) == [2, 4, 6, 8]
    assert ledger.groups == [[1], [2, 3, 4]]


async def test_a_group_weighs_no_more_than_allowed_unless_one_item_does() -> None:
    ledger = Ledger()
    ledger.open.clear()
    grouped = Grouped(ledger.write, most=10, weigh=lambda number: number)
    tasks = await begin(grouped, 1)
    tasks += await begin(grouped, 4, 6, 1, 30, 2)
    ledger.open.set()
    await asyncio.gather(*tasks)
    assert ledger.groups == [[1], [4, 6], [1], [30], [2]]


async def test_one_bad_item_fails_alone() -> None:
    ledger = Ledger()
    ledger.open.clear()
    grouped = Grouped(ledger.write, most=100)
    tasks = await begin(grouped, 1)
    tasks += await begin(grouped, 2, 13, 4)
    ledger.open.set()
    told = await asyncio.gather(*tasks, return_exceptions=True)
    assert [told[0], told[1], told[3]] == [2, 4, 8]
    assert isinstance(told[2], ValueError)


async def test_everybody_hears_that_the_ledger_was_away_and_the_next_is_tried() -> None:
    ledger = Ledger()
    ledger.open.clear()
    grouped = Grouped(ledger.write, most=100)
    tasks = await begin(grouped, 1)
    tasks += await begin(grouped, 2, 404)
    ledger.open.set()
    told = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(one) for one in told] == [int, Unavailable, Unavailable]
    assert len(ledger.groups) == 2
    assert await grouped.add(5) == 10


async def test_it_is_written_although_who_asked_went_away() -> None:
    ledger = Ledger()
    ledger.open.clear()
    grouped = Grouped(ledger.write, most=100)
    first, second = await begin(grouped, 1, 2)
    second.cancel()
    ledger.open.set()
    assert await first == 2
    with pytest.raises(asyncio.CancelledError):
        await second
    await grouped.finish()
    assert ledger.groups == [[1, 2]]
