"""How long decisions take: drawn once for each document, and kept with it in the journal."""

from __future__ import annotations

import math
from itertools import pairwise
from statistics import NormalDist
from typing import Literal, Self

from pydantic import Field, model_validator

from singlewindow.adapters.sandbox.chance import draw
from singlewindow.adapters.sandbox.records import Request, story_key
from singlewindow.adapters.sandbox.weather import Table
from singlewindow.errors import ConfigurationError


class Delays(Table):
    """The milliseconds from a document to the last decision that follows by itself, as they are distributed."""

    distribution: Literal["uniform", "normal", "exponential"] = Field(
        "uniform", description="how delays spread between the shortest and the longest"
    )
    shortest_ms: int = Field(ge=0, description="no delay is shorter")
    longest_ms: int = Field(ge=0, description="no delay is longer")
    mean_ms: float | None = Field(None, description="of normal and exponential; default the middle")
    deviation_ms: float | None = Field(None, gt=0, description="of normal; default a sixth of the range")

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        ordered = (self.shortest_ms, self._mean_ms(), self.longest_ms)
        if any(low > high for low, high in pairwise(ordered)):
            raise ValueError("shortest_ms, mean_ms and longest_ms must rise in this order")
        return self

    def draw_ms(self, chance: float) -> int:
        """The delay that a number from 0 up to 1 falls on."""
        span_ms = self.longest_ms - self.shortest_ms
        match self.distribution:
            case "uniform":
                drawn_ms = self.shortest_ms + span_ms * chance
            case "exponential":
                drawn_ms = self.shortest_ms - math.log(1.0 - chance) * (self._mean_ms() - self.shortest_ms)
            case "normal":
                spread = NormalDist(self._mean_ms(), self.deviation_ms or max(span_ms / 6, 1e-9))
                drawn_ms = spread.inv_cdf(min(max(chance, 1e-9), 1 - 1e-9))
        return round(min(max(drawn_ms, self.shortest_ms), self.longest_ms))

    def _mean_ms(self) -> float:
        return self.mean_ms if self.mean_ms is not None else (self.shortest_ms + self.longest_ms) / 2


def read_range(range_ms: str) -> Delays:
    """Delays spread evenly over a range such as `50-300`, in milliseconds. Raises ConfigurationError for no range."""
    low, _, high = range_ms.partition("-")
    if not (low.isdecimal() and high.isdecimal() and int(low) <= int(high)):
        raise ConfigurationError(f"sandbox_delay_ms wants a range in milliseconds such as 50-300, not {range_ms!r}")
    return Delays(shortest_ms=int(low), longest_ms=int(high))


def spread_ms(request: Request, steps: int) -> list[int]:
    """Milliseconds from a request to each of its decisions, rising to the last; the same for the same document."""
    key = story_key(request)
    shares = sorted(draw("step", key, step) for step in range(1, steps))
    return [round(request.delay_ms * share) for share in [*shares, 1.0][:steps]]
