"""The sandbox without its wire: takes tasks, writes the journal, and recovers everything from it after a crash."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from uuid import UUID

from singlewindow.adapters.profiles import AGENCIES, CARRIERS
from singlewindow.adapters.sandbox.consignments import Consignments
from singlewindow.adapters.sandbox.delivery import Feed, Timetable
from singlewindow.adapters.sandbox.exports import Exports
from singlewindow.adapters.sandbox.incidents import Incident, ask_magic
from singlewindow.adapters.sandbox.injecting import Injection
from singlewindow.adapters.sandbox.journal import Journal, Line, read_journal
from singlewindow.adapters.sandbox.magic import read_magic
from singlewindow.adapters.sandbox.numbers import Numbers
from singlewindow.adapters.sandbox.others import Others
from singlewindow.adapters.sandbox.papers import PAPERS
from singlewindow.adapters.sandbox.parcels import Parcels
from singlewindow.adapters.sandbox.partners import Booking, Carriers, Inspection
from singlewindow.adapters.sandbox.records import Decision, Notice, Request
from singlewindow.adapters.sandbox.register import Desk, Register, journal_line
from singlewindow.adapters.sandbox.requests import is_foreign
from singlewindow.adapters.sandbox.story import Story

STATUS = "status"
"""The action under which AskStatus stands in the journal's requests."""

PULLED = frozenset({"inspection"})
"""Agencies whose notices are fetched; the others push."""

