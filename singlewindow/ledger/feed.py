"""Events on their way into the ledger: each with a salt and a leaf of its own, numbered last in its trader's feed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from singlewindow.ledger.database import Connection, query
from singlewindow.ledger.submissions import Pending
from singlewindow.messages.identifiers import IdentifierSource
from singlewindow.messages.proofs import EventLeaf, canonical_json

SALT_BYTES = 16


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to store. `receipt_of` is the message whose receipt its leaf stands for; one event of each message."""

    leaf: EventLeaf
    receipt_of: UUID | None = None


@dataclass(frozen=True, slots=True)
class EventMaker:
    """Makes the events of one moment."""

    ids: IdentifierSource
    at: datetime

    def make(
        self, trader: UUID, declaration: UUID, event_type: str, *, data: dict[str, Any], receipt_of: UUID | None = None
    ) -> NewEvent:
        """A new event under a fresh id and salt."""
        salt, event_id = os.urandom(SALT_BYTES), self.ids.next()
        leaf = EventLeaf(event_id, declaration, trader, event_type, self.at, canonical_json(data), salt)
        return NewEvent(leaf, receipt_of)


def message_events(pending: Pending, receipt: bytes, ids: IdentifierSource) -> list[NewEvent]:
    """What a stored message did to each of its declarations. The first event stands for its receipt."""
    events: list[NewEvent] = []
    maker = EventMaker(ids, pending.received_at)
    message_id, digest = pending.message_id, hashlib.sha256(receipt).hexdigest()
    for declaration, event_type, data in _happened(pending):
        named = {**data, "message_id": str(message_id), "receipt_sha256": digest}
        stands_for = None if events else message_id
        events.append(maker.make(pending.submission.trader, declaration, event_type, data=named, receipt_of=stands_for))
    return events


def event_columns(events: Sequence[NewEvent]) -> list[list[Any]]:
    """The seven columns of `event`, for unnest."""
    leaves = [event.leaf for event in events]
    return [
        [leaf.event_id for leaf in leaves],
        [leaf.declaration_id for leaf in leaves],
        [leaf.trader for leaf in leaves],
        [leaf.type for leaf in leaves],
        [leaf.at for leaf in leaves],
        [leaf.data.decode() for leaf in leaves],
        [leaf.salt for leaf in leaves],
    ]


async def number_events(connection: Connection, events: Sequence[NewEvent]) -> str:
    """Give stored events their places in the feeds: the last statement of a transaction, for it locks the counters.

    Returns the transaction's number.
    """
    number: str = await connection.fetchval(
        query("number_events"),
        [event.leaf.trader for event in events],
        [event.leaf.event_id for event in events],
        [event.leaf.digest() for event in events],
        [event.receipt_of for event in events],
    )
    return number


def _happened(pending: Pending) -> list[tuple[UUID, str, dict[str, Any]]]:
    """Declaration, type and data of each event; a message that brought nothing new is noted where it repeats."""
    kept = [unit for unit in pending.units if unit.verdict in {"received", "saved"}]
    if kept:
        return [(unit.id, "state", {"state": unit.verdict, "previous": None}) for unit in kept]
    repeat = next(unit for unit in pending.units if unit.verdict == "duplicate")
    # what it repeats may be another trader's, and is never named then
    return [(repeat.of or repeat.id, "duplicate", {})]
