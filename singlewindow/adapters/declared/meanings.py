"""What an answer means by the tables of `[outcomes]`, and the error that a whole call ends with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TypeVar

from singlewindow.adapters.declared.configuration import Meaning, Outcomes
from singlewindow.adapters.outcomes import (
    Outcome,
    ReplyRefused,
    WireReply,
    read_retry_after,
    refuse_fault,
    refuse_status,
)
from singlewindow.xsd.wsdl_replies import ForeignFault

Row = TypeVar("Row", bound=str)

_OUTCOMES: dict[Meaning, Outcome] = {
    "rejected": Outcome(temporary=False, unknown=False, text="refused the request"),
    "retry": Outcome(temporary=True, unknown=False, text="cannot take it now"),
    "stop": Outcome(temporary=False, unknown=False, text="lets nothing in", stops_lane=True),
    "unknown": Outcome(temporary=True, unknown=True, text="left the outcome open"),
}


@dataclass(frozen=True, slots=True)
class Meanings:
    """The tables of one agency."""

    agency: str
    outcomes: Outcomes

    def of_code(self, code: str, first: Mapping[str, Meaning]) -> Meaning:
        """The meaning of a reply's code, looked up in `first` and then in the agency's table."""
        return find_row(first, code) or find_row(self.outcomes.codes, code) or self.outcomes.otherwise

    def state_of(self, code: str) -> str | None:
        """The state of ours that an accepted code brings, if any."""
        return find_row(self.outcomes.states, code)

    def of_fault(self, fault: ForeignFault) -> Meaning | None:
        """The meaning of a Fault, None where the table has no row for it: then SOAP's own sense counts."""
        return next((meaning for pattern, meaning in self.outcomes.faults.items() if fault.fits(pattern)), None)

    def of_status(self, status: int) -> Meaning | None:
        """The meaning of an HTTP status, None where the table has no row for it."""
        return find_row(self.outcomes.http, str(status))

    def refuse_fault(self, reply: WireReply, fault: ForeignFault) -> ReplyRefused:
        """The error for a Fault that ends a whole call."""
        meaning = self.of_fault(fault)
        if meaning is None or meaning not in _OUTCOMES:
            return refuse_fault(self.agency, reply, fault.fault)
        return self.refuse(meaning, reply, f"{fault.fault.code} {fault.fault.text}")

    def refuse_status(self, reply: WireReply) -> ReplyRefused:
        """The error for an HTTP status that ends a whole call."""
        meaning = self.of_status(reply.status)
        if meaning is None or meaning not in _OUTCOMES:
            return refuse_status(self.agency, reply)
        return self.refuse(meaning, reply, f"HTTP {reply.status}")

    def refuse(self, meaning: Meaning, reply: WireReply, why: str) -> ReplyRefused:
        """The error for an answer of this meaning to a whole call, never `accepted`."""
        outcome = _OUTCOMES[meaning]
        after = read_retry_after(reply.headers) if outcome.temporary else None
        return ReplyRefused(f"{self.agency} {outcome.text}: {why}".rstrip(), outcome, reply, retry_after_seconds=after)


def find_row(table: Mapping[str, Row], key: str) -> Row | None:
    """A row by its exact key, else the first whose pattern fits."""
    if key in table:
        return table[key]
    return next((value for pattern, value in table.items() if fnmatchcase(key, pattern)), None)


def worst(meanings: Iterable[Meaning]) -> Meaning | None:
    """`stop` where some answer says so and none says that the agency acted: only then may a whole call stand still."""
    given = set(meanings)
    return "stop" if "stop" in given and not given & {"accepted", "rejected", "unknown"} else None
