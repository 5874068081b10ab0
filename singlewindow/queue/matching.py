"""The matching lane's work: what fails is tried alone and again, and after the last attempt put before an operator."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from singlewindow.errors import SingleWindowError
from singlewindow.queue.failures import capture, describe_failure
from singlewindow.queue.port import Cause, Claim, Decision
from singlewindow.queue.retry import RetryPolicy


class Looks(Protocol):
    """The ledger's side of matching. Raises Unavailable."""

    async def match(self, claims: Sequence[Claim]) -> None:
        """Link, hold or plan these declarations in one transaction."""
        ...

    async def postpone(self, decisions: Sequence[Decision]) -> None:
        """Try again later."""
        ...

    async def give_up_match(self, decision: Decision) -> None:
        """Look no more, and call for a person."""
        ...


@dataclass(frozen=True, slots=True)
class Matcher:
    """Performs the matching lane. A look is safe to repeat at once; an error that time heals is raised untouched."""

    looks: Looks
    policy: RetryPolicy

    async def perform(self, claims: list[Claim]) -> None:
        """Look at these declarations: together, but alone and last what left an earlier attempt without an end.

        Those alone come in random order: whichever kills its worker again, the others get their turn before it.
        """
        await self._match_together([claim for claim in claims if not claim.outcome_unknown])
        doubtful = [claim for claim in claims if claim.outcome_unknown]
        for claim in random.sample(doubtful, len(doubtful)):
            if claim.tries > self.policy.max_attempts:
                await self._give_up(claim, "no attempt came to an end", "no-end")
            else:
                await self._match_alone(claim)

    async def _match_together(self, claims: list[Claim]) -> None:
        if not claims:
            return
        outcome = await capture(self._match(claims))
        if isinstance(outcome, Exception):
            _raise_if_temporary(outcome)
            for claim in claims:
                await self._match_alone(claim)

    async def _match_alone(self, claim: Claim) -> None:
        outcome = await capture(self._match([claim]))
        if not isinstance(outcome, Exception):
            return
        _raise_if_temporary(outcome)
        reason = describe_failure(outcome)
        if claim.tries >= self.policy.max_attempts:
            await self._give_up(claim, reason, "matching-failed")
        else:
            delay_seconds = self.policy.delay_seconds(claim.tries)
            await self.looks.postpone([Decision(claim, "retry", reason, delay_seconds)])

    async def _match(self, claims: list[Claim]) -> None:
        await self.looks.match(claims)

    async def _give_up(self, claim: Claim, reason: str, cause: Cause) -> None:
        text = f"matching was given up after {claim.tries} attempts: {reason}"
        await self.looks.give_up_match(Decision(claim, "dead_letter", text, cause=cause))


def _raise_if_temporary(error: Exception) -> None:
    if isinstance(error, SingleWindowError) and error.temporary:
        raise error
