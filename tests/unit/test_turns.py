"""Turns: work goes on in the order in which it came, in portions between which the event loop hears its sockets."""

from __future__ import annotations

import asyncio

import pytest

from singlewindow.gateway.turns import LEAST_BYTES, PORTION_BYTES, Turns

PORTION = PORTION_BYTES // LEAST_BYTES


class Counted:
    """Counts the loop's turns, and notes in which of them each piece of work was let through."""

    def __init__(self) -> None:
        self.turns, self.done = Turns(), list[int]()
        self._loop, self._turn = asyncio.get_running_loop(), 0
        self._loop.call_soon(self._count)

    async def work(self, size: int = 1) -> None:
        """One piece of work."""
        await self.turns.take(size)
        self.done.append(self._turn)

    def _count(self) -> None:
        self._turn += 1
        self._loop.call_soon(self._count)

    @property
    def portions(self) -> list[int]:
        """How many pieces went through in each turn that let any through."""
        return [self.done.count(turn) for turn in sorted(set(self.done))]


async def test_what_comes_at_once_goes_through_in_portions() -> None:
    counted = Counted()
    await asyncio.gather(*(counted.work() for _ in range(3 * PORTION + 1)))
    assert counted.portions == [PORTION, PORTION, PORTION, 1]


async def test_a_large_document_has_its_turn_for_itself() -> None:
    counted = Counted()
    await asyncio.gather(*(counted.work(10 * PORTION_BYTES) for _ in range(3)))
    assert counted.portions == [1, 1, 1]


async def test_first_come_first_served_and_nobody_overtakes_those_who_wait() -> None:
    turns, order = Turns(), list[int]()

    async def work(number: int) -> None:
        await turns.take(PORTION_BYTES)
        order.append(number)
        if number == 0:
            await asyncio.sleep(0)  # the others have asked now
            await turns.take(PORTION_BYTES)
            order.append(100)

    await asyncio.gather(*(work(number) for number in range(4)))
    assert order == [0, 1, 2, 3, 100]


async def test_who_gave_up_waiting_costs_no_turn() -> None:
    turns = Turns()
    first, leaving, staying = (asyncio.create_task(turns.take(PORTION_BYTES)) for _ in range(3))
    await asyncio.sleep(0)
    assert (first.done(), turns.waiting) == (True, 2)
    leaving.cancel()
    await asyncio.wait_for(staying, 10)
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert turns.waiting == 0
