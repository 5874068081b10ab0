"""A circuit breaker per agency: after repeated failures a lane stops claiming and only probes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Opening:
    """Why a breaker is open, and how long it waits for a probe. `stopped`: the agency lets nobody in (see trip)."""

    wait_seconds: float
    reason: str
    stopped: bool = False


class Breaker:
    """Opens after `threshold` consecutive failures; then one probe at a time, each failed one doubling the wait.

    Counted are failures of whole calls that no document is to blame for. What one process learns others adopt.
    `paused` is an operator's hold: nothing is permitted while it lasts, whatever the state. `draining` is a hold that
    lets what was attempted before come to its end.
    """

    def __init__(
        self,
        *,
        threshold: int = 5,
        open_seconds: float = 1.0,
        longest_seconds: float = 30.0,
        stop_seconds: float = 30.0,
        longest_stop_seconds: float = 300.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.paused = False
        self.draining = False
        self._threshold = threshold
        self._waits = {False: (open_seconds, longest_seconds), True: (stop_seconds, longest_stop_seconds)}
        self._monotonic = monotonic
        self._failures = 0
        self._opening: Opening | None = None
        self._probe_at = 0.0
        self._has_news = False

    @property
    def state(self) -> Literal["closed", "open", "half_open"]:
        """`open`: do not call. `half_open`: the wait is over, one probe may go. `closed`: all is well."""
        if self._opening is None:
            return "closed"
        return "open" if self._monotonic() < self._probe_at else "half_open"

    @property
    def away(self) -> bool:
        """True while the agency fails everybody: open or probing."""
        return self._opening is not None

    @property
    def stopped(self) -> bool:
        """True while the agency refuses us as such."""
        return self._opening is not None and self._opening.stopped

    def succeed(self) -> None:
        """The agency answered, whatever it said: close."""
        self._failures = 0
        if self._opening is not None:
            self._opening, self._has_news = None, True

    def fail(self, reason: str = "") -> None:
        """A call failed; a straggler's failure while open is not held against the agency twice."""
        self._failures += 1
        if self.state == "half_open" or (self.state == "closed" and self._failures >= self._threshold):
            self._open(reason, stopped=False)

    def trip(self, reason: str) -> None:
        """The agency refused us as such (credentials, address): open at once, and probe seldom."""
        if self.state != "open" or not self.stopped:
            self._open(reason, stopped=True)

    def permit(self, batch_size: int, *, running: int) -> int:
        """How many tasks a lane may claim now, with `running` batches at work: all, one as a probe, or none."""
        if self.paused:
            return 0
        if self.state == "closed":
            return batch_size
        return 1 if self.state == "half_open" and not running else 0

    def take_news(self) -> bool:
        """Whether this process changed the state since the last question."""
        news, self._has_news = self._has_news, False
        return news

    def renew_news(self) -> None:
        """What was taken could not be told to the others: it is still news."""
        self._has_news = True

    @property
    def opening(self) -> Opening | None:
        """What to tell the others; None: closed."""
        return self._opening

    def adopt(self, opening: Opening | None, *, probe_in_seconds: float) -> None:
        """Take over what another process found out."""
        self._failures, self._opening = 0, opening
        self._probe_at = self._monotonic() + probe_in_seconds

    def _open(self, reason: str, *, stopped: bool) -> None:
        first, longest = self._waits[stopped]
        before = self._opening
        again = before is not None and before.stopped == stopped
        wait_seconds = min(before.wait_seconds * 2, longest) if before is not None and again else first
        self._opening, self._has_news = Opening(wait_seconds, reason, stopped), True
        self._probe_at = self._monotonic() + wait_seconds
