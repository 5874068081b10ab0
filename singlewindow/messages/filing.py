"""Business keys: which declaration occupies one, and what a further filing under it means."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from singlewindow.messages.identifiers import hash_key
from singlewindow.messages.judgement import JoinValue, Problem, Unit
from singlewindow.messages.lifecycle import FREE_KEY

Canonical = Callable[[str], str]
"""Maps a company code to the one under which its company is compared (the register of companies)."""


@dataclass(slots=True)
class FiledUnit:
    """One declaration of a message on its way into the ledger; the verdict is set by the transaction.

    `series` maps the sequence numbers of a message split in parts to their key hashes.
    """

    id: UUID
    unit: Unit
    key_hash: bytes
    joins: tuple[tuple[str, bytes], ...]
    series: dict[int, bytes] = field(default_factory=dict)
    verdict: str = "received"
    of: UUID | None = None
    supersedes: UUID | None = None
    target_id: UUID | None = None
    problems: tuple[Problem, ...] = ()
    occupant: Occupant | None = None

    def forget_verdict(self) -> None:
        """Undo what a transaction that was rolled back decided."""
        if self.verdict != "invalid":
            self.verdict, self.problems = "received", ()
            self.of = self.supersedes = self.target_id = self.occupant = None


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


MOST_PARTS = 1000
"""Parts of a split document that are looked for; more are not warned about."""


def filing_key(message_set: str, unit: Unit, canonical: Canonical, body_sha256: bytes) -> bytes:
    """The hash a declaration is filed under.

    A change or delete is keyed by its message's bytes too: it never conflicts, only the very same message is a repeat,
    and going back to an earlier content is a change like any other.
    """
    values = _canonical_values(unit, canonical)
    scope = [message_set, unit.kind, unit.action]
    if unit.action == "new":
        return hash_key(scope, values)
    return hash_key(scope, [*values, body_sha256.hex()])


def target_key(message_set: str, unit: Unit, canonical: Canonical) -> bytes:
    """The hash of the declaration that a change or delete acts on."""
    return hash_key([message_set, unit.kind, "new"], _canonical_values(unit, canonical))


def _canonical_values(unit: Unit, canonical: Canonical) -> list[str]:
    return [canonical(value) if name in unit.company_keys else value for name, value in unit.key.items()]


def join_hash(message_set: str, join: JoinValue, canonical: Canonical) -> bytes:
    """The hash by which an anchor and its partners meet."""
    values = [canonical(value) if place in join.company else value for place, value in enumerate(join.values)]
    return hash_key([message_set, "join", join.name], values)


def series_keys(message_set: str, unit: Unit, canonical: Canonical) -> dict[int, bytes]:
    """For a document that is part k of n: the key hash of each of the n parts (at most 1,000), else nothing."""
    count, sequence_name = _int(unit.facts.get("msgCount")), "msgSeqNo"
    if unit.action != "new" or sequence_name not in unit.key or not 1 < count <= MOST_PARTS:
        return {}
    return {
        number: filing_key(message_set, _renumbered(unit, sequence_name, number), canonical, b"")
        for number in range(1, count + 1)
    }


def _renumbered(unit: Unit, name: str, number: int) -> Unit:
    return Unit(
        unit.ordinal,
        unit.kind,
        {**unit.key, name: str(number)},
        unit.company_keys,
        action=unit.action,
    )


def _int(text: Any) -> int:
    digits = str(text)
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= len(str(MOST_PARTS)) else 0


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


def missing_parts(numbers: list[int]) -> str:
    """A list of numbers as ranges: 1, 2, 3, 5 reads `1–3, 5`."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ", ".join(str(first) if first == last else f"{first}–{last}" for first, last in ranges)
