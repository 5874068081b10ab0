"""A document split over several messages: part k of n, numbered from 1 without gaps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from singlewindow.messages.filing import Canonical, canonical_values
from singlewindow.messages.identifiers import hash_key
from singlewindow.messages.judgement import Problem, Unit
from singlewindow.messages.rule import Rule, break_rule

SEQUENCE = "msgSeqNo"
"""The name of the part's number in a business key."""

COUNT = "msgCount"

MOST_DIGITS = 9


@dataclass(frozen=True, slots=True)
class Series:
    """Which part of how many a declaration says it is; parts of one document have the same hash."""

    digest: bytes
    number: int
    count: int


def series_of(key_space: str, unit: Unit, canonical: Canonical) -> Series | None:
    """The place of a new declaration among its parts; None where its kind is never split or the numbers are none."""
    count, number = read_number(unit.facts.get(COUNT)), read_number(unit.key.get(SEQUENCE))
    if unit.action != "new" or count is None or number is None:
        return None
    values = [value for name, value in canonical_values(unit, canonical) if name != SEQUENCE]
    return Series(hash_key([key_space, unit.kind, "series"], values), number, count)


def read_number(text: Any) -> int | None:
    """A whole number of at most nine digits."""
    digits = str(text)
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= MOST_DIGITS else None


def is_complete(parts: Sequence[Series]) -> bool:
    """True when all say the same count and every number from 1 to it is there."""
    counts = {part.count for part in parts}
    present = {part.number for part in parts if 1 <= part.number <= part.count}
    return len(counts) == 1 and bool(present) and len(present) == counts.pop()


def series_problems(own: Series, parts: Iterable[Series], rule: Rule, *, ordinal: int) -> list[Problem]:
    """How a document's parts break the rule as one of them arrives: a number beyond the count, other counts, gaps.

    The value is what does not fit, of `msgSeqNo` or `msgCount`; of gaps, the numbers that are missing.
    """
    known, lawful = [own, *parts], _span(1, own.count)
    counts = sorted({part.count for part in known})
    found = []
    if not 1 <= own.number <= own.count:
        found.append(break_rule(rule, ordinal=ordinal, element=SEQUENCE, value=str(own.number), allowed=lawful))
    if len(counts) > 1:
        listed = ", ".join(str(count) for count in counts)
        found.append(break_rule(rule, ordinal=ordinal, element=COUNT, value=listed))
    if gaps := _gaps(sorted({part.number for part in known}), own.count):
        found.append(break_rule(rule, ordinal=ordinal, element=SEQUENCE, value=gaps, allowed=lawful))
    return found


def _gaps(present: Sequence[int], count: int) -> str:
    """The numbers from 1 to count that are not there, as ranges: `1–3, 5`."""
    ranges, expected = [], 1
    for number in [*(number for number in present if 1 <= number <= count), count + 1]:
        if number > expected:
            ranges.append(_span(expected, number - 1))
        expected = number + 1
    return ", ".join(ranges)


def _span(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}–{last}"
