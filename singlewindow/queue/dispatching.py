"""Claims of one agency's lane carried to the agency: what is in doubt is asked about, the rest sent in calls."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Protocol, runtime_checkable
from uuid import UUID

from singlewindow import failpoints
from singlewindow.errors import AgencyError, Unavailable
from singlewindow.messages.identifiers import IdentifierSource
from singlewindow.queue.answers import sort_answers
from singlewindow.queue.breaker import Breaker
from singlewindow.queue.calls import build_call, plan_calls, split_by_bytes
from singlewindow.queue.decisions import Decider
from singlewindow.queue.doubts import Inquiry
from singlewindow.queue.isolation import Isolation
from singlewindow.queue.port import (
    NO_ANSWER,
    UNREADABLE,
    Adapter,
    Call,
    Claim,
    Decision,
    Envelope,
    Exchanges,
    ReadResponse,
    Reply,
    Word,
    Work,
)
from singlewindow.queue.pulse import PulseMeter
from singlewindow.queue.quarantining import (
    FORGET,
    KEPT_BYTES,
    Quarantine,
    Unreadable,
    keep_refused,
    keep_unreadable,
)
from singlewindow.queue.retry import RetryPolicy
from singlewindow.queue.words import AnswerReader

VISIBILITY_MARGIN_SECONDS = 10.0
"""A claim holds this much longer than one exchange may last: half for what comes before it, half for recording it."""
START_WITHIN_SECONDS = 5.0
_RECORD_PAUSES_SECONDS = (0.1, 0.3, 0.6, 1.0)


def visibility_seconds(adapter: Adapter) -> float:
    """How long a claim on this agency's tasks must hold."""
    return adapter.deadline_seconds + VISIBILITY_MARGIN_SECONDS


@runtime_checkable
class RefusedReply(Protocol):
    """An AgencyError that came with an HTTP reply, to be kept with the exchange."""

    status: int
    body: bytes


