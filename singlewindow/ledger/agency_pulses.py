"""How agencies' calls fare, over all processes: each writes a small row now and then, and whoever asks adds them up."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from singlewindow.ledger.database import Database, Record
from singlewindow.ledger.dossiers import columns
from singlewindow.ledger.views import instant

RECENT_MINUTES = 5
CLASSES_PER_DOUBLING = 4
CLASSES = 80
"""Durations are counted in classes, each 19 % longer than the one before: from 1 millisecond to about a quarter of an
hour.
"""


@dataclass(slots=True)
class Pulse:
    """One agency's calls of one minute, as one process made them."""

    minute: datetime
    calls: int = 0
    failed: int = 0
    durations: list[int] = field(default_factory=lambda: [0] * CLASSES)
    last_at: datetime | None = None
    last_outcome: str = ""
    last_ms: int = 0

    def count(self, outcome: str, seconds: float, at: datetime, *, failed: bool) -> None:
        """Add one call that ended now."""
        self.calls += 1
        self.failed += failed
        self.durations[class_of(seconds)] += 1
        self.last_at, self.last_outcome, self.last_ms = at, outcome, round(seconds * 1000)


class AgencyPulses:
    """The rows of all processes. Every call raises Unavailable while PostgreSQL is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def write(self, process: UUID, pulses: Sequence[tuple[str, Pulse]]) -> None:
        """What this process counted of these agencies in their minutes; writing again replaces it."""
        rows = [
            (
                agency, pulse.minute, pulse.calls, pulse.failed, " ".join(map(str, pulse.durations)),
                pulse.last_at or pulse.minute, pulse.last_outcome, pulse.last_ms,
            )
            for agency, pulse in pulses
        ]  # fmt: skip
        if rows:
            await self._database.execute("write_pulses", process, *columns(rows, 8))

    async def read(self) -> dict[str, dict[str, Any]]:
        """By agency `recent` (counts, error rate and percentiles of the last minutes) and `last_exchange`."""
        by_agency: dict[str, list[Record]] = {}
        for row in await self._database.fetch("read_pulses", RECENT_MINUTES * 60.0):
            by_agency.setdefault(row["agency"], []).append(row)
        return {agency: _describe(rows) for agency, rows in by_agency.items()}


def class_of(seconds: float) -> int:
    """The class of a duration."""
    return min(max(math.ceil(CLASSES_PER_DOUBLING * math.log2(max(seconds * 1000, 1.0))), 0), CLASSES - 1)


def percentile_ms(durations: Sequence[int], share: float) -> int | None:
    """The duration that this share of the calls did not exceed, as the end of its class; None without calls."""
    wanted, seen = share * sum(durations), 0
    for number, count in enumerate(durations):
        seen += count
        if count and seen >= wanted:
            return round(2 ** (number / CLASSES_PER_DOUBLING))
    return None


def _describe(rows: Sequence[Record]) -> dict[str, Any]:
    """Of rows in the order of their last call."""
    recent = [row for row in rows if row["recent"]]
    calls, failed = sum(row["calls"] for row in recent), sum(row["failed"] for row in recent)
    durations = [sum(counts) for counts in zip(*(row["durations"] for row in recent), strict=True)]
    last = rows[-1]
    return {
        "recent": describe_recent(calls, failed, durations),
        "last_exchange": {"at": instant(last["last_at"]), "outcome": last["last_outcome"], "ms": last["last_ms"]},
    }


def describe_recent(calls: int = 0, failed: int = 0, durations: Sequence[int] = ()) -> dict[str, Any]:
    """The counts of the last RECENT_MINUTES, with the error rate and the 50th and 99th percentile in milliseconds."""
    return {
        "minutes": RECENT_MINUTES,
        "calls": calls,
        "failed": failed,
        "error_rate": round(failed / calls, 4) if calls else 0.0,
        "p50_ms": percentile_ms(durations, 0.5),
        "p99_ms": percentile_ms(durations, 0.99),
    }
