"""A declaration with its parts, as one thing that decisions are made on; what changed is collected for the ledger."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from singlewindow.messages.lifecycle import (
    NEEDS_PERSON,
    STATES,
    PartView,
    combine,
    has_left,
    move,
)


@dataclass(slots=True)
class Part:
    """One step at one agency. Its id is the stable task id the agency sees over all attempts.

    `entry` numbers the list entry (leg) it was planned for; `since` is when the state was entered, by our clock;
    `authority_time` is the authority's own time of its newest word.
    """

    id: UUID
    agency: str
    action: str
    leg: int | None
    required: bool
    principal: bool
    ends: tuple[str, ...]
    crosses_border: bool = False
    state: str = "planned"
    since: datetime | None = None
    authority_time: str | None = None
    authority_code: str | None = None
    references: dict[str, str] = field(default_factory=dict)
    errors: list[dict[str, Any]] = field(default_factory=list)

    @property
    def done(self) -> bool:
        """True in an end state of this step."""
        return self.state in self.ends

    @property
    def holder(self) -> str:
        """Who holds the ball now: ourselves, the agency or carrier, the trader, or an operator."""
        holder = STATES[self.state].holder
        if self.done and holder == "agency":
            return "nobody"
        return self.agency if holder in {"agency", "carrier"} else holder

    def view(self) -> PartView:
        """The few facts that the combination of parts looks at."""
        return PartView(self.state, self.required, self.principal, self.done, self.crosses_border)


@dataclass(frozen=True, slots=True)
class Event:
    """One change to be recorded: its type (`state`, `part`, `linked`, `warning`, `anomaly`, `reference` …) and data."""

    type: str
    data: dict[str, Any]


@dataclass(slots=True)
class Dossier:
    """A declaration as decisions see it.

    `events`, `ready` (parts to be sent), `again` (parts to be sent after a pause) and `cleared` (rules whose warnings
    no longer hold) are what a decision produced.
    """

    id: UUID
    trader: UUID
    message_set: str
    kind: str
    action: str
    state: str
    received_at: datetime
    facts: dict[str, Any]
    references: dict[str, str]
    waiting_for: list[dict[str, Any]]
    attention: str | None
    anomaly: bool
    target_id: UUID | None
    parts: list[Part]
    matched: bool = False
    events: list[Event] = field(default_factory=list)
    ready: list[Part] = field(default_factory=list)
    again: list[Part] = field(default_factory=list)
    cleared: list[str] = field(default_factory=list)

    def part(self, part_id: UUID) -> Part | None:
        """The part with this id."""
        return next((part for part in self.parts if part.id == part_id), None)

    @property
    def principal(self) -> Part | None:
        """The part that carries the declaration's state, once planned."""
        return next((part for part in self.parts if part.principal), None)

    def follow(self, change: UUID) -> None:
        """Remember a change that waits until this declaration is sent."""
        known = self.facts.get("followers", [])
        if str(change) not in known:
            self.facts = {**self.facts, "followers": [*known, str(change)]}
            self.record("change_waits", by=str(change))

    def take_followers(self) -> list[UUID]:
        """The changes to look at again, each once, now that this was sent or withdrawn; none before."""
        if "followers" not in self.facts or (not self.matched and self.state in {"received", "held"}):
            return []
        self.facts = dict(self.facts)
        return [UUID(change) for change in self.facts.pop("followers")]

    def record(self, event_type: str, /, **data: Any) -> None:
        """Note an event for the trader's feed."""
        self.events.append(Event(event_type, data))

    def enter(self, part: Part, state: str, now: datetime) -> None:
        """Put a part into a state, noting it; the same state again changes nothing."""
        if part.state == state:
            return
        part.state, part.since = state, now
        described = {"agency": part.agency, "action": part.action, "leg": part.leg}
        self.record(
            "part",
            **described,
            state=state,
            errors=part.errors,
            references=part.references,
        )

    def decide(self, part: Part, state: str, now: datetime) -> None:
        """One of our own moves. Raises IllegalMove."""
        self.enter(part, move(part.state, state), now)

    def become(self, state: str, **why: Any) -> None:
        """Set the declaration's own state, noting a change."""
        if state != self.state:
            self.record("state", state=state, previous=self.state, **why)
            self.state = state

    def recombine(self) -> None:
        """Derive state and attention from the parts again."""
        views = [part.view() for part in self.parts]
        state = combine(views, otherwise=self.state)
        self.become("departed" if state == "released" and has_left(views) else state)
        troubled = next((part for part in self.parts if part.state in NEEDS_PERSON), None)
        self.attention = f"{troubled.state} at {troubled.agency}" if troubled else None
