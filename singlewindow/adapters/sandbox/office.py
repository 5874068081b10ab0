"""The sandbox without its wire: takes tasks, writes the journal, and recovers everything from it after a crash."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path

from singlewindow.adapters.profiles import AGENCIES, CARRIERS
from singlewindow.adapters.sandbox.consignments import Consignments
from singlewindow.adapters.sandbox.delivery import Feed, Timetable
from singlewindow.adapters.sandbox.exports import Exports
from singlewindow.adapters.sandbox.journal import Journal, Line, read_journal
from singlewindow.adapters.sandbox.numbers import Numbers, Pace
from singlewindow.adapters.sandbox.others import Others
from singlewindow.adapters.sandbox.papers import PAPERS
from singlewindow.adapters.sandbox.parcels import Parcels
from singlewindow.adapters.sandbox.partners import Booking, Carriers, Inspection
from singlewindow.adapters.sandbox.records import Decision, Notice, Request
from singlewindow.adapters.sandbox.register import Desk, Register, journal_line
from singlewindow.adapters.sandbox.requests import is_foreign

PULLED = frozenset({"inspection"})
"""Agencies whose notices are fetched; the others push."""


class Customs:
    """One counter for parcels, export declarations and documents of message sets that were dropped in."""

    def __init__(self, parcels: Parcels, exports: Exports, others: Others) -> None:
        self._parcels, self._exports, self._others = parcels, exports, others

    def take(self, request: Request) -> Decision:
        """See Desk."""
        if is_foreign(request.root):
            return self._others.take(request)
        return (self._parcels if request.root in PAPERS else self._exports).take(request)


class Office:
    """All agencies with their journal. Recover before use; `perform` returns only when its lines are on disk."""

    def __init__(self, path: Path, *, delay_ms: str, seed: str = "", clock: Callable[[], float] = time.time) -> None:
        self._path, self._clock, self._last_ms = path, clock, 0
        self.journal = Journal(path)
        self.feeds = {agency: Feed(agency, pushes=agency not in PULLED) for agency in AGENCIES}
        self.timetable = Timetable(self.feeds, self.journal, self._now_ms)
        pace, numbers, consignments = Pace(delay_ms, seed=seed), Numbers(), Consignments()
        self._carriers = Carriers(pace, numbers, consignments)
        desks: dict[str, Desk] = dict.fromkeys(CARRIERS, self._carriers)
        desks["inspection"] = Inspection(pace, numbers, consignments)
        desks["customs"] = Customs(Parcels(pace, numbers), Exports(pace, numbers, consignments), Others(pace, numbers))
        self.register = Register(desks)

    def next_ms(self) -> int:
        """The time of the next request: now, and not before any earlier request, whatever the clock does."""
        self._last_ms = max(self._now_ms(), self._last_ms)
        return self._last_ms

    def decide(self, request: Request) -> tuple[Decision, Line]:
        """Decide on a new task. Hand the line to `perform` before anybody hears of the decision."""
        decision = self.register.take(request)
        return decision, journal_line(request, decision)

    def note_repeat(self, request: Request) -> None:
        """A task that came again: worth a line, worth no wait."""
        line = {"kind": "repeat", "agency": request.agency, "task_id": request.task_id, "at_ms": request.at_ms}
        self.journal.note(line)

    async def perform(self, decisions: Iterable[Decision], lines: list[Line]) -> None:
        """Put the lines on disk, with all lines before them, and let the decisions' notices take their course."""
        await self.journal.append(lines)
        for decision in decisions:
            self.timetable.plan(decision.notices)

    def find_booking(self, agency: str, *, number: str | None, lrn: str | None, leg: int | None) -> Booking | None:
        """A carrier's booking by its number, or by LRN and leg."""
        return self._carriers.find(agency, number=number, lrn=lrn, leg=leg)

    async def move(self, agency: str, booking: Booking, event: str) -> Notice:
        """A leg departs or arrives now; its notice is pushed once the movement is on disk."""
        at_ms = self.next_ms()
        line = {
            "kind": "movement",
            "agency": agency,
            "lrn": booking.consignment.lrn,
            "declarant": booking.consignment.declarant,
            "leg": booking.leg,
            "event": event,
            "at_ms": at_ms,
        }
        notice = self._carriers.move(booking, event, at_ms)
        await self.journal.append([line])
        self.timetable.plan([notice])
        return notice

    def recover(self) -> None:
        """Read the journal: every task is known again, and what was not delivered will be."""
        pending: dict[str, list[Notice]] = {}
        for line in read_journal(self._path):
            match line["kind"]:
                case "issued":
                    self._reissue(line, pending)
                case "delivered":
                    self.feeds[line["agency"]].settle(line["number"])
                case "movement":
                    _remember(pending, self._move_again(line))
                case "effect" | "duplicate":
                    self._last_ms = line["at_ms"]
                    _remember(pending, self.register.replay(line).notices)
        for notices in pending.values():
            self.timetable.plan(notices)

    def _reissue(self, line: Line, pending: dict[str, list[Notice]]) -> None:
        waiting = pending.get(_notice_key(line["agency"], line["notice_id"]))
        self.feeds[line["agency"]].restore(line["number"], waiting.pop() if waiting else None)

    def _move_again(self, line: Line) -> list[Notice]:
        self._last_ms = line["at_ms"]
        booking = self._carriers.at(line["agency"], line["declarant"], line["lrn"], line["leg"])
        return [self._carriers.move(booking, line["event"], line["at_ms"])] if booking else []

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)


def _remember(pending: dict[str, list[Notice]], notices: Iterable[Notice]) -> None:
    for notice in notices:
        pending.setdefault(_notice_key(notice.agency, notice.notice_id), []).append(notice)


def _notice_key(agency: str, notice_id: str) -> str:
    return f"{agency} {notice_id}"
