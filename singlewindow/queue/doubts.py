"""Tasks whose earlier attempt left no end: the agency is asked before anything is sent again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from singlewindow.errors import AgencyError
from singlewindow.messages.identifiers import IdentifierSource
from singlewindow.queue.answers import Outcome, sort_answers
from singlewindow.queue.decisions import Decider
from singlewindow.queue.port import Adapter, Answer, ReadResponse, Work
from singlewindow.queue.quarantining import FORGET, Quarantine, keep_refused
from singlewindow.queue.words import AnswerReader

ASK_SECONDS = 4.0
"""The deadline of one question; it shares the time a claim leaves before sending."""


@dataclass(frozen=True, slots=True)
class Inquiry:
    """Asks one agency. What its `unknown` holds may be sent: the agency has no record of it, or deduplicates."""

    adapter: Adapter
    decider: Decider
    read_response: ReadResponse
    ids: IdentifierSource
    quarantine: Quarantine = FORGET

    async def ask(self, works: Sequence[Work]) -> Outcome:
        """The agency's own record of these tasks, as words. Raises nothing of the agency's."""
        try:
            answers = await self._ask_in_time(works)
        except AgencyError as error:
            if error.stops_lane:
                self.decider.breaker.trip(error.detail)
            asked = tuple(work.claim.task_id for work in works)
            await keep_refused(self.quarantine, self.adapter.agency, "status", error, task_ids=asked)
            return self._read_silence(works, error)
        if self.decider.breaker.stopped:
            self.decider.breaker.succeed()
        return self._read_record(works, answers)

    async def _ask_in_time(self, works: Sequence[Work]) -> tuple[Answer, ...]:
        try:
            async with asyncio.timeout(ASK_SECONDS):
                return await self.adapter.ask(tuple(work.claim.task_id for work in works))
        except TimeoutError as error:
            raise AgencyError("no answer about an earlier attempt", temporary=True) from error

    def _read_silence(self, works: Sequence[Work], error: AgencyError) -> Outcome:
        """An agency that deduplicates may be sent the same again; one that does not must not."""
        if self.adapter.idempotency != "none":
            return Outcome(unknown=list(works))
        return Outcome(decisions=self.decider.decide_on_silence(works, error))

    def _read_record(self, works: Sequence[Work], answers: Sequence[Answer]) -> Outcome:
        reader = AnswerReader(self.read_response, self.ids.next(), "status")
        has_it = [answer for answer in answers if answer.verdict in {"acknowledged", "rejected"}]
        outcome = sort_answers(works, has_it, reader, self.decider)
        sendable = {answer.task_id for answer in answers if answer.verdict == "retry"}
        if self.adapter.idempotency != "none":
            sendable |= {work.claim.task_id for work in works}
        doubtful = [work for work in outcome.unknown if work.claim.task_id not in sendable]
        decisions = self.decider.decide_on_doubt(doubtful, "the agency cannot say what became of it")
        return Outcome(outcome.words, decisions, [w for w in outcome.unknown if w.claim.task_id in sendable])
