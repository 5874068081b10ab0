"""When to try again, and when to stop: exponential back-off with full jitter, bounded in attempts and in time."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

_LARGEST_EXPONENT = 60


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The n-th delay is drawn from 0 to `base_seconds * 2**(n-1)`, at most `cap_seconds`.

    Full jitter (Brooker, AWS Architecture Blog, 2015) spreads the callers that an outage has lined up.
    `max_attempts` and `budget_seconds` (age of the task) end the trying.
    """

    base_seconds: float = 0.5
    cap_seconds: float = 60.0
    max_attempts: int = 12
    budget_seconds: float = 86_400.0
    draw: Callable[[float, float], float] = random.uniform

    def delay_seconds(self, attempt: int, *, retry_after_seconds: float | None = None) -> float:
        """The wait after failed attempt `attempt` (from 1); never shorter than what the other side asked for.

        The jitter is added to Retry-After, so that those told the same time do not all come back at once.
        """
        exponent = min(max(attempt, 1) - 1, _LARGEST_EXPONENT)
        longest = min(self.cap_seconds, self.base_seconds * 2.0**exponent)
        return max(retry_after_seconds or 0.0, 0.0) + self.draw(0.0, longest)

    def exhausted(self, attempt: int, age_seconds: float, *, agency_away: bool = False) -> bool:
        """Whether a task that failed its attempt `attempt` should be given up.

        While the agency is away for everybody (`agency_away`) attempts say nothing about the task: then only time ends
        it, or an outage of minutes would dead-letter what waits quietly.
        """
        if age_seconds >= self.budget_seconds:
            return True
        return attempt >= self.max_attempts and not agency_away
