"""From a submission to requests: each agency reads the original by itself, and keeps of it only what it will need."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from singlewindow.adapters.sandbox.exports import FOLLOW_UPS
from singlewindow.adapters.sandbox.filings import SUMMARY_DECLARATION
from singlewindow.adapters.sandbox.papers import PAPERS
from singlewindow.adapters.sandbox.records import Request
from singlewindow.errors import TraderMistake
from singlewindow.xsd.sandbox_reading import ReadUnit, read_ceb_units, read_export_document, read_foreign_document
from singlewindow.xsd.soap_requests import Submission, SubmittedItem, SubmittedTask

EXPORT_ROOTS: Final = frozenset({"ExportDeclaration", *FOLLOW_UPS})
CACHED_BYTES: Final = 16_000
CACHED_ORIGINALS: Final = 2000
"""Originals up to this size are read once for all agencies and legs that act on them; so many are remembered, as at a
peak hundreds lie between the first agency that reads one and the last."""


class NotForThisAgency(TraderMistake):
    """The agency has no use for such a document, or the original does not hold the declaration named."""

    code = "not-for-this-agency"


def read_request(agency: str, submission: Submission, item: SubmittedItem, task: SubmittedTask, at_ms: int) -> Request:
    """One task as the agency reads it. Raises TraderMistake for an original it cannot act on."""
    if item.root not in EXPORT_ROOTS and agency != "customs":
        raise NotForThisAgency(f"{agency} does not take {item.root}")
    units = (
        _read_small(item.root, item.original) if len(item.original) <= CACHED_BYTES else _read(item.root, item.original)
    )
    if is_foreign(item.root):
        # of a document that nobody here has seen, every declaration is the whole
        units = units * task.ordinal
    if not 1 <= task.ordinal <= len(units):
        raise NotForThisAgency(f"the original holds {len(units)} declarations and none with the number {task.ordinal}")
    unit = units[task.ordinal - 1]
    return Request(
        agency=agency,
        action=submission.action,
        task_id=str(task.task_id),
        sender=submission.sender,
        at_ms=at_ms,
        root=item.root,
        reference=_own_reference(item.root, unit),
        fields=unit.fields,
        lists=unit.lists,
        references=task.references,
        leg=task.leg,
        message_set=item.message_set,
    )


def is_foreign(root: str) -> bool:
    """True for a root of a message set that was dropped in: customs takes it as it is."""
    return root not in EXPORT_ROOTS and root not in PAPERS


def _read(root: str, original: bytes) -> tuple[ReadUnit, ...]:
    paper = PAPERS.get(root)
    if paper is None:
        return (read_foreign_document(original) if is_foreign(root) else read_export_document(original),)
    units = read_ceb_units(original, paper.unit, paper.fields, dict(paper.lists))
    for unit in units:
        # the goods of an inventory are needed for a summary only
        if unit.fields.get("statisticsFlag") not in (None, SUMMARY_DECLARATION):
            unit.lists.clear()
    return units


_read_small = lru_cache(maxsize=CACHED_ORIGINALS)(_read)


def _own_reference(root: str, unit: ReadUnit) -> str:
    """The trader's own reference, where magic words are looked for."""
    paper = PAPERS.get(root)
    if paper is not None:
        return next((unit.fields[name] for name in paper.own if unit.fields.get(name)), "")
    return unit.fields.get("message_id" if root in FOLLOW_UPS else "lrn", "")
