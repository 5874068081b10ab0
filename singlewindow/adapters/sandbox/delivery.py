"""From planned to issued: one heap of coming notices, and a numbered feed per agency."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

from singlewindow.adapters.sandbox.journal import Journal
from singlewindow.adapters.sandbox.records import Notice

FEED_LENGTH = 10_000
"""Issued notices that stay fetchable at an agency that pushes; one that is pulled keeps all."""

TICK_SECONDS = 0.002
"""Notices due within one tick are issued together."""


class Feed:
    """The notices of one agency in the order of issue, numbered from 1. `delivered` is the last one that was pushed."""

    def __init__(self, agency: str, *, pushes: bool) -> None:
        self.agency, self.pushes = agency, pushes
        self.delivered = 0
        self._last = 0
        self._issued: deque[tuple[int, Notice]] = deque(maxlen=FEED_LENGTH if pushes else None)
        self._undelivered: deque[tuple[int, Notice]] = deque()
        self._filled = asyncio.Event()

    def issue(self, notice: Notice) -> int:
        """Give a notice its number; an agency that pushes will deliver it."""
        self._last += 1
        self._issued.append((self._last, notice))
        if self.pushes:
            self._undelivered.append((self._last, notice))
            self._filled.set()
        return self._last

    def restore(self, number: int, notice: Notice | None) -> None:
        """Take a notice as issued before, under the number it had; the number alone when the notice is forgotten."""
        self._last = number - 1
        if notice is not None:
            self.issue(notice)
        self._last = number

    @property
    def last(self) -> int:
        """The number given last, 0 before the first."""
        return self._last

    def clear(self) -> None:
        """Forget every notice; numbers go on from the last."""
        self._issued.clear()
        self.settle(self._last)

    def after(self, cursor: int, limit: int) -> list[tuple[int, Notice]]:
        """Up to `limit` notices after a number."""
        first = self._issued[0][0] if self._issued else 1
        start = max(0, cursor + 1 - first)
        return list(itertools.islice(self._issued, start, start + limit))

    async def wait(self, limit: int) -> list[tuple[int, Notice]]:
        """The oldest undelivered notices, waiting for one; what was cleared before we came to look is none."""
        while not self._undelivered:
            await self._filled.wait()
        return list(itertools.islice(self._undelivered, limit))

    def settle(self, number: int) -> None:
        """Everything up to this number has been delivered."""
        self.delivered = max(self.delivered, number)
        while self._undelivered and self._undelivered[0][0] <= number:
            self._undelivered.popleft()
        if not self._undelivered:
            self._filled.clear()


class Timetable:
    """Issues every notice when it is due. `plan` only what is on disk: what is issued may be heard at once."""

    def __init__(self, feeds: Mapping[str, Feed], journal: Journal, clock_ms: Callable[[], int]) -> None:
        self._feeds, self._journal, self._clock_ms = feeds, journal, clock_ms
        self._heap: list[tuple[int, int, Notice]] = []
        self._order = itertools.count()
        self._earlier = asyncio.Event()

    def plan(self, notices: Iterable[Notice]) -> None:
        """Schedule notices; one whose time has passed is issued at once."""
        before = self._heap[0][0] if self._heap else None
        for notice in notices:
            heapq.heappush(self._heap, (notice.due_ms, next(self._order), notice))
        if self._heap and (before is None or self._heap[0][0] < before):
            self._earlier.set()

    def clear(self) -> None:
        """Forget what is planned."""
        self._heap.clear()

    async def run(self) -> None:
        """Issue until cancelled."""
        while True:
            self._earlier.clear()
            now_ms = self._clock_ms()
            while self._heap and self._heap[0][0] <= now_ms:
                self._issue(heapq.heappop(self._heap)[2])
            seconds = max(TICK_SECONDS, (self._heap[0][0] - now_ms) / 1000) if self._heap else None
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._earlier.wait()

    def _issue(self, notice: Notice) -> None:
        number = self._feeds[notice.agency].issue(notice)
        self._journal.note(issued_line(notice, number))


def issued_line(notice: Notice, number: int) -> dict[str, Any]:
    """The journal's line for a notice that got its number in the agency's feed."""
    return {"kind": "issued", "agency": notice.agency, "number": number, "notice_id": notice.notice_id}


def delivered_line(agency: str, number: int) -> dict[str, Any]:
    """The journal's line for all of an agency's notices up to a number having been accepted by the single window."""
    return {"kind": "delivered", "agency": agency, "number": number}
