"""Versions of a declaration: what a change acts on, and messages that are older than what stands.

An authority ignores what is older by its appTime than what it has (−301014), so it is not taken.
Only the same trader's versions of a declaration are compared, and only where its set has a rule `older`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from singlewindow.ledger.database import Connection, query
from singlewindow.ledger.dossiers import columns
from singlewindow.ledger.filing_keys import give_back_keys
from singlewindow.ledger.submissions import Pending
from singlewindow.messages.filing import FiledUnit, is_older
from singlewindow.messages.identifiers import hash_search
from singlewindow.messages.judgement import Problem, Unit
from singlewindow.messages.ledger_rules import older_message
from singlewindow.messages.manifest import MessageSet
from singlewindow.messages.matching import UNKNOWN_TARGET, UNKNOWN_TARGET_TEXT, UNKNOWN_TARGET_TEXT_ZH
from singlewindow.messages.rule import Rule


async def find_targets(connection: Connection, batch: Sequence[Pending], sets: Mapping[str, MessageSet]) -> None:
    """What each change or deletion acts on, which it names by its key; one that is unknown here is warned of."""
    hashes = [digest for pending in batch for digest in pending.targets.values()]
    if not hashes:
        return
    rows = await connection.fetch(query("find_filings"), hashes)
    known = {(row["key_hash"], row["trader"]): row["declaration_id"] for row in rows}
    for pending in batch:
        for unit in pending.units:
            if unit.id in pending.targets:
                unit.target_id = known.get((pending.targets[unit.id], pending.submission.trader))
                if unit.target_id is None and unit.verdict == "received":
                    unit.add(_unknown_change(sets[pending.submission.message_set], unit))


def _unknown_change(message_set: MessageSet, unit: FiledUnit) -> Problem:
    """By the set's rule; a set without one warns all the same."""
    ordinal = unit.unit.ordinal
    return message_set.broken("unknown_change", ordinal=ordinal) or Problem(
        UNKNOWN_TARGET, UNKNOWN_TARGET_TEXT, severity="warning", message_zh=UNKNOWN_TARGET_TEXT_ZH, ordinal=ordinal
    )


async def refuse_older(
    connection: Connection, units: Sequence[tuple[Pending, FiledUnit]], sets: Mapping[str, MessageSet]
) -> list[FiledUnit]:
    """Refuse those that are older than the newest version of what they change or are filed again for; which were."""
    dated = [
        (p, unit, target, rule)
        for p, unit in units
        if unit.unit.facts.get("app_time")
        and (target := _target(unit))
        and (rule := sets[p.submission.message_set].ledger_rule("older"))
    ]
    if not dated:
        return []
    rows = [(p.submission.trader, target, hash_search(_telling(unit.unit))) for p, unit, target, _ in dated]
    found = await connection.fetch(query("newest_versions"), *columns(rows, 3))
    newest = {row["target"]: row["app_time"] for row in found}
    return [unit for _, unit, target, rule in dated if _refuse_if_older(unit, target, newest.get(target), rule)]


async def refuse_older_changes(
    connection: Connection, batch: Sequence[Pending], sets: Mapping[str, MessageSet]
) -> None:
    """The same for changes and deletions whose target is known, giving back the keys that they took."""
    changes = [(p, unit) for p in batch for unit in p.units if unit.target_id and unit.verdict == "received"]
    await give_back_keys(connection, await refuse_older(connection, changes, sets))


def _refuse_if_older(unit: FiledUnit, target: UUID, newest: str | None, rule: Rule) -> bool:
    filed_at = str(unit.unit.facts["app_time"])
    if newest is None or not is_older(filed_at, newest):
        return False
    unit.verdict, unit.of, unit.supersedes = "conflict", target, None
    unit.add(older_message(rule, filed_at, newest, ordinal=unit.unit.ordinal))
    return True


def _target(unit: FiledUnit) -> UUID | None:
    return unit.target_id or unit.supersedes


def _telling(unit: Unit) -> str:
    """The part of a key that few declarations share: its longest value that is no company's code."""
    own = [value for name, value in unit.key.items() if name not in unit.company_keys]
    return max(own or unit.key.values(), key=len, default="")
