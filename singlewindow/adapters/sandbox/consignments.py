"""Export declarations as the agencies share them: one consignment per declarant and LRN, one conversation per task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from singlewindow.adapters.sandbox.magic import words_of
from singlewindow.adapters.sandbox.numbers import iso_time
from singlewindow.adapters.sandbox.records import NO_FIELDS, Notice, Request, Statement

UNKNOWN_LRN = "UNKNOWN"

SUBMITTED, REGISTERED, ACCEPTED, UNDER_CONTROL = "submitted", "registered", "accepted", "under_control"
DETAINED, SUSPENDED, RELEASED, REJECTED = "detained", "suspended", "released", "rejected"
DEPARTED, ARRIVED, CLOSED, CANCELLED = "departed", "arrived", "closed", "cancelled"


@dataclass(slots=True)
class Conversation:
    """What one agency says about one task; every notice has a later time than the one before.

    `about` stands in each of its responses: LRN, declarant, action, leg, and the MRN once it is known.
    """

    request: Request
    about: dict[str, str]
    attempt: int = 1
    said_ms: dict[str, int] = field(default_factory=dict)
    last_ms: int = 0
    notices: int = 0

    @property
    def words(self) -> frozenset[str]:
        """The magic words that this agency acts by."""
        return words_of(self.request)

    def say(
        self,
        status: str,
        due_ms: int,
        *,
        references: Mapping[str, str] = NO_FIELDS,
        error: Mapping[str, str] = NO_FIELDS,
        control: str | None = None,
    ) -> Notice:
        """A Response with one status."""
        self.last_ms = max(due_ms, self.last_ms + 1)
        self.notices += 1
        self.said_ms[status] = self.last_ms
        values = {"Status": status, "StatusDateTime": iso_time(self.last_ms)} | (
            {"Control": control} if control else {}
        )
        statement = Statement("Response", dict(self.about), values, references=references, error=error)
        task_id = self.request.task_id
        return Notice(f"{task_id}-{self.notices}", self.request.agency, task_id, self.last_ms, statement, self.words)

    def refuse(self, code: str, pointer: str, text: str, due_ms: int) -> Notice:
        """A rejection with one error."""
        error = {"Code": code, "Pointer": pointer, "Severity": "error", "Text": text}
        return self.say(REJECTED, due_ms, error=error)


@dataclass(slots=True)
class Consignment:
    """What the agencies know of one export declaration. `refused` frees its LRN for a corrected declaration."""

    declarant: str
    lrn: str
    declaration: Conversation | None = None
    mrn: str | None = None
    crossing: frozenset[int] = frozenset()
    refused: bool = False
    cancelled: bool = False
    departed_ms: int | None = None
    closed: bool = False
    attempts: dict[str, int] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The business key of the declaration."""
        return f"declaration|{self.declarant}|{self.lrn}"

    def count(self, step: str) -> int:
        """The number of this attempt at a step (`book 2`), from 1."""
        self.attempts[step] = self.attempts.get(step, 0) + 1
        return self.attempts[step]

    def has_departed(self, at_ms: int) -> bool:
        """True once a leg across the border has reported its departure."""
        return self.departed_ms is not None and self.departed_ms <= at_ms

    def reset(self) -> None:
        """A new declaration under the same LRN starts afresh."""
        self.refused = self.cancelled = self.closed = False
        self.departed_ms = None


class Consignments:
    """Every consignment, by declarant and LRN and by MRN."""

    def __init__(self) -> None:
        self._by_lrn: dict[tuple[str, str], Consignment] = {}
        self._by_mrn: dict[str, Consignment] = {}

    def of(self, request: Request) -> Consignment:
        """The consignment of a declaration, made known when it is new."""
        declarant, lrn = request.fields.get("declarant", ""), request.fields.get("lrn", UNKNOWN_LRN)
        return self._by_lrn.setdefault((declarant, lrn), Consignment(declarant, lrn))

    def find(self, request: Request) -> Consignment | None:
        """The consignment a message points to, None when customs never heard of its declaration."""
        if mrn := request.fields.get("mrn"):
            found = self._by_mrn.get(mrn)
            if found is not None and found.declarant != request.fields.get("declarant", ""):
                return None
        else:
            found = self._by_lrn.get((request.fields.get("declarant", ""), request.fields.get("lrn", "")))
        return found if found is not None and found.declaration is not None else None

    def register(self, consignment: Consignment, mrn: str) -> None:
        """Give a consignment its MRN."""
        consignment.mrn = mrn
        self._by_mrn[mrn] = consignment

    def named(self, lrn: str) -> list[Consignment]:
        """Consignments with this LRN, whoever declared them."""
        return [consignment for consignment in self._by_lrn.values() if consignment.lrn == lrn]


def begin(request: Request, consignment: Consignment, action: str) -> Conversation:
    """The conversation about one task for a consignment."""
    about = {"Agency": request.agency, "Action": action, "LRN": consignment.lrn}
    optional = {
        "DeclarantIdentification": consignment.declarant,
        "MRN": consignment.mrn,
        "LegNumber": str(request.leg) if request.leg is not None else None,
    }
    return Conversation(request, about | {name: value for name, value in optional.items() if value})
