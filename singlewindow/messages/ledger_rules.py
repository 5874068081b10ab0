"""Rules on what a trader filed before, decided over what the ledger knows of it.

Their ids, texts and severities stand in the message sets (`rules/ledger.toml`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from singlewindow.messages.identifiers import hash_key
from singlewindow.messages.judgement import Problem, Unit
from singlewindow.messages.manifest import Kind, MessageSet
from singlewindow.messages.rule import Rule, break_rule

KEY_FACTS = ("reference", "declarant")
"""Facts that stay as they were declared: the trader's own reference (LRN) and who declares."""

MESSAGE_NUMBER = "MessageIdentification"
"""The key or search value that numbers a message, not a declaration."""

MOST_SHOWN = 5
"""Unknown numbers of one declaration that its problem lists."""


@dataclass(frozen=True, slots=True)
class Target:
    """A declaration of the same trader that a message names: its state and the facts of its version in force."""

    id: UUID
    state: str
    facts: Mapping[str, Any]


Named = Sequence[tuple[str, str, Target | None]]
"""What a declaration names: the join's name, the number as written, and whose it is."""


def judge_named(message_set: MessageSet, unit: Unit, named: Named) -> list[Problem]:
    """What is wrong with what a declaration names: it is unknown, too far on, or would get other keys."""
    kind = message_set.kinds[unit.kind]
    unknown = _list_unknown(kind, named)
    if unknown:
        found = message_set.broken("unknown_target", ordinal=unit.ordinal, element=unknown[0], value=unknown[1])
        return [] if found is None else [found]
    target = next((target for _, _, target in named if target is not None), None)
    return [] if target is None or not kind.target else _judge_target(message_set, unit, target)


def _list_unknown(kind: Kind, named: Named) -> tuple[str, str] | None:
    """Join and numbers that no declaration has, or of two declarations where it acts on one."""
    missing = [(join, number) for join, number, target in named if target is None]
    if not missing and kind.target and len({target.id for _, _, target in named if target is not None}) > 1:
        missing = [(join, number) for join, number, _ in named[1:]]
    if not missing:
        return None
    numbers = [number for _, number in missing]
    more = f" +{len(numbers) - MOST_SHOWN}" if len(numbers) > MOST_SHOWN else ""
    return missing[0][0], ", ".join(numbers[:MOST_SHOWN]) + more


def _judge_target(message_set: MessageSet, unit: Unit, target: Target) -> list[Problem]:
    kind, where = message_set.kinds[unit.kind], {"ordinal": unit.ordinal}
    problem = None
    if target.state in kind.refused_in:
        problem = message_set.broken("wrong_state", value=target.state, **where)
    elif kind.replaces and (changed := changed_key(target.facts, unit.facts)):
        problem = message_set.broken("changed_key", value=changed, **where)
    return [] if problem is None else [problem]


def changed_key(before: Mapping[str, Any], after: Mapping[str, Any]) -> str | None:
    """The name of a key that differs between two versions of a declaration, None where all stand.

    A leg keeps its carrier and the declaration its transport documents (type and number); more of both may be added.
    """
    for name in KEY_FACTS:
        if before.get(name) and after.get(name) and before[name] != after[name]:
            return name
    carriers = {leg.get("number"): leg.get("carrier") for leg in after.get("legs", [])}
    for leg in before.get("legs", []):
        number, carrier = leg.get("number"), leg.get("carrier")
        if carrier and carriers.get(number, carrier) != carrier:
            return f"carrier of leg {number}"
    present = {(document.get("type"), document.get("number")) for document in after.get("documents", [])}
    for document in before.get("documents", []):
        if (document.get("type"), document.get("number")) not in present:
            return f"transport document {document.get('type')} {document.get('number')}"
    return None


def message_number(message_set: MessageSet, unit: Unit) -> bytes | None:
    """The hash of the number of a declaration's message, among those of its companies; None where it has none."""
    if "repeated_message" not in message_set.ledger_rules or unit.intent == "save":
        return None
    number = unit.key.get(MESSAGE_NUMBER) or next(iter(unit.search.get(MESSAGE_NUMBER, ())), "")
    companies = [unit.key[name] for name in unit.company_keys]
    return hash_key([message_set.key_space, MESSAGE_NUMBER], [*companies, number])[:16] if number else None


def older_message(rule: Rule, filed_at: str, newest: str, *, ordinal: int) -> Problem:
    """Why a lawful declaration is not taken: its authority would record it and do nothing."""
    return break_rule(rule, ordinal=ordinal, element="appTime", value=filed_at, allowed=f"{newest} or later")