class AgencyDispatcher:
    """Performs one agency's lane. Each call is recorded before it is sent and settled in one transaction after it.

    `on_retry` hears of each task that is to be tried again, and in how many seconds.
    """

    def __init__(
        self,
        tasks: Exchanges,
        adapter: Adapter,
        *,
        read_response: ReadResponse,
        policy: RetryPolicy,
        ids: IdentifierSource,
        breaker: Breaker | None = None,
        on_retry: Callable[[UUID, float], None] = lambda _task_id, _delay_seconds: None,
        quarantine: Quarantine = FORGET,
        meter: PulseMeter | None = None,
    ) -> None:
        self.breaker = breaker or Breaker()
        self._quarantine, self._meter = quarantine, meter or PulseMeter()
        self._on_retry = on_retry
        self._tasks, self._adapter, self._ids = tasks, adapter, ids
        self._read_response = read_response
        self._decider = Decider(policy, self.breaker, adapter.idempotency)
        self._inquiry = Inquiry(adapter, self._decider, read_response, ids, quarantine)
        batch_size = 1 if adapter.idempotency == "call" else adapter.batch_size
        self._isolation = Isolation(batch_size, max_attempts=policy.max_attempts)
        self._slots = asyncio.Semaphore(adapter.concurrency)

    async def perform(self, claims: list[Claim]) -> int:
        """Work through claims of `visibility_seconds`; how many were given back unsent. Raises Unavailable."""
        start_before = time.monotonic() + START_WITHIN_SECONDS
        works = await self._tasks.describe(claims)
        works = await self._settle_worn_out(works)
        works = await self._settle_doubtful(works)
        groups = plan_calls(works, self._isolation.company)
        given_back = await asyncio.gather(
            *(self._deliver(group, start_before) for group in groups), return_exceptions=True
        )
        failures = [outcome for outcome in given_back if isinstance(outcome, BaseException)]
        if failures:
            raise failures[0]
        return sum(count for count in given_back if isinstance(count, int))

    async def _settle_worn_out(self, works: Sequence[Work]) -> list[Work]:
        ends = {work.claim.task_id: self._decider.decide_on_worn_out(work) for work in works}
        await self._record(decisions=[decision for decision in ends.values() if decision is not None])
        return [work for work in works if ends[work.claim.task_id] is None]

    async def _settle_doubtful(self, works: Sequence[Work]) -> list[Work]:
        """Find out what became of the tasks in doubt. Returns what is left to send, in the order of filing."""
        doubtful = [work for work in works if work.claim.outcome_unknown]
        if not doubtful:
            return list(works)
        outcome = await self._inquiry.ask(doubtful)
        await self._record(words=outcome.words, decisions=outcome.decisions)
        to_send = {work.claim.task_id for work in outcome.unknown}
        return [work for work in works if not work.claim.outcome_unknown or work.claim.task_id in to_send]

    async def _deliver(self, group: list[Work], start_before: float) -> int:
        """Send a group unless its claims are too old for it; how many tasks were given back."""
        async with self._slots:
            if time.monotonic() > start_before:
                return await self._put_back(group)
            bodies = await self._tasks.bodies([work.message_id for work in group])
            originals = {message_id: body for message_id, body in bodies.items() if body}
            erased = [work for work in group if work.message_id not in originals]
            await self._record(decisions=[self._decider.bury(work, "its original was erased") for work in erased])
            whole = [work for work in group if work.message_id in originals]
            parts = split_by_bytes(whole, {message_id: len(body) for message_id, body in originals.items()})
            return sum([await self._exchange(part, originals, start_before) for part in parts])

    async def _exchange(self, works: list[Work], bodies: dict[UUID, bytes], start_before: float) -> int:
        """One call from its record to its settlement; how many tasks were given back unsent."""
        exchange_id = self._ids.next()
        try:
            call = build_call(self._adapter, works, bodies, exchange_id)
            envelope = self._adapter.prepare(call)
            await self._begin(exchange_id, envelope, works)
            await failpoints.reach("W2")
            if time.monotonic() > start_before:
                return await self._put_back(works, exchange_id)
            reply = await self._send(envelope, call)
        except AgencyError as error:
            await self._settle_failure(works, exchange_id, error)
        else:
            await failpoints.reach("W4")
            await self._settle_reply(works, exchange_id, reply)
            await failpoints.reach("W5")
        return 0

    async def _begin(self, exchange_id: UUID, envelope: Envelope, works: Sequence[Work]) -> None:
        await self._tasks.begin_exchange(
            exchange_id,
            agency=self._adapter.agency,
            action=works[0].action,
            sender=works[0].sender,
            request=envelope.record,
            claims=[work.claim for work in works],
        )

    async def _send(self, envelope: Envelope, call: Call) -> Reply:
        """Send within the total deadline, and count how it went. Raises AgencyError."""
        started, outcome = time.monotonic(), "cancelled"
        try:
            async with asyncio.timeout(self._adapter.deadline_seconds):
                reply = await self._adapter.send(envelope, call)
            outcome = "answered"
        except TimeoutError as error:
            outcome = "timeout"
            raise AgencyError("no answer within the deadline", temporary=True, outcome_unknown=True) from error
        except AgencyError as error:
            outcome = name_outcome(error)
            raise
        finally:
            seconds = time.monotonic() - started
            self._meter.count(self._adapter.agency, outcome, seconds, failed=outcome != "answered")
        return reply

    async def _put_back(self, works: Sequence[Work], exchange_id: UUID | None = None) -> int:
        """Not sent for want of time: another worker may hold a newer claim soon."""
        decisions = [self._decider.put_back(work) for work in works]
        await self._record(exchange_id, error="not sent in time" if exchange_id else None, decisions=decisions)
        return len(works)

    async def _settle_failure(self, works: list[Work], exchange_id: UUID, error: AgencyError) -> None:
        self._note_failure(error)
        if len(works) > 1 and not error.stops_lane:
            self._isolation.blame([work.claim.task_id for work in works], temporary=error.temporary)
        decisions = self._decider.decide_on_failure(works, error)
        status, body = (error.status, error.body[:KEPT_BYTES]) if isinstance(error, RefusedReply) else (None, None)
        await self._record(exchange_id, http_status=status, reply=body, error=error.detail, decisions=decisions)
        tasks = tuple(work.claim.task_id for work in works)
        await keep_refused(
            self._quarantine, self._adapter.agency, "answer", error, exchange_id=exchange_id, task_ids=tasks
        )

    def _note_failure(self, error: AgencyError) -> None:
        if error.stops_lane:
            self.breaker.trip(error.detail)
        elif error.temporary or error.outcome_unknown:
            self.breaker.fail(error.detail)
        else:
            self.breaker.succeed()

    async def _settle_reply(self, works: list[Work], exchange_id: UUID, reply: Reply) -> None:
        self.breaker.succeed()
        self._isolation.absolve(work.claim.task_id for work in works)
        reader = AnswerReader(self._read_response, exchange_id, "answer")
        outcome = sort_answers(works, reply.answers, reader, self._decider)
        decisions = [*outcome.decisions, *self._decider.decide_on_doubt(outcome.unknown, "its answer cannot be read")]
        await self._record(
            exchange_id, http_status=reply.status, reply=reply.body, words=outcome.words, decisions=decisions
        )
        await self._keep_unanswering(works, exchange_id, reply)

    async def _keep_unanswering(self, works: list[Work], exchange_id: UUID, reply: Reply) -> None:
        """Quarantine a reply of which something could not be read."""
        said = {answer.task_id for answer in reply.answers if answer.code not in {NO_ANSWER, UNREADABLE}}
        tasks = tuple(work.claim.task_id for work in works if work.claim.task_id not in said)
        if tasks:
            why = f"nothing that could be read of {len(tasks)} of {len(works)} tasks"
            one = Unreadable(self._adapter.agency, "answer", why, reply.body, reply.status, exchange_id, tasks)
            await keep_unreadable(self._quarantine, one)

    async def _record(
        self,
        exchange_id: UUID | None = None,
        *,
        http_status: int | None = None,
        reply: bytes | None = None,
        error: str | None = None,
        words: Sequence[Word] = (),
        decisions: Sequence[Decision] = (),
    ) -> None:
        """Settle in one transaction, trying for some seconds: an answer given up here is only asked for again."""
        if exchange_id is None and not words and not decisions:
            return
        settle = partial(
            self._tasks.end_call,
            exchange_id,
            http_status=http_status,
            reply=reply,
            error=error,
            words=words,
            decisions=decisions,
        )
        await _insist(settle)
        for decision in decisions:
            if decision.kind == "retry":
                self._on_retry(decision.claim.task_id, decision.delay_seconds)


def name_outcome(error: AgencyError) -> str:
    """A failed call in one word: refused (for good), busy (not now), unknown (it may have acted) or unreadable."""
    if getattr(error, "unreadable", False):
        return "unreadable"
    if error.outcome_unknown:
        return "unknown"
    return "busy" if error.temporary else "refused"


async def _insist(settle: Callable[[], Awaitable[None]]) -> None:
    for pause_seconds in _RECORD_PAUSES_SECONDS:
        try:
            await settle()
        except Unavailable:
            await asyncio.sleep(pause_seconds)
        else:
            return
    await settle()
