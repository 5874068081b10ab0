"""The rows that a batch of messages becomes, as the columns that the intake's statements take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from singlewindow.ledger.database import json_text
from singlewindow.ledger.dossiers import columns
from singlewindow.ledger.split_documents import JOIN
from singlewindow.ledger.submissions import Pending
from singlewindow.messages.filing import FiledUnit
from singlewindow.messages.identifiers import hash_search
from singlewindow.messages.manifest import MessageSet, Root

Kept = Sequence[tuple[Pending, FiledUnit]]
Columns = list[list[Any]]


def filing_columns(units: Kept) -> Columns:
    """Who takes which business key with which content."""
    rows = [
        (
            unit.key_hash,
            unit.id,
            pending.message_id,
            pending.submission.trader,
            pending.sha256,
            unit.unit.content_sha256,
            "saved" if unit.unit.intent == "save" else "received",
        )
        for pending, unit in units
    ]
    return columns(rows, 7)


def message_columns(batch: Sequence[Pending], receipts: Sequence[bytes]) -> Columns:
    """The messages with their receipts and bytes."""
    rows = [
        (
            p.message_id,
            p.submission.trader,
            p.submission.message_set,
            p.submission.root,
            p.sha256,
            len(p.submission.body),
            p.received_at,
            receipt,
            p.submission.body,
        )
        for p, receipt in zip(batch, receipts, strict=True)
    ]
    return columns(rows, 9)


def declaration_columns(kept: Kept, sets: Mapping[str, MessageSet]) -> Columns:
    """The declarations; the keys their partners find them by are named as their root names them."""
    roots = [sets[p.submission.message_set].roots.get(p.submission.root) for p, _ in kept]
    rows = [_declaration_row(p, unit, root) for (p, unit), root in zip(kept, roots, strict=True)]
    return columns(rows, 14)


def join_columns(kept: Kept, sets: Mapping[str, MessageSet]) -> Columns:
    """By what new declarations meet: anchors and partners by equal joins, the parts of a split document by theirs."""
    rows: list[tuple[bytes, Any, str, bool]] = []
    for pending, unit in kept:
        if unit.verdict != "received" or unit.unit.action != "new":
            continue
        anchor = sets[pending.submission.message_set].kinds[unit.unit.kind].anchor
        rows += [(digest, unit.id, name, anchor) for name, digest in unit.joins]
        if unit.series is not None:
            rows.append((unit.series.digest, unit.id, JOIN, False))
    return columns(rows, 4)


def _declaration_row(pending: Pending, unit: FiledUnit, root: Root | None) -> tuple[Any, ...]:
    return (
        unit.id,
        pending.message_id,
        unit.unit.ordinal,
        pending.submission.trader,
        pending.submission.message_set,
        unit.unit.kind,
        unit.unit.action,
        json_text(unit.unit.key),
        unit.verdict,
        pending.received_at,
        json_text({**unit.unit.facts, "join_keys": _join_keys(unit, root), **_aim_of_change(unit)}),
        json_text([problem.as_json() for problem in (*unit.unit.problems, *unit.problems)]),
        unit.target_id,
        unit.supersedes,
    )


def _aim_of_change(unit: FiledUnit) -> dict[str, Any]:
    """What a change does beyond its content: whose key it names, and how its target is found once it is accepted."""
    if unit.unit.action != "change":
        return {}
    return {"change": {"key": unit.unit.key, "joins": [(name, digest.hex()) for name, digest in unit.joins]}}


def _join_keys(unit: FiledUnit, root: Root | None) -> dict[str, dict[str, str]]:
    """The readable keys under which partners will be found, for `waiting_for`; named as the elements are."""
    paths = {join.name: join.paths for join in root.joins} if root else {}
    return {join.name: _named(join.values, paths.get(join.name, ())) for join in unit.unit.joins[:8]}


def _named(values: Sequence[str], paths: Sequence[str]) -> dict[str, str]:
    names = [path.rpartition("/")[2].lstrip("@") for path in paths]
    distinct = len(set(names)) == len(values)
    return dict(zip(names, values, strict=True)) if distinct else {str(place): v for place, v in enumerate(values)}


def search_columns(kept: Kept) -> Columns:
    """Every number a trader may look a declaration up by."""
    rows = [
        (p.submission.trader, hash_search(value), unit.id)
        for p, unit in kept
        for value in dict.fromkeys(
            (
                *unit.unit.key.values(),
                *(v for vs in unit.unit.search.values() for v in vs),
            )
        )
        if value
    ]
    return columns(rows, 3)
