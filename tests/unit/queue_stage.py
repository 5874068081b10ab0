"""The ledger's side of dispatch in memory, by the rules of the task table, and an agency that chokes on poison."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from singlewindow.adapters.port import Answer, Call, Envelope, Idempotency, Reply
from singlewindow.adapters.unreliable import Decide, UnreliableAdapter, acknowledge
from singlewindow.errors import AgencyError, Unavailable
from singlewindow.ledger.tasks import Claim, Decision, Word, Work
from singlewindow.messages.identifiers import Clock, IdentifierSource
from singlewindow.messages.judgement import ResponseUnit
from singlewindow.queue.breaker import Breaker
from singlewindow.queue.dispatching import AgencyDispatcher
from singlewindow.queue.retry import RetryPolicy

IDS = IdentifierSource(Clock())
SENDER = IDS.next()
AT_ONCE = RetryPolicy(base_seconds=0.0, cap_seconds=0.0, max_attempts=4)


def read_response(_message_set: str | None, document: bytes) -> tuple[ResponseUnit, ...]:
    """A document is `state` or `state code`; anything else is broken."""
    words = document.decode().split()
    if not words or words[0] == "broken":
        raise AgencyError("cannot be read", temporary=False)
    return (ResponseUnit("decision", words[-1], None if words[0] == "note" else words[0], "2026-01-01T00:00:00Z"),)


@dataclass
class Row:
    """A row of the task table."""

    work: Work
    lane: str = "customs"
    attempt: int = 0
    due_at: float = 0.0
    failed: bool = False


@dataclass
class MemoryLedger:
    """Tasks by the rules of `queries.sql`.

    `away`, `recording_away`: how many of the next claims, or records of a result, raise Unavailable; `surprises` are
    raised by the next claims. `awaits`: whether a decision of an agency is awaited.
    """

    rows: dict[UUID, Row] = field(default_factory=dict)
    words: list[Word] = field(default_factory=list)
    ended: dict[UUID, Decision] = field(default_factory=dict)
    decided: list[Decision] = field(default_factory=list)
    exchanges: dict[UUID, list[UUID]] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    cursors: dict[str, str] = field(default_factory=dict)
    away: int = 0
    recording_away: int = 0
    erased: set[UUID] = field(default_factory=set)
    surprises: list[Exception] = field(default_factory=list)
    awaits: bool = True
    polls: int = 0

    def add(
        self, count: int = 1, *, sender: UUID = SENDER, action: str = "declare", lane: str = "customs"
    ) -> list[UUID]:
        """New tasks, one message each."""
        works = [self._work(sender, action) for _ in range(count)]
        self.rows |= {work.claim.task_id: Row(work, lane) for work in works}
        return [work.claim.task_id for work in works]

    def _work(self, sender: UUID, action: str) -> Work:
        task_id, message_id = IDS.next(), IDS.next()
        claim = Claim(task_id, IDS.next(), task_id, 0, outcome_unknown=False, age_seconds=0.0)
        sha256 = hashlib.sha256(message_id.bytes).hexdigest()
        return Work(claim, "customs", action, None, sender, message_id, "parcels", "Message", sha256, 1, {})

    async def claim(self, lane: str, task_ids: Sequence[UUID], *, visibility_seconds: float) -> list[Claim]:
        await self._answer()
        now = time.monotonic()
        found = [self.rows[task_id] for task_id in task_ids if task_id in self.rows]
        ready = [row for row in found if row.lane == lane and (row.attempt == 0 or row.due_at <= now)]
        return [self._claimed(row, now + visibility_seconds) for row in ready]

    async def claim_due(self, lane: str, *, limit: int, visibility_seconds: float, begun: bool = False) -> list[Claim]:
        self.polls += 1
        await self._answer()
        now = time.monotonic()
        due = [row for row in self.rows.values() if row.lane == lane and row.due_at <= now and row.attempt >= begun]
        return [self._claimed(row, now + visibility_seconds) for row in due[:limit]]

    def _claimed(self, row: Row, due_at: float) -> Claim:
        row.attempt += 1
        known, row.failed, row.due_at = row.failed, False, due_at
        before = row.work.claim
        unknown = row.attempt > 1 and not known
        return Claim(before.task_id, before.declaration_id, before.part_id, row.attempt, unknown, 0.0)

    async def describe(self, claims: Sequence[Claim]) -> list[Work]:
        return [replace(self.rows[claim.task_id].work, claim=claim) for claim in claims]

    async def bodies(self, message_ids: Sequence[UUID]) -> dict[UUID, bytes]:
        return {message_id: message_id.bytes for message_id in message_ids if message_id not in self.erased}

    async def begin_exchange(
        self, exchange_id: UUID, *, agency: str, action: str, sender: UUID, request: bytes, claims: Sequence[Claim]
    ) -> None:
        await self._answer()
        self.exchanges[exchange_id] = [claim.task_id for claim in claims]

    async def end_call(
        self,
        exchange_id: UUID | None,
        *,
        http_status: int | None,
        reply: bytes | None,
        error: str | None,
        words: Sequence[Word],
        decisions: Sequence[Decision],
    ) -> None:
        await self.take_words(words)
        self.errors += [error] if error else []
        for decision in decisions:
            self._decide(decision)

    def _decide(self, decision: Decision) -> None:
        row = self.rows.get(decision.claim.task_id)
        if row is None or row.attempt != decision.claim.attempt:
            return
        self.decided.append(decision)
        if decision.kind == "retry":
            row.failed, row.due_at = True, time.monotonic() + decision.delay_seconds
        else:
            self.ended[decision.claim.task_id] = decision
            del self.rows[decision.claim.task_id]

    async def take_words(self, words: Sequence[Word]) -> int:
        if self.recording_away:
            self.recording_away -= 1
            raise Unavailable("PostgreSQL is away")
        seen = {(word.agency, word.notice_id) for word in self.words}
        fresh = [word for word in words if (word.agency, word.notice_id) not in seen]
        self.words += fresh
        for word in words:
            self.rows.pop(word.part_id, None)
        return len(fresh)

    async def cursor(self, agency: str) -> str:
        return self.cursors.get(agency, "")

    async def move_cursor(self, agency: str, cursor: str) -> None:
        self.cursors[agency] = cursor

    async def awaited(self, agency: str) -> int:
        return int(self.awaits)

    async def _answer(self) -> None:
        await asyncio.sleep(0)
        if self.surprises:
            raise self.surprises.pop()
        if self.away:
            self.away -= 1
            raise Unavailable("PostgreSQL is away")

    def said(self, task_id: UUID) -> list[tuple[str, str | None]]:
        """How each word of a task came, and the state it brought."""
        return [(word.via, unit.state) for word in self.words if word.part_id == task_id for unit in word.said]

    def forget_attempts_end(self) -> None:
        """As if every worker had been killed and the visibility had passed."""
        for row in self.rows.values():
            row.due_at = 0.0


class Agency(UnreliableAdapter):
    """An unreliable agency whose deduplication, batch size and poison can be set; it notes the calls it was sent."""

    def __init__(
        self, *, idempotency: Idempotency = "item", batch_size: int = 100, decide: Decide = acknowledge
    ) -> None:
        super().__init__("customs", decide=decide)
        self.idempotency = idempotency
        self.batch_size = batch_size
        self.poison: set[UUID] = set()
        self.poison_is_temporary = False
        self.calls: list[Call] = []
        self.asked: list[UUID] = []

    async def send(self, envelope: Envelope, call: Call) -> Reply:
        self.calls.append(call)
        if self.poison & set(tasks_of(call)):
            raise AgencyError("chokes on the call", temporary=self.poison_is_temporary)
        return await super().send(envelope, call)

    async def ask(self, task_ids: tuple[UUID, ...]) -> tuple[Answer, ...]:
        self.asked += task_ids
        return await super().ask(task_ids)

    def remember(self, task_id: UUID) -> None:
        """As if an earlier attempt had reached it."""
        self._answers[task_id] = Answer(task_id, "acknowledged")


def tasks_of(call: Call) -> list[UUID]:
    """The tasks a call carries."""
    return [task.task_id for item in call.items for task in item.tasks]


def dispatcher(
    ledger: MemoryLedger, agency: Agency, policy: RetryPolicy = AT_ONCE, breaker: Breaker | None = None
) -> AgencyDispatcher:
    """A dispatcher that does not open its breaker unless one is given."""
    return AgencyDispatcher(
        ledger, agency, read_response=read_response, policy=policy, ids=IDS, breaker=breaker or Breaker(threshold=10**6)
    )


async def work_through(ledger: MemoryLedger, performer: AgencyDispatcher, *, rounds: int = 30) -> None:
    """Claim and perform until nothing is due."""
    for _ in range(rounds):
        claims = await ledger.claim_due("customs", limit=100, visibility_seconds=60)
        if not claims:
            return
        await performer.perform(claims)


def of_kind(decisions: Iterable[Decision], kind: str) -> list[UUID]:
    """The tasks decided so."""
    return [decision.claim.task_id for decision in decisions if decision.kind == kind]
