"""How late the event loop is: the time a request waits before anybody looks at it."""

from __future__ import annotations

import asyncio

STEP_SECONDS = 0.02


class LoopLag:
    """The delay, in seconds, of what was due last: that of the whole queue before the loop."""

    def __init__(self) -> None:
        self.seconds = 0.0

    async def watch(self) -> None:
        """Measure until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + STEP_SECONDS
            await asyncio.sleep(STEP_SECONDS)
            self.seconds = max(0.0, loop.time() - due)
