from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from singlewindow.errors import Unavailable
from singlewindow.ledger.tasks import Claim, Decision
from singlewindow.queue.matching import Matcher
from singlewindow.queue.retry import RetryPolicy
from tests.unit.queue_stage import IDS

POLICY = RetryPolicy(base_seconds=1.0, max_attempts=3, draw=lambda _, high: high)


def claim(attempt: int = 1, *, unknown: bool = False) -> Claim:
    return Claim(IDS.next(), IDS.next(), None, attempt, unknown, 0.0)


@dataclass
class Ledger:
    """Matches everything but poison, and notes the transactions tried."""

    poison: set[Claim] = field(default_factory=set)
    tried: list[list[Claim]] = field(default_factory=list)
    matched: list[Claim] = field(default_factory=list)
    postponed: list[Decision] = field(default_factory=list)
    given_up: list[Decision] = field(default_factory=list)
    away: bool = False

    async def match(self, claims: Sequence[Claim]) -> None:
        self.tried.append(list(claims))
        if self.away:
            raise Unavailable("away")
        if self.poison & set(claims):
            raise KeyError("what a trader filed")
        self.matched += claims

    async def postpone(self, decisions: Sequence[Decision]) -> None:
        self.postponed += decisions

    async def give_up_match(self, decision: Decision) -> None:
        self.given_up.append(decision)


async def test_what_fails_in_company_is_done_one_by_one_and_the_poison_postponed() -> None:
    poison, others = claim(2), [claim() for _ in range(3)]
    ledger = Ledger({poison})
    await Matcher(ledger, POLICY).perform([others[0], poison, *others[1:]])
    assert ledger.matched == others
    (decision,) = ledger.postponed
    assert (decision.claim, decision.kind, decision.delay_seconds) == (poison, "retry", 2.0)
    assert "filed" not in decision.reason


async def test_poison_is_given_up_after_its_last_attempt() -> None:
    poison = claim(POLICY.max_attempts)
    ledger = Ledger({poison})
    await Matcher(ledger, POLICY).perform([poison])
    (decision,) = ledger.given_up
    assert (decision.claim, decision.cause, ledger.postponed) == (poison, "matching-failed", [])
    assert "filed" not in decision.reason


async def test_attempts_before_a_replay_do_not_count() -> None:
    poison = Claim(IDS.next(), IDS.next(), None, 7, False, 0.0, carried=6)
    ledger = Ledger({poison})
    await Matcher(ledger, POLICY).perform([poison])
    assert (ledger.given_up, len(ledger.postponed)) == ([], 1)


async def test_while_the_ledger_is_away_nothing_is_tried_one_by_one() -> None:
    ledger = Ledger(away=True)
    with pytest.raises(Unavailable):
        await Matcher(ledger, POLICY).perform([claim(), claim()])
    assert [len(tried) for tried in ledger.tried] == [2]


async def test_what_left_an_attempt_without_an_end_is_tried_alone_after_the_others() -> None:
    doubtful, fresh = [claim(2, unknown=True) for _ in range(2)], [claim(), claim()]
    ledger = Ledger()
    await Matcher(ledger, POLICY).perform([*doubtful, *fresh])
    assert ledger.tried[0] == fresh
    assert sorted(len(tried) for tried in ledger.tried) == [1, 1, 2]


async def test_what_kills_its_workers_is_given_up_before_any_work_on_it() -> None:
    killer = claim(POLICY.max_attempts + 1, unknown=True)
    ledger = Ledger()
    await Matcher(ledger, POLICY).perform([killer])
    assert (ledger.tried, [decision.cause for decision in ledger.given_up]) == ([], ["no-end"])