Pending = dict[str, list[Notice]]
"""Notices of a journal that is being read which have not been issued yet, by agency and notice id."""


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

    def __init__(self, path: Path, story: Story, *, clock: Callable[[], float] = time.time) -> None:
        self._path, self._story, self._clock, self._last_ms = path, story, clock, 0
        self.journal = Journal(path)
        self.feeds = {agency: Feed(agency, pushes=agency not in PULLED) for agency in AGENCIES}
        self.timetable = Timetable(self.feeds, self.journal, self._now_ms)
        self._attempts: Counter[tuple[str, str]] = Counter()
        self._injected: Counter[str] = Counter()
        self._numbers = Numbers()
        self.register = Register(self._furnish())

    def next_ms(self) -> int:
        """The time of the next request: now, and not before any earlier request, whatever the clock does."""
        self._last_ms = max(self._now_ms(), self._last_ms)
        return self._last_ms

    def decide(self, request: Request) -> tuple[Decision, Line]:
        """Decide on a new task. Hand the line to `perform` before anybody hears of the decision."""
        cast = self._story.cast(request)
        decision = self.register.take(cast)
        return decision, journal_line(cast, decision)

    def note_requests(self, agency: str, action: str, task_ids: Iterable[UUID], call_id: UUID | None) -> None:
        """Tasks as they were asked, known or not, whatever comes of it; on disk before the call is answered."""
        at_ms = self.next_ms()
        for task_id in task_ids:
            self.journal.note(
                {
                    "kind": "request",
                    "agency": agency,
                    "action": action,
                    "task_id": str(task_id),
                    "call_id": str(call_id) if call_id else None,
                    "at_ms": at_ms,
                }
            )

    def ask_magic(self, requests: Sequence[Request]) -> Incident | None:
        """What befalls a call of these requests, by the words of all; its attempt is the lowest of those with words."""
        bearing = {
            (request.agency, request.task_id): words
            for request in requests
            if (words := read_magic(request.reference, request.agency))
        }
        self._attempts.update(bearing.keys())
        attempt = min((self._attempts[task] for task in bearing), default=0)
        return ask_magic(frozenset().union(*bearing.values()), attempt)

    async def perform(self, notices: Iterable[Notice], lines: list[Line]) -> None:
        """Put the lines on disk, with all lines before them, and let the notices take their course."""
        await self.journal.append(lines)
        self.timetable.plan(notices)

    def find_booking(self, agency: str, *, number: str | None, lrn: str | None, leg: int | None) -> Booking | None:
        """A carrier's booking by its number, or by LRN and leg."""
        return self._carriers.find(agency, number=number, lrn=lrn, leg=leg)

    def find_task_booking(self, task_id: str) -> Booking | None:
        """The booking that a task at a carrier made, released or cancelled."""
        return self._carriers.of_task(task_id)

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

    async def inject(self, injection: Injection, answer: Notice) -> tuple[Notice, ...]:
        """Plan an invented notice about the task that had this answer; it survives a restart."""
        due_ms = self.next_ms() + round(injection.delay_seconds * 1000)
        notices = self._invent(injection, answer, due_ms)
        asked = injection.model_dump(mode="json")
        await self.perform(notices, [{"kind": "injected", "task_id": answer.task_id, "due_ms": due_ms, "asked": asked}])
        return notices

    async def reset(self, *, effects: bool) -> None:
        """Forget every story and what is still to be said; with `effects` empty the journal as well.

        Numbers go on. Without `effects` a task that was answered keeps its answer and is not acted upon again.
        """
        feeds = {agency: feed.last for agency, feed in self.feeds.items()}
        line = {"kind": "reset", "effects": effects, "feeds": feeds, "series": self._numbers.last}
        self._forget(effects=effects)
        if effects:
            self.journal.restart(line)
        await self.journal.append([] if effects else [line])

    def recover(self) -> None:
        """Read the journal: every task is known again, and what was not delivered will be."""
        pending: Pending = {}
        take: dict[str, Callable[[Line, Pending], None]] = {
            "issued": self._reissue,
            "delivered": self._settle,
            "movement": self._move_again,
            "injected": self._invent_again,
            "reset": self._forget_again,
            "effect": self._decide_again,
            "duplicate": self._decide_again,
        }
        for line in read_journal(self._path):
            if line["kind"] in take:
                take[line["kind"]](line, pending)
        for notices in pending.values():
            self.timetable.plan(notices)

    def _furnish(self) -> dict[str, Desk]:
        """A desk for each agency, none of which knows anything."""
        numbers, consignments = self._numbers, Consignments()
        self._carriers = Carriers(numbers, consignments, longest_ms=self._story.longest_ms)
        desks: dict[str, Desk] = dict.fromkeys(CARRIERS, self._carriers)
        desks["inspection"] = Inspection(numbers, consignments)
        desks["customs"] = Customs(Parcels(numbers), Exports(numbers, consignments), Others(numbers))
        return desks

    def _forget(self, *, effects: bool) -> None:
        self.timetable.clear()
        self._attempts.clear()
        for feed in self.feeds.values():
            feed.clear()
        self.register.reset(self._furnish(), effects=effects)

    def _invent(self, injection: Injection, answer: Notice, due_ms: int) -> tuple[Notice, ...]:
        self._injected[answer.task_id] += 1
        return injection.build(answer, number=self._injected[answer.task_id], due_ms=due_ms)

    def _reissue(self, line: Line, pending: Pending) -> None:
        waiting = pending.get(_notice_key(line["agency"], line["notice_id"]))
        self.feeds[line["agency"]].restore(line["number"], waiting.pop() if waiting else None)

    def _settle(self, line: Line, _: Pending) -> None:
        self.feeds[line["agency"]].settle(line["number"])

    def _decide_again(self, line: Line, pending: Pending) -> None:
        self._last_ms = line["at_ms"]
        _remember(pending, self.register.replay(line).notices)

    def _move_again(self, line: Line, pending: Pending) -> None:
        self._last_ms = line["at_ms"]
        booking = self._carriers.at(line["agency"], line["declarant"], line["lrn"], line["leg"])
        if booking is not None:
            _remember(pending, [self._carriers.move(booking, line["event"], line["at_ms"])])

    def _invent_again(self, line: Line, pending: Pending) -> None:
        injection = Injection.model_validate(line["asked"])
        decision = self.register.find(injection.agency, line["task_id"])
        if decision is not None:
            _remember(pending, self._invent(injection, decision.answer, line["due_ms"]))

    def _forget_again(self, line: Line, pending: Pending) -> None:
        pending.clear()
        self._forget(effects=line["effects"])
        self._numbers.resume(line["series"])
        for agency, number in line["feeds"].items():
            self.feeds[agency].restore(number, None)
            self.feeds[agency].settle(number)

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)


def _remember(pending: Pending, notices: Iterable[Notice]) -> None:
    for notice in notices:
        pending.setdefault(_notice_key(notice.agency, notice.notice_id), []).append(notice)


def _notice_key(agency: str, notice_id: str) -> str:
    return f"{agency} {notice_id}"
