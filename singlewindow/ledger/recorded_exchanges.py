"""The exchanges with one agency as they were kept, the newest first."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from singlewindow.ledger.database import Database


@dataclass(frozen=True, slots=True)
class KeptExchange:
    """A call that was answered: its id, what came back, and its tasks."""

    id: UUID
    action: str
    status: int
    reply: bytes
    task_ids: tuple[UUID, ...]


async def read_exchanges(database: Database, agency: str, *, limit: int) -> list[KeptExchange]:
    """At most so many, in which documents went out. Raises Unavailable."""
    rows = await database.fetch("recorded_exchanges", agency, limit)
    return [
        KeptExchange(row["id"], row["action"], row["http_status"], row["reply"], tuple(row["task_ids"])) for row in rows
    ]
