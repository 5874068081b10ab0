"""The rules that need the ledger: who has a key already, whether a target is known, and what its state allows.

Their ids, texts and severities stand in the message sets (`rules/ledger.toml`). Of what a document acts on, only the
same trader's declarations count: nobody learns from a refusal what another one filed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from singlewindow.ledger.database import Connection, Record, query
from singlewindow.messages.filing import OLDER_MESSAGE, FiledUnit
from singlewindow.messages.judgement import Problem
from singlewindow.messages.ledger_rules import changed_key
from singlewindow.messages.manifest import MessageSet

if TYPE_CHECKING:
    from singlewindow.ledger.intake import Pending

REPEATED_BY = "MessageIdentification"
"""The part of a key that numbers a message, not a declaration."""


def name_conflicts(batch: Sequence[Pending], sets: Mapping[str, MessageSet]) -> None:
    """Say which rule a declaration breaks whose key stands for other content."""
    for pending in batch:
        message_set = sets[pending.submission.message_set]
        for unit in pending.units:
            if unit.verdict == "conflict" and not any(problem.rule == OLDER_MESSAGE for problem in unit.problems):
                purpose = "repeated_message" if REPEATED_BY in unit.unit.key else "conflict"
                unit.problems = _with(unit, message_set.broken(purpose, ordinal=unit.unit.ordinal))


async def check_targets(connection: Connection, batch: Sequence[Pending], sets: Mapping[str, MessageSet]) -> None:
    """Refuse what acts on an unknown declaration, on one too far on, or would change its keys. Keys are given back."""
    aiming = [(pending, unit) for pending in batch for unit in pending.units if _is_checked(pending, unit, sets)]
    if not aiming:
        return
    hashes = sorted({digest for _, unit in aiming for _, digest in unit.joins})
    rows = await connection.fetch(query("find_aimed_at"), hashes)
    known: dict[tuple[bytes, UUID], Record] = {(row["hash"], row["trader"]): row for row in rows}
    arriving = {
        digest
        for pending in batch
        for unit in pending.units
        for _, digest in unit.joins
        if _is_anchor(pending, unit, sets)
    }
    for pending, unit in aiming:
        found = [known.get((digest, pending.submission.trader)) for _, digest in unit.joins]
        target = next((row for row in found if row is not None), None)
        if target is None and arriving & {digest for _, digest in unit.joins}:
            continue
        unit.problems = _with(unit, _judge_target(sets[pending.submission.message_set], unit, target))
    refused = [unit for _, unit in aiming if any(problem.severity == "error" for problem in unit.problems)]
    for unit in refused:
        unit.verdict = "invalid"
    if refused:
        await connection.execute(query("give_back_filing_keys"), [unit.id for unit in refused])


def _judge_target(message_set: MessageSet, unit: FiledUnit, target: Record | None) -> Problem | None:
    where: dict[str, Any] = {"ordinal": unit.unit.ordinal}
    if target is None:
        return message_set.broken("unknown_target", **where)
    kind = message_set.kinds[unit.unit.kind]
    if target["state"] in kind.refused_in:
        return message_set.broken("wrong_state", value=target["state"], **where)
    changed = changed_key(target["facts"], unit.unit.facts) if kind.replaces else None
    return message_set.broken("changed_key", value=changed, **where) if changed else None


def _is_checked(pending: Pending, unit: FiledUnit, sets: Mapping[str, MessageSet]) -> bool:
    """A new document that acts on an anchor, of a set that refuses where the anchor is unknown."""
    message_set = sets[pending.submission.message_set]
    rule = message_set.rules.get(message_set.ledger_rules.get("unknown_target", ""))
    is_strict = rule is not None and rule.severity == "error"
    return is_strict and unit.verdict == "received" and message_set.kinds[unit.unit.kind].target


def _is_anchor(pending: Pending, unit: FiledUnit, sets: Mapping[str, MessageSet]) -> bool:
    kinds = sets[pending.submission.message_set].kinds
    return unit.verdict == "received" and kinds[unit.unit.kind].anchor


def _with(unit: FiledUnit, problem: Problem | None) -> tuple[Problem, ...]:
    return unit.problems if problem is None else (*unit.problems, problem)
