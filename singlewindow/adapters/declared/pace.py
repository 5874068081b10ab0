"""Keeping to an agency's rate: the calls of one process leave evenly."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable


class Pace:
    """At most so many calls a second of this process; None sets no bound. `callers` may wait at a time."""

    def __init__(
        self,
        rate_per_second: float | None,
        callers: int,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._interval_seconds = 0.0 if rate_per_second is None else 1.0 / rate_per_second
        self._callers, self._clock, self._sleep = callers, clock, sleep
        self._next = 0.0

    @property
    def longest_wait_seconds(self) -> float:
        """What a call may wait for its turn while all callers are ahead of it."""
        return self._interval_seconds * self._callers

    async def keep(self) -> None:
        """Wait for this call's turn. A turn once given is used up, also by a call that is cancelled while it waits."""
        now = self._clock()
        turn = max(self._next, now)
        self._next = turn + self._interval_seconds
        if turn > now:
            await self._sleep(turn - now)
