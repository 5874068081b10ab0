"""What became of a COMMIT whose answer never came: asked on a new connection, and proven before anybody is told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from uuid import UUID

import asyncpg

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
            if await _is_over(database, transaction):
                rows = await database.fetch("find_receipts", list(message_ids))
                return {row["id"]: row["receipt"] for row in rows}
        except Unavailable:
            pass
        await asyncio.sleep(PAUSE_SECONDS)
    raise OutcomeUnknown("the outcome of storing is unknown; retry with the same Idempotency-Key")


async def _is_over(database: Database, transaction: str) -> bool:
    """Whether the transaction has ended, one way or the other; which, its rows say.

    A server that crashed before it wrote anything of a transaction does not know its number, and may give it anew.
    """
    try:
        row = await database.fetchrow("fate_of", transaction)
    except asyncpg.InvalidParameterValueError:
        return True
    return row is not None and row["fate"] != "in progress"
