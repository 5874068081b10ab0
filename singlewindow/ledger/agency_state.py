"""What all processes share of each agency: its breaker, an operator's hold, and how its calls have fared of late."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from singlewindow.ledger.database import Database, Record
from singlewindow.ledger.views import instant

View = dict[str, Any]


@dataclass(frozen=True, slots=True)
class AgencyState:
    """One agency's row. `wait_seconds` None: the breaker is closed; else one probe may go in `probe_in_seconds`.

    `stopped`: the agency refuses us as such. `revision` grows with every change.
    """

    agency: str
    revision: int
    wait_seconds: float | None
    probe_in_seconds: float
    stopped: bool
    reason: str
    opened_at: datetime | None
    probe_at: datetime | None
    paused_at: datetime | None
    paused_by: UUID | None
    paused_reason: str | None
    draining: bool = False
    refused: str | None = None
    refused_at: datetime | None = None

    @property
    def paused(self) -> bool:
        """Whether an operator holds the lane."""
        return self.paused_at is not None

    @property
    def away(self) -> bool:
        """Whether nothing is sent to it but probes."""
        return self.paused or self.wait_seconds is not None

    def view(self) -> View:
        """`state` (paused, draining, stopped, open, half_open or running) with the breaker and the hold behind it, and
        the reason why a changed description of the agency was refused.
        """
        is_open = self.wait_seconds is not None
        breaker = {"since": instant(self.opened_at), "reason": self.reason, "probe_at": instant(self.probe_at)}
        hold = {"since": instant(self.paused_at), "reason": self.paused_reason}
        return {
            "state": self._state(),
            "breaker": {"state": self._breaker_state()} | (breaker if is_open else {}),
            "paused": hold if self.paused else None,
            "refused": {"since": instant(self.refused_at), "reason": self.refused} if self.refused else None,
        }

    def _state(self) -> str:
        if self.paused:
            return "draining" if self.draining else "paused"
        return self._breaker_state().replace("closed", "running")

    def _breaker_state(self) -> str:
        if self.wait_seconds is None:
            return "closed"
        if self.stopped:
            return "stopped"
        return "open" if self.probe_in_seconds > 0 else "half_open"


UNTOUCHED: View = {"state": "running", "breaker": {"state": "closed"}, "paused": None, "refused": None}
"""The view of an agency that nothing was ever noted of."""


class AgencyStates:
    """The rows, written only on change. Every call raises Unavailable while PostgreSQL is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self) -> list[AgencyState]:
        """All that were ever written."""
        return [_state(row) for row in await self._database.fetch("read_agency_states")]

    async def write_breaker(self, agency: str, *, wait_seconds: float | None, reason: str, stopped: bool) -> int:
        """Tell of a breaker that opened, waits longer or (no wait) closed; the row's new revision."""
        row = await self._database.fetchrow("write_breaker", agency, wait_seconds, reason, stopped)
        return int(row["revision"]) if row else 0

    async def pause(self, agency: str, by: UUID, reason: str, *, draining: bool = False) -> None:
        """Hold the agency's lane in every process, within a second; with `draining` what was attempted is finished.

        Holding twice keeps the time, the name and the reason of the first hold.
        """
        await self._database.execute("pause_agency", agency, by, reason, draining)

    async def note_description(self, agency: str, refused: str | None) -> None:
        """Tell why a changed description was refused, or (None) that the one in the folder is in force."""
        await self._database.execute("note_description", agency, refused)

    async def resume(self, agency: str) -> None:
        """Lift the hold; an open breaker probes at once. Resuming what runs changes nothing."""
        await self._database.execute("resume_agency", agency)

    async def recent_calls(self) -> dict[str, View]:
        """Calls, failed calls and their share in the last minute, by agency."""
        rows = await self._database.fetch("recent_calls")
        return {row["agency"]: describe_calls(row["calls"], row["failed"]) for row in rows}


def describe_calls(calls: int, failed: int) -> View:
    """The counts and the error rate, 0 where there were no calls."""
    return {"calls": calls, "failed": failed, "error_rate": round(failed / calls, 4) if calls else 0.0}


def _state(row: Record) -> AgencyState:
    return AgencyState(
        row["agency"],
        row["revision"],
        row["wait_seconds"],
        row["probe_in_seconds"] or 0.0,
        row["stopped"],
        row["reason"] or "",
        row["opened_at"],
        row["probe_at"],
        row["paused_at"],
        row["paused_by"],
        row["paused_reason"],
        row["draining"],
        row["refused"],
        row["refused_at"],
    )
