"""Business keys: which declaration occupies one, and what a further filing under it means."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from singlewindow.messages.identifiers import hash_key
from singlewindow.messages.judgement import JoinValue, Problem, Unit
from singlewindow.messages.lifecycle import FREE_KEY

if TYPE_CHECKING:
    from singlewindow.messages.series import Series

Canonical = Callable[[str], str]
"""Maps a company code to the one under which its company is compared (the register of companies)."""

_APP_TIME = re.compile(r"[0-9]{14}")


@dataclass(slots=True)
class FiledUnit:
    """One declaration of a message on its way into the ledger; the verdict is set by the transaction.

    `occupant` is who has the key that it was not given, `displaced` the dead one whose key it took.
    """

    id: UUID
    unit: Unit
    key_hash: bytes
    joins: tuple[tuple[str, bytes], ...]
    series: Series | None = None
    verdict: str = "received"
    of: UUID | None = None
    supersedes: UUID | None = None
    target_id: UUID | None = None
    problems: tuple[Problem, ...] = ()
    occupant: Occupant | None = None
    displaced: Occupant | None = None

    def forget_verdict(self) -> None:
        """Undo what a transaction that was rolled back decided."""
        if self.verdict != "invalid":
            self.verdict, self.problems = "received", ()
            self.of = self.supersedes = self.target_id = self.occupant = self.displaced = None

    def add(self, *problems: Problem | None) -> None:
        """Note what was found beside what its own document says."""
        self.problems = (*self.problems, *(problem for problem in problems if problem is not None))

    @property
    def errors(self) -> list[Problem]:
        """The errors among what was noted."""
        return [problem for problem in self.problems if problem.severity == "error"]


@dataclass(frozen=True, slots=True)
class Occupant:
    """The declaration that last took a business key."""

    declaration_id: UUID
    message_id: UUID
    trader: UUID
    body_sha256: bytes
    content_sha256: bytes
    state: str

    @property
    def alive(self) -> bool:
        """True while the key is taken."""
        return self.state not in FREE_KEY


def filing_key(key_space: str, unit: Unit, canonical: Canonical, body_sha256: bytes) -> bytes:
    """The hash a declaration is filed under; editions of one standard share the key space.

    A change or delete is keyed by its message's bytes too: it never conflicts, only the very same message is a repeat,
    and going back to an earlier content is a change like any other.
    """
    values = [value for _, value in canonical_values(unit, canonical)]
    scope = [key_space, unit.kind, unit.action]
    if unit.action == "new":
        return hash_key(scope, values)
    return hash_key(scope, [*values, body_sha256.hex()])


def target_key(key_space: str, unit: Unit, canonical: Canonical) -> bytes:
    """The hash of the declaration that a change or delete acts on."""
    return hash_key([key_space, unit.kind, "new"], [value for _, value in canonical_values(unit, canonical)])


def canonical_values(unit: Unit, canonical: Canonical) -> list[tuple[str, str]]:
    """The business key by name, company codes replaced by those under which their companies are compared."""
    return [(name, canonical(value) if name in unit.company_keys else value) for name, value in unit.key.items()]


def join_hash(key_space: str, join: JoinValue, canonical: Canonical) -> bytes:
    """The hash by which an anchor and its partners meet."""
    values = [canonical(value) if place in join.company else value for place, value in enumerate(join.values)]
    return hash_key([key_space, "join", join.name], values)


def judge_against(filed: FiledUnit, occupant: Occupant | None, trader: UUID) -> None:
    """Set the verdict of a declaration whose key somebody has taken before.

    A dead occupant (saved, rejected, cancelled) is superseded. Another trader's document is never named.
    """
    if occupant is None:
        return
    if not occupant.alive:
        filed.supersedes = occupant.declaration_id if occupant.trader == trader else None
        return
    same_content = occupant.content_sha256 == filed.unit.content_sha256
    filed.verdict = "duplicate" if same_content else "conflict"
    filed.of = occupant.declaration_id if occupant.trader == trader else None


def is_older(filed_at: str, newest: str) -> bool:
    """Whether one appTime (14 digits, yyyyMMddHHmmss) is strictly before another; false of anything else."""
    return bool(_APP_TIME.fullmatch(filed_at) and _APP_TIME.fullmatch(newest)) and filed_at < newest
