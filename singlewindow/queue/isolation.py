"""Poison is isolated: what failed in company goes out in smaller company, at last alone."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from uuid import UUID

from singlewindow.queue.port import Claim

_REMEMBERED = 20_000


class Isolation:
    """How many tasks may share a call with a given one, at most `batch_size`.

    Two sources: what failed in this process (remembered for the last 20,000 tasks), and the attempts that the claim
    has behind it, so that the next worker isolates too what killed this one, or failed with it.
    """

    def __init__(self, batch_size: int, *, max_attempts: int) -> None:
        self._batch_size = max(batch_size, 1)
        self._max_attempts = max_attempts
        self._companies: OrderedDict[UUID, int] = OrderedDict()

    def company(self, claim: Claim) -> int:
        """The largest call this task may be part of. The last attempt is made alone: nobody dies of a neighbour."""
        if claim.tries >= self._max_attempts:
            return 1
        by_attempts = self._batch_size // int(4 ** (claim.tries - 1))
        company = self._companies.get(claim.task_id, by_attempts)
        if claim.outcome_unknown:
            company = min(company, self._batch_size // int(10 ** (claim.tries - 1)))
        return max(company, 1)

    def blame(self, task_ids: Sequence[UUID], *, temporary: bool) -> None:
        """A whole call failed: its tasks go in a quarter of the company next, or alone when one of them is at fault."""
        company = max(len(task_ids) // 4, 1) if temporary else 1
        for task_id in task_ids:
            self._companies[task_id] = company
            self._companies.move_to_end(task_id)
        while len(self._companies) > _REMEMBERED:
            self._companies.popitem(last=False)

    def absolve(self, task_ids: Iterable[UUID]) -> None:
        """The agency read a call with these tasks: none of them is to blame, however often it was tried."""
        for task_id in task_ids:
            if task_id in self._companies:
                self._companies[task_id] = self._batch_size
