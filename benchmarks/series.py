"""What plots are drawn from, as plain data that goes into the JSON beside the figures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

BUCKETS_A_DECADE = 20

Series = dict[str, Any]


def stack(unit: str, bars: Mapping[str, Mapping[str, float]]) -> Series:
    """Bars made of named steps."""
    return {"kind": "stack", "unit": unit, "bars": bars}


def timeline(unit: str, lines: Mapping[str, Sequence[float]]) -> Series:
    """Lines with a value for each second."""
    return {"kind": "timeline", "unit": unit, "lines": lines}


def bars(unit: str, values: Mapping[str, float]) -> Series:
    """One bar each."""
    return {"kind": "bars", "unit": unit, "bars": values}


def histogram(unit: str, groups: Mapping[str, Sequence[float]], goal: float | None = None) -> Series:
    """How often each group has values of a size, in buckets of equal ratio; `goal` is drawn as a line."""
    return {
        "kind": "histogram",
        "unit": unit,
        "goal": goal,
        "groups": {name: _buckets(values) for name, values in groups.items()},
    }


def _buckets(values: Sequence[float]) -> list[tuple[float, int]]:
    """Lower end of each bucket that holds any, and how many."""
    counts: dict[int, int] = {}
    for value in values:
        place = math.floor(math.log10(max(value, 1e-6)) * BUCKETS_A_DECADE)
        counts[place] = counts.get(place, 0) + 1
    return [(10 ** (place / BUCKETS_A_DECADE), counts[place]) for place in sorted(counts)]
