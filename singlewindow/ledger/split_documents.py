"""Documents split over several messages: gaps are warned of on arrival, and their filling is told to every part."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from uuid import UUID

from singlewindow.ledger.database import Connection, Record, query
from singlewindow.ledger.submissions import Pending
from singlewindow.messages.dossier import Dossier
from singlewindow.messages.manifest import MessageSet
from singlewindow.messages.rule import Rule
from singlewindow.messages.series import COUNT, Series, is_complete, read_number, series_problems

JOIN = "series"
"""The name of the join key that all parts of one document share."""

COMPLETE = "parts_complete"
"""The event that tells a part so, and the fact that remembers it was told."""


async def warn_of_gaps(connection: Connection, batch: Sequence[Pending], sets: Mapping[str, MessageSet]) -> None:
    """Warn, in the receipt, of what is wrong with the parts of a split document as each of them arrives."""
    arriving = [
        (unit, unit.series, rule)
        for pending in batch
        for unit in pending.units
        if unit.series is not None and unit.verdict == "received" and unit.unit.intent != "save"
        if (rule := sets[pending.submission.message_set].ledger_rule("gaps"))
    ]
    if not arriving:
        return
    rows = await connection.fetch(query("read_series"), sorted({series.digest for _, series, _ in arriving}))
    known: dict[bytes, list[Series]] = defaultdict(list)
    for series in [*(_series(row) for row in rows), *(series for _, series, _ in arriving)]:
        if series is not None:
            known[series.digest].append(series)
    for unit, series, rule in arriving:
        unit.add(*series_problems(series, known[series.digest], rule, ordinal=unit.unit.ordinal))


async def find_complete(connection: Connection, subjects: Sequence[UUID]) -> set[UUID]:
    """The parts of every split document that one of these declarations belongs to and that is all here."""
    rows = await connection.fetch(query("find_series"), list(subjects))
    documents: dict[bytes, list[Record]] = defaultdict(list)
    for row in rows:
        documents[row["hash"]].append(row)
    return {row["id"] for members in documents.values() if _all_here(members) for row in members}


def _all_here(members: Sequence[Record]) -> bool:
    parts = [series for member in members if (series := _series(member)) is not None]
    return len(members) > 1 and is_complete(parts)


def tell_complete(dossier: Dossier, rule: Rule | None) -> None:
    """Take the warning of missing parts back, if there is a rule of that, and say so, once."""
    if dossier.facts.get(COMPLETE):
        return
    dossier.facts = {**dossier.facts, COMPLETE: True}
    if rule is not None:
        dossier.cleared.append(rule.id)
    dossier.record(COMPLETE, rule=rule.id if rule else None, count=dossier.facts.get(COUNT))


def _series(row: Record) -> Series | None:
    count, number = read_number(row["count"]), read_number(row["number"])
    return None if count is None or number is None else Series(row["hash"], number, count)
