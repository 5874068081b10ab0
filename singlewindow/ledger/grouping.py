"""Writes that go together: what comes while one transaction runs is in the next, so that nobody waits for company."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Generic, TypeVar

from singlewindow.errors import Unavailable

Item = TypeVar("Item")
Result = TypeVar("Result")


class Grouped(Generic[Item, Result]):
    """One writer for many who write at once: fewer commits, and no two of them wait for each other's locks.

    `write` returns a result for each item, in their order. What it raises for a group it is asked again for each
    item alone, so that one bad item fails alone; Unavailable is everybody's. A group weighs at most `most`, unless
    one item does.
    """

    def __init__(
        self,
        write: Callable[[Sequence[Item]], Coroutine[Any, Any, Sequence[Result]]],
        *,
        most: int,
        weigh: Callable[[Item], int] = lambda _: 1,
    ) -> None:
        self._write, self._most, self._weigh = write, most, weigh
        self._waiting: deque[tuple[Item, asyncio.Future[Result]]] = deque()
        self._writing: asyncio.Task[None] | None = None

    async def add(self, item: Item) -> Result:
        """The result once it is committed; raises what writing it raised. It is written even when nobody waits."""
        written: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, written))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_all(), name="grouped writes")
        return await written

    async def finish(self) -> None:
        """Wait until nothing is on its way."""
        if self._writing is not None:
            await self._writing

    async def _write_all(self) -> None:
        while self._waiting:
            await self._write_group(self._take_group())

    def _take_group(self) -> list[tuple[Item, asyncio.Future[Result]]]:
        group = [self._waiting.popleft()]
        weight = self._weigh(group[0][0])
        while self._waiting and weight + self._weigh(self._waiting[0][0]) <= self._most:
            group.append(self._waiting.popleft())
            weight += self._weigh(group[-1][0])
        return group

    async def _write_group(self, group: Sequence[tuple[Item, asyncio.Future[Result]]]) -> None:
        outcomes = await asyncio.gather(self._write([item for item, _ in group]), return_exceptions=True)
        results: Sequence[Result] | BaseException = outcomes[0]
        if not isinstance(results, BaseException):
            for (_, written), result in zip(group, results, strict=True):
                if not written.done():
                    written.set_result(result)
        elif len(group) > 1 and not isinstance(results, Unavailable):
            for one in group:
                await self._write_group([one])
        else:
            _fail(group, results)


def _fail(group: Sequence[tuple[Any, asyncio.Future[Any]]], error: BaseException) -> None:
    for _, written in group:
        if not written.done():
            written.set_exception(error)
