"""Our own decisions on tasks: try again, give up, or have a person find out. The ledger binds them to the attempt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from singlewindow.errors import AgencyError
from singlewindow.queue.breaker import Breaker
from singlewindow.queue.port import Cause, Decision, Idempotency, Work
from singlewindow.queue.retry import RetryPolicy


@dataclass(frozen=True, slots=True)
class Decider:
    """Decides for one agency. `idempotency` none: sending twice may take effect twice, so a doubt is never resent.

    Where no decision is returned for a task of such an agency, its outcome stays open: the task comes back when its
    visibility ends, and the agency is asked first.
    """

    policy: RetryPolicy
    breaker: Breaker
    idempotency: Idempotency

    def decide_on_failure(self, works: Sequence[Work], error: AgencyError) -> list[Decision]:
        """A whole call failed. One that is at fault itself ends a single task; of several, each is tried alone next.

        Where the lane stops, nothing is given up, however long it lasts.
        """
        if error.stops_lane:
            return self._isolate(works, error.detail)
        if error.outcome_unknown:
            return self.decide_on_doubt(works, error.detail)
        if not error.temporary:
            alone = len(works) == 1
            return [self._give_up(works[0], error.detail, "refused")] if alone else self._isolate(works, error.detail)
        return [self.postpone(work, error.detail, retry_after_seconds=error.retry_after_seconds) for work in works]

    def decide_on_doubt(self, works: Sequence[Work], reason: str) -> list[Decision]:
        """Nobody can say yet whether the agency acted."""
        if self.idempotency != "none":
            return [self.postpone(work, reason) for work in works]
        return [self._ask_person(work, reason) for work in works if self._exhausted(work)]

    def decide_on_silence(self, works: Sequence[Work], error: AgencyError) -> list[Decision]:
        """Tasks in doubt, whose agency does not deduplicate and could not be asked; if it never can, a person must."""
        if error.stops_lane:
            return []
        if error.temporary:
            return self.decide_on_doubt(works, error.detail)
        return [self._ask_person(work, error.detail) for work in works]

    def postpone(self, work: Work, reason: str, *, retry_after_seconds: float | None = None) -> Decision:
        """Try again later, or give up when the tries or the time are used up."""
        if self._exhausted(work):
            worn_out = work.claim.tries >= self.policy.max_attempts
            return self._give_up(work, reason, "attempts" if worn_out else "age")
        delay = self.policy.delay_seconds(work.claim.tries, retry_after_seconds=retry_after_seconds)
        return Decision(work.claim, "retry", reason, delay)

    def put_back(self, work: Work) -> Decision:
        """Not sent, for want of time: due again at once."""
        return Decision(work.claim, "retry", "not sent: others were before it")

    def bury(self, work: Work, reason: str) -> Decision:
        """Sending can never help."""
        return Decision(work.claim, "dead_letter", reason, cause="erased")

    def decide_on_worn_out(self, work: Work) -> Decision | None:
        """What was attempted too often without leaving an end kills its workers: decided before any work on it.

        Not while the agency lets nobody in: then it could not even be asked.
        """
        worn_out = work.claim.outcome_unknown and work.claim.tries > self.policy.max_attempts
        if not worn_out or self.breaker.stopped:
            return None
        return self._give_up(work, "no attempt came to an end", "no-end")

    def _isolate(self, works: Sequence[Work], reason: str) -> list[Decision]:
        delays = (self.policy.delay_seconds(work.claim.tries) for work in works)
        return [Decision(work.claim, "retry", reason, delay) for work, delay in zip(works, delays, strict=True)]

    def _exhausted(self, work: Work) -> bool:
        claim = work.claim
        return self.policy.exhausted(claim.tries, claim.age_seconds, agency_away=self.breaker.away)

    def _ask_person(self, work: Work, reason: str) -> Decision:
        return Decision(work.claim, "needs_reconciliation", reason, cause="outcome-unknown")

    def _give_up(self, work: Work, reason: str, cause: Cause) -> Decision:
        """In doubt at an agency that does not deduplicate, a person must look before anything is sent again."""
        in_doubt = work.claim.outcome_unknown and self.idempotency == "none"
        text = f"given up after {work.claim.tries} attempts: {reason}"
        if in_doubt:
            return self._ask_person(work, text)
        return Decision(work.claim, "dead_letter", text, cause=cause)
