"""What agencies sent that could not be read or taken, kept with its bytes for an operator to look at."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from singlewindow.ledger.database import Database, Record
from singlewindow.ledger.views import instant
from singlewindow.messages.identifiers import IdentifierSource

KEPT_BYTES = 1_000_000
"""Of what came, as much is kept."""

KEPT_PER_AGENCY = 200
"""Beyond so many different ones an agency's oldest goes."""

Source = Literal["answer", "status", "pull", "push"]
"""A reply to a call, to a question or to a pull, or a push of the agency's own."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Bytes of one agency and why they count for nothing. `exchange_id` is the call they answered, if one is recorded.

    `size` is how many were received where `content` is only their beginning.
    """

    agency: str
    source: Source
    reason: str
    content: bytes
    http_status: int | None = None
    exchange_id: UUID | None = None
    task_ids: tuple[UUID, ...] = ()
    size: int | None = None


class Quarantine:
    """The bytes of all agencies. Every call raises Unavailable while PostgreSQL is away."""

    def __init__(self, database: Database, ids: IdentifierSource) -> None:
        self._database, self._ids = database, ids

    async def keep(self, one: Unreadable) -> None:
        """Keep the beginning of what came. The same bytes from the same source again are counted, not kept twice."""
        size = len(one.content) if one.size is None else one.size
        await self._database.execute(
            "keep_quarantined", self._ids.next(), one.agency, one.source, one.reason.replace("\0", "�")[:2000],
            one.content[:KEPT_BYTES], size, hashlib.sha256(one.content).digest(), one.http_status, one.exchange_id,
            list(one.task_ids), KEPT_PER_AGENCY - 1,
        )  # fmt: skip

    async def list(self, agency: str, *, limit: int) -> Sequence[dict[str, Any]]:
        """What is kept of an agency, the newest first, without the bytes."""
        return [_view(row) for row in await self._database.fetch("list_quarantined", agency, limit)]

    async def read(self, agency: str, quarantined_id: UUID) -> bytes | None:
        """The bytes; None where there is no such entry of this agency."""
        row = await self._database.fetchrow("read_quarantined", agency, quarantined_id)
        return None if row is None else bytes(row["content"])


def _view(row: Record) -> dict[str, Any]:
    return {
        "id": str(row["id"]),
        "source": row["source"],
        "reason": row["reason"],
        "bytes": row["size"],
        "kept_bytes": row["kept"],
        "sha256": row["sha256"],
        "times": row["times"],
        "http_status": row["http_status"],
        "exchange_id": None if row["exchange_id"] is None else str(row["exchange_id"]),
        "task_ids": [str(task_id) for task_id in row["task_ids"]],
        "first_at": instant(row["first_at"]),
        "last_at": instant(row["last_at"]),
    }
