"""What became of a COMMIT whose answer never came: asked on a new connection, and proven before anybody is told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from uuid import UUID

from singlewindow.errors import OutcomeUnknown, Unavailable
from singlewindow.ledger.database import Database

PROOF_SECONDS = 4.0
"""How long PostgreSQL may be away before the outcome is given up as unknown."""

PAUSE_SECONDS = 0.2


async def find_committed(database: Database, transaction: str, message_ids: Sequence[UUID]) -> dict[UUID, bytes]:
    """The receipts that this transaction stored, by message id; empty when it is proven that it stored nothing.

    A session that still holds the transaction is ended first: otherwise its COMMIT might come after our answer.
    Raises OutcomeUnknown when PostgreSQL cannot be asked within PROOF_SECONDS.
    """
    give_up_at = time.monotonic() + PROOF_SECONDS
    while time.monotonic() < give_up_at:
        try:
            await database.fetch("end_session_of", transaction)
            fate = await database.fetchrow("fate_of", transaction)
            if fate is not None and fate["fate"] != "in progress":
                rows = await database.fetch("find_receipts", list(message_ids))
                return {row["id"]: row["receipt"] for row in rows}
        except Unavailable:
            pass
        await asyncio.sleep(PAUSE_SECONDS)
    raise OutcomeUnknown("the outcome of storing is unknown; retry with the same Idempotency-Key")
