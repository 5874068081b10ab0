"""Matching: what an anchor or a dependent document still waits for, and where linked documents differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from singlewindow.messages.dossier import Dossier
from singlewindow.messages.lifecycle import FREE_KEY, STATES
from singlewindow.messages.manifest import Holding, Kind, Partner


@dataclass(frozen=True, slots=True)
class Linked:
    """The other end of a link, as far as matching looks at it."""

    id: UUID
    trader: UUID
    kind: str
    state: str
    facts: dict[str, Any]

    @property
    def alive(self) -> bool:
        """False once saved, rejected or cancelled: it no longer counts as present."""
        return self.state not in FREE_KEY


def missing_partners(dossier: Dossier, kind: Kind, links: Sequence[Linked]) -> list[dict[str, Any]]:
    """The required partners that no living document fills, each with the key it will be found by."""
    present = {link.kind for link in links if link.alive}
    needed = [partner for partner in kind.partners if partner.required and partner.kind not in present]
    return [{"kind": partner.kind, "key": _key_of(dossier, partner)} for partner in needed]


def _key_of(dossier: Dossier, partner: Partner) -> dict[str, str]:
    keys: dict[str, dict[str, str]] = dossier.facts.get("join_keys", {})
    return keys.get(partner.join, {})


def pending_anchors(kind: Kind, links: Sequence[Linked]) -> list[dict[str, Any]]:
    """The known anchors that have not come as far as this kind waits for; a negative end blocks nobody."""
    if kind.waits_until is None:
        return []
    wanted = STATES[kind.waits_until].rank
    return [
        {"kind": link.kind, "state": link.state, "until": kind.waits_until}
        for link in links
        if STATES[link.state].rank < wanted and link.alive
    ]


def must_hold(dossier: Dossier, holding: Holding, now: datetime) -> bool:
    """True while the holding policy keeps a document back for what it waits for."""
    if holding.policy == "off":
        return False
    return holding.policy == "until-complete" or now < hold_ends(dossier, holding)


def hold_ends(dossier: Dossier, holding: Holding) -> datetime:
    """When the `timeout` policy lets it go."""
    return dossier.received_at + timedelta(seconds=holding.timeout_seconds)


COMPARED = ("total", "currency", "gross_weight")
"""Facts compared one by one between an anchor and its partner, where both state them."""

LINE_FIELDS = ("currency", "quantity", "total")
"""Fields of the goods lines compared by line number (gnum)."""


def differences(anchor: dict[str, Any], partner: dict[str, Any]) -> list[dict[str, str]]:
    """The fields in which two documents of one consignment differ: `field`, the anchor's and the partner's value."""
    found = [
        {"field": name, "anchor": str(anchor[name]), "partner": str(partner[name])}
        for name in COMPARED
        if anchor.get(name) and partner.get(name) and not _equal(anchor[name], partner[name])
    ]
    return found + _line_differences(anchor.get("lines") or [], partner.get("lines") or [])


def _line_differences(anchor: list[dict[str, Any]], partner: list[dict[str, Any]]) -> list[dict[str, str]]:
    theirs = {str(line.get("number")): line for line in partner}
    if not theirs or not anchor:
        return []
    found = []
    for line in anchor:
        number = str(line.get("number"))
        other = theirs.get(number)
        if other is None:
            found.append({"field": f"lines[{number}]", "anchor": "present", "partner": "absent"})
            continue
        found += [
            {
                "field": f"lines[{number}].{name}",
                "anchor": str(line[name]),
                "partner": str(other[name]),
            }
            for name in LINE_FIELDS
            if line.get(name) and other.get(name) and not _equal(line[name], other[name])
        ]
    return found


def _equal(left: Any, right: Any) -> bool:
    try:
        return Decimal(str(left)) == Decimal(str(right))
    except InvalidOperation:
        return str(left) == str(right)
