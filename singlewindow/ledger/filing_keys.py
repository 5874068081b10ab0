"""Business keys that were taken for a declaration which is refused after all."""

from __future__ import annotations

from collections.abc import Sequence

from singlewindow.ledger.database import Connection, query
from singlewindow.ledger.dossiers import columns
from singlewindow.messages.filing import FiledUnit


async def give_back_keys(connection: Connection, refused: Sequence[FiledUnit]) -> None:
    """Leave the keys as they were: free, or with the dead declaration that stood there, which the next supersedes."""
    former = [
        (
            unit.key_hash, dead.declaration_id, dead.message_id, dead.trader, dead.body_sha256, dead.content_sha256,
            dead.state,
        )
        for unit in refused if (dead := unit.displaced) is not None
    ]  # fmt: skip
    if former:
        await connection.execute(query("pass_filing_keys"), *columns(former, 7))
    freed = [unit.id for unit in refused if unit.displaced is None]
    if freed:
        await connection.execute(query("give_back_filing_keys"), freed)
