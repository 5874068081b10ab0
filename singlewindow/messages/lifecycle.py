"""The lifecycle: one literal table of states, the legal moves of our own, and how parts make a declaration's state.

`docs/lifecycle.md` is generated from this table.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from singlewindow.errors import IllegalMove


@dataclass(frozen=True, slots=True)
class State:
    """One state: its rank (how far along), whether it is a negative end, who holds the ball, and its meaning."""

    name: str
    rank: int
    negative: bool
    holder: str
    meaning: str


STATES: dict[str, State] = {
    state.name: state
    for state in (
        State("planned", 0, False, "singlewindow", "waits for an earlier step of the plan"),
        State("received", 0, False, "singlewindow", "stored durably and receipted"),
        State(
            "saved",
            0,
            False,
            "trader",
            "kept as a draft; its key is free for the next attempt",
        ),
        State("held", 1, False, "trader", "waits for the documents named in waiting_for"),
        State("pending", 2, False, "singlewindow", "ready to be sent, or being retried"),
        State("submitted", 3, False, "agency", "the agency has it and has not decided"),
        State("registered", 4, False, "agency", "entered in the authority's books"),
        State("accepted", 5, False, "agency", "examined and accepted"),
        State("under_control", 6, False, "agency", "documents or goods are being examined"),
        State("detained", 6, False, "agency", "held by the authority"),
        State("suspended", 6, False, "agency", "put aside by the authority"),
        State("released", 7, False, "carrier", "the goods may go"),
        State(
            "departed",
            8,
            False,
            "carrier",
            "left the customs territory, or this leg has left",
        ),
        State("arrived", 9, False, "carrier", "this leg has arrived"),
        State("closed", 10, False, "nobody", "exit confirmed; nothing is left to do"),
        State(
            "rejected",
            20,
            True,
            "trader",
            "the document is at fault; it may be refiled under the same key",
        ),
        State("not_released", 20, True, "trader", "the authority refuses release"),
        State("returned", 20, True, "trader", "the goods go back"),
        State("cancelled", 21, True, "nobody", "withdrawn; its key is free"),
        State(
            "dead_letter",
            2,
            False,
            "operator",
            "given up after too many attempts; an operator decides",
        ),
        State(
            "needs_reconciliation",
            2,
            False,
            "operator",
            "the outcome is unknown and must not be repeated blindly",
        ),
    )
}

AUTHORITY_STATES = frozenset(
    {
        "submitted", "registered", "accepted", "under_control", "detained", "suspended", "released", "departed",
        "arrived", "closed", "rejected", "not_released", "returned", "cancelled",
    }
)  # fmt: skip
"""States that only an authority's or carrier's word brings about."""

OWN_MOVES: dict[str, frozenset[str]] = {
    "planned": frozenset({"pending", "cancelled"}),
    "received": frozenset({"held", "pending"}),
    "held": frozenset({"pending", "cancelled"}),
    "pending": frozenset(
        {
            "pending",
            "dead_letter",
            "needs_reconciliation",
            "rejected",
            "submitted",
            "cancelled",
        }
    ),
    "dead_letter": frozenset({"pending"}),
    "needs_reconciliation": frozenset({"pending", "dead_letter"}),
}
"""Moves we decide ourselves; everything else is an authority's word and never refused."""

RETRY = "retry"
"""Not a state: the authority's word that it could not pass the document on, so that it is to be sent again."""

NEEDS_PERSON = frozenset({"dead_letter", "needs_reconciliation"})
FREE_KEY = frozenset({"saved", "rejected", "cancelled"})
"""States in which a business key may be filed again."""


def move(current: str, new: str) -> str:
    """The new state of one of our own moves. Raises IllegalMove, changing nothing, when the table forbids it."""
    if new not in OWN_MOVES.get(current, frozenset()):
        raise IllegalMove(f"{current} → {new} is not one of our moves")
    return new


@dataclass(frozen=True, slots=True)
class PartView:
    """What the combination needs to know of one part."""

    state: str
    required: bool
    principal: bool
    done: bool
    crosses_border: bool = False


def combine(parts: Iterable[PartView], *, otherwise: str) -> str:
    """A declaration's state from its parts: a negative end dominates, else the least advanced required part holds.

    A required part that is done no longer holds anything back; then the principal part speaks. `otherwise` is
    the state while nothing has been planned.
    """
    required = [part for part in parts if part.required]
    if not required:
        return otherwise
    negative = [part.state for part in required if STATES[part.state].negative]
    if negative:
        return max(negative, key=lambda name: STATES[name].rank)
    counted = [part.state for part in required if part.principal or not part.done]
    state = min(counted or [part.state for part in required], key=lambda name: STATES[name].rank)
    return _public(
        state,
        started=any(STATES[part.state].rank >= STATES["submitted"].rank for part in required),
    )


def _public(state: str, *, started: bool) -> str:
    """Inner states of a part are not shown as the declaration's: it is received until an agency has it."""
    if state in {"planned", "pending"} | NEEDS_PERSON:
        return "submitted" if started else "received"
    return state


def has_left(parts: Iterable[PartView]) -> bool:
    """True when a leg that crosses the border has departed."""
    return any(part.crosses_border and part.state in {"departed", "arrived", "closed"} for part in parts)


def is_settled(state: str, *, ends: Iterable[str], attention: bool) -> bool:
    """True when nothing more is expected soon: an end of its kind, released, saved, negative, or a person is needed."""
    return attention or state in {"released", "departed", "saved"} or state in ends or STATES[state].negative
