"""Older messages: an authority ignores what is older by its appTime than what it has (−301014), so it is not taken.

Rule CEB-R91. Only the same trader's versions of a declaration are compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from singlewindow.ledger.database import Connection, query
from singlewindow.ledger.dossiers import columns
from singlewindow.messages.filing import FiledUnit, is_older, older_message
from singlewindow.messages.identifiers import hash_search
from singlewindow.messages.judgement import Unit

if TYPE_CHECKING:
    from singlewindow.ledger.intake import Pending


async def refuse_older(connection: Connection, units: Sequence[tuple[Pending, FiledUnit]]) -> list[FiledUnit]:
    """Refuse those that are older than the newest version of what they change or are filed again for; which were."""
    dated = [(p, unit, target) for p, unit in units if unit.unit.facts.get("app_time") and (target := _target(unit))]
    if not dated:
        return []
    rows = [(p.submission.trader, target, hash_search(_telling(unit.unit))) for p, unit, target in dated]
    found = await connection.fetch(query("newest_versions"), *columns(rows, 3))
    newest = {row["target"]: row["app_time"] for row in found}
    return [unit for _, unit, target in dated if _refuse_if_older(unit, target, newest.get(target))]


async def refuse_older_changes(connection: Connection, batch: Sequence[Pending]) -> None:
    """The same for changes and deletions whose target is known, giving back the keys that they took."""
    changes = [(p, unit) for p in batch for unit in p.units if unit.target_id and unit.verdict == "received"]
    refused = await refuse_older(connection, changes)
    if refused:
        await connection.execute(query("give_back_filing_keys"), [unit.id for unit in refused])


def _refuse_if_older(unit: FiledUnit, target: UUID, newest: str | None) -> bool:
    filed_at = str(unit.unit.facts["app_time"])
    if newest is None or not is_older(filed_at, newest):
        return False
    unit.verdict, unit.of, unit.supersedes = "conflict", target, None
    unit.problems = (*unit.problems, older_message(filed_at, newest, ordinal=unit.unit.ordinal))
    return True


def _target(unit: FiledUnit) -> UUID | None:
    return unit.target_id or unit.supersedes


def _telling(unit: Unit) -> str:
    """The part of a key that few declarations share: its longest value that is no company's code."""
    own = [value for name, value in unit.key.items() if name not in unit.company_keys]
    return max(own or unit.key.values(), key=len, default="")
