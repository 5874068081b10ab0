"""The agencies' register: every task once, what was counted of it, and the same answer whenever it comes again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from singlewindow.adapters.sandbox.arranging import arrange
from singlewindow.adapters.sandbox.records import Decision, Request, describe, recall


class Desk(Protocol):
    """Where one agency decides. Deterministic: the same requests in the same order give the same decisions."""

    def take(self, request: Request) -> Decision:
        """Decide on a task that was not seen before."""
        ...


@dataclass(frozen=True, slots=True)
class Effect:
    """One counted effect; `attempt` rises when a business key that had become free is filed again."""

    agency: str
    business_key: str
    action: str
    attempt: int
    task_id: str
    at_ms: int


class Register:
    """Knows every task of all agencies. Not durable by itself: journal what `take` returns before telling anybody."""

    def __init__(self, desks: Mapping[str, Desk]) -> None:
        self._desks = desks
        self._decisions: dict[tuple[str, str], Decision] = {}
        self._effects: dict[str, list[Effect]] = defaultdict(list)

    def find(self, agency: str, task_id: str) -> Decision | None:
        """What was decided of a task before, None when it never came."""
        return self._decisions.get((agency, task_id))

    def take(self, request: Request) -> Decision:
        """Decide on a new task and count its effect."""
        decided = self._desks[request.agency].take(request)
        decision = replace(decided, notices=arrange(decided.notices))
        # what follows is handed on once; only the answer is needed again
        self._decisions[request.agency, request.task_id] = replace(decided, notices=())
        if decision.kind == "effect":
            effect = Effect(
                request.agency,
                decision.business_key,
                decision.action,
                decision.attempt,
                request.task_id,
                request.at_ms,
            )
            self._effects[decision.business_key].append(effect)
        return decision

    def replay(self, line: Mapping[str, Any]) -> Decision:
        """Take a journal's line again."""
        return self.take(recall(line))

    def reset(self, desks: Mapping[str, Desk], *, effects: bool) -> None:
        """New desks that know nothing. With `effects` what was counted and answered is forgotten as well."""
        self._desks = desks
        if effects:
            self._decisions.clear()
            self._effects.clear()

    def effects(self, key: str | None) -> list[Effect]:
        """Effects whose business key is `key` or has it as one of its parts; all of them without a key."""
        return [
            effect
            for business_key, effects in self._effects.items()
            if key is None or key == business_key or key in business_key.split("|")
            for effect in effects
        ]


def journal_line(request: Request, decision: Decision) -> dict[str, Any]:
    """What must be on disk before the decision is told."""
    return describe(request, decision)
