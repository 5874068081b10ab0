"""The view of one declaration: what it is, where each part stands, who holds the ball and since when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from singlewindow.ledger.database import Record
from singlewindow.messages.lifecycle import STATES, is_settled
from singlewindow.messages.manifest import MessageSet

View = dict[str, Any]


def instant(moment: datetime | None) -> str | None:
    """An aware time as RFC 3339 in UTC."""
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def is_row_settled(row: Record, message_set: MessageSet) -> bool:
    """Whether nothing more is expected soon of a declaration, by its kind, action, state and attention."""
    kind = message_set.kinds[row["kind"]]
    ends = (*kind.ends, "registered") if row["action"] == "delete" else kind.ends
    return is_settled(row["state"], ends=ends, attention=row["attention"] is not None)


def declaration_view(row: Record, parts: Sequence[Record], message_set: MessageSet, anchors: Sequence[UUID]) -> View:
    """The view of `GET /v1/declarations/{id}`; `anchors` are the cases it is linked to."""
    kind = message_set.kinds[row["kind"]]
    identity = str(row["id"])
    return {
        "id": identity,
        "message_id": str(row["message_id"]),
        "ordinal": row["ordinal"],
        "message_set": row["message_set"],
        "kind": row["kind"],
        "action": row["action"],
        "status": row["state"],
        "settled": is_row_settled(row, message_set),
        "received_at": instant(row["received_at"]),
        "changed_at": instant(row["changed_at"]),
        "keys": row["keys"],
        "references": row["refs"],
        "parts": [part_view(part) for part in parts],
        "legs": legs_view(row["facts"], parts),
        "ready_to_move": _ready_to_move(parts),
        "waiting_for": row["waiting_for"],
        "warnings": row["warnings"],
        "attention": row["attention"],
        "anomaly": row["anomaly"],
        "case_id": identity if kind.anchor else (str(anchors[0]) if anchors else None),
        "target": _optional(row["target_id"]),
        "supersedes": _optional(row["supersedes"]),
        "links": {
            "document": f"/v1/declarations/{identity}/document",
            "events": f"/v1/declarations/{identity}/events",
            "exchanges": f"/v1/declarations/{identity}/exchanges",
            "responses": f"/v1/declarations/{identity}/responses",
            "message": f"/v1/messages/{row['message_id']}",
            "cases": [f"/v1/cases/{anchor}" for anchor in ([row["id"]] if kind.anchor else anchors)],
        },
    }


def part_view(part: Record) -> View:
    """One step at one agency."""
    return {
        "agency": part["agency"],
        "action": part["action"],
        "leg": part["leg"],
        "state": part["state"],
        "holder": _holder(part),
        "since": instant(part["since"]),
        "required": part["required"],
        "reference": next(iter(part["refs"].values()), None),
        "references": part["refs"],
        "authority_time": part["authority_time"],
        "authority_code": part["authority_code"],
        "errors": part["errors"],
    }


def _holder(part: Record) -> str:
    holder = STATES[part["state"]].holder
    if part["state"] in part["ends"] and holder == "agency":
        return "nobody"
    return part["agency"] if holder in {"agency", "carrier"} else holder


def legs_view(facts: View, parts: Sequence[Record]) -> list[View]:
    """The legs in the order of their numbers, each with how far it has come."""
    legs = sorted(facts.get("legs") or [], key=lambda leg: int(leg.get("number") or 0))
    return [{**leg, "state": _leg_state(int(leg.get("number") or 0), parts)} for leg in legs]


def _leg_state(number: int, parts: Sequence[Record]) -> str:
    states = {part["action"]: part["state"] for part in parts if part["leg"] == number}
    if states.get("release") in {"departed", "arrived", "closed"}:
        return str(states["release"])
    booking = str(states.get("book", "planned"))
    return "booked" if booking == "accepted" else booking


def _ready_to_move(parts: Sequence[Record]) -> bool | None:
    """True when customs released and every carrier has confirmed; None where nothing moves by booking."""
    bookings = [part["state"] for part in parts if part["action"] == "book"]
    if not bookings:
        return None
    released = any(part["principal"] and part["state"] in {"released", "closed"} for part in parts)
    return released and all(state == "accepted" for state in bookings)


def _optional(value: UUID | None) -> str | None:
    return None if value is None else str(value)
