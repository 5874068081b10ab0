"""Whose turn it is in the event loop: work is let through in small portions, and sockets are heard between them.

Without it everything that came in at once is judged at once, and whoever is to be refused waits behind all of it.
"""

from __future__ import annotations

import asyncio
from collections import deque

PORTION_BYTES = 48_000
"""So much of documents is judged between two looks at the sockets: about 5 ms of single declarations."""

LEAST_BYTES = 3_000
"""A smaller document counts as one of this size, because of what every submission costs."""


class Turns:
    """Lets work through in the order in which it came. One per event loop."""

    def __init__(self) -> None:
        self._queue: deque[tuple[asyncio.Future[None], int]] = deque()
        self._left = PORTION_BYTES
        self._renewing = False

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return len(self._queue)

    async def take(self, size: int) -> None:
        """Return when a document of so many bytes may be judged: at once as long as this turn's portion lasts."""
        if self._left > 0 and not self._queue:
            self._spend(size)
            return
        turn = asyncio.get_running_loop().create_future()
        self._queue.append((turn, size))
        await turn

    def _spend(self, size: int) -> None:
        self._left -= max(size, LEAST_BYTES)
        if not self._renewing:
            self._renewing = True
            asyncio.get_running_loop().call_soon(self._renew)

    def _renew(self) -> None:
        """The loop has come round: a new portion, first for those that wait."""
        self._renewing, self._left = False, PORTION_BYTES
        while self._queue and self._left > 0:
            turn, size = self._queue.popleft()
            if not turn.done():
                turn.set_result(None)
                self._spend(size)
