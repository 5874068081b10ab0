"""A circuit breaker per agency: after repeated failures a lane stops claiming and only probes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal


class Breaker:
    """Opens after `threshold` consecutive failures; then one probe at a time, each failed one doubling the wait.

    Counted are failures of whole calls that no document is to blame for. Each process learns for itself.
    """

    def __init__(
        self,
        *,
        threshold: int = 5,
        open_seconds: float = 1.0,
        longest_seconds: float = 30.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._threshold = threshold
        self._first_seconds = open_seconds
        self._longest_seconds = longest_seconds
        self._monotonic = monotonic
        self._failures = 0
        self._open_seconds = open_seconds
        self._probe_at: float | None = None

    @property
    def state(self) -> Literal["closed", "open", "half_open"]:
        """`open`: do not call. `half_open`: the wait is over, one probe may go. `closed`: all is well."""
        if self._probe_at is None:
            return "closed"
        return "open" if self._monotonic() < self._probe_at else "half_open"

    @property
    def away(self) -> bool:
        """True while the agency fails everybody: open or probing."""
        return self._probe_at is not None

    def succeed(self) -> None:
        """The agency answered, whatever it said: close."""
        self._failures, self._open_seconds, self._probe_at = 0, self._first_seconds, None

    def fail(self) -> None:
        """A call failed; a straggler's failure while open is not held against the agency twice."""
        self._failures += 1
        if self.state == "half_open":
            self._open_seconds = min(self._open_seconds * 2, self._longest_seconds)
            self._probe_at = self._monotonic() + self._open_seconds
        elif self.state == "closed" and self._failures >= self._threshold:
            self._probe_at = self._monotonic() + self._open_seconds

    def permit(self, batch_size: int, *, running: int) -> int:
        """How many tasks a lane may claim now, with `running` batches at work: all, one as a probe, or none."""
        if self.state == "closed":
            return batch_size
        return 1 if self.state == "half_open" and not running else 0
