"""The whole ledger against what was signed of it: every event, message, body, receipt and head, each finding by row."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from singlewindow.ledger.auditing import audit_feed
from singlewindow.ledger.database import Database
from singlewindow.ledger.findings import Finding
from singlewindow.ledger.verifying_messages import verify_messages


async def verify_ledger(
    database: Database,
    key: Ed25519PublicKey,
    *,
    trader: UUID | None = None,
    published: Sequence[Mapping[str, Any]] = (),
) -> AsyncIterator[Finding]:
    """Everything that disagrees, of one trader or of all. Reads page by page. Raises Unavailable.

    `published` are payloads of heads that somebody kept outside (see `verify_checkpoint`): they find a history that
    was cut or rewritten together with the heads in the ledger. With `trader` those of others are not looked at.
    """
    traders = [trader] if trader is not None else [row["trader"] for row in await database.fetch("audit_traders")]
    for one in traders:
        async for finding in audit_feed(database, one, key):
            yield finding
        for row in await database.fetch("audit_counter", one):
            what = f"{row['last_seq']} events were numbered, {row['told']} are there"
            yield Finding(one, "feed_counter", str(one), what)
        async for finding in verify_messages(database, one, key):
            yield finding
    async for finding in _find_strangers(database, trader):
        yield finding
    async for finding in _find_cut(database, [head for head in published if trader in (None, UUID(head["trader"]))]):
        yield finding


async def _find_strangers(database: Database, trader: UUID | None) -> AsyncIterator[Finding]:
    """Rows that nothing signed leads to."""
    for row in await database.fetch("audit_unnumbered", trader):
        what = "it stands in no feed: it was slipped in, or its number taken away"
        yield Finding(row["trader"], "event", str(row["id"]), what)
    for row in await database.fetch("audit_unfiled", trader):
        what = "its message is not there: it was slipped in, or its message taken away"
        yield Finding(row["trader"], "declaration", str(row["id"]), what)


async def _find_cut(database: Database, published: Sequence[Mapping[str, Any]]) -> AsyncIterator[Finding]:
    """A head that somebody kept must be in the ledger still; the walk has compared that one with the rows."""
    for head in published:
        trader, size = UUID(head["trader"]), head["size"]
        row = await database.fetchrow("checkpoint_of_size", trader, size)
        if row is not None and row["root"].hex() == head["root"]:
            continue
        counter = await database.fetchrow("last_number", trader)
        events = 0 if counter is None else counter["last_seq"]
        if events < size:
            what = f"a head over {size} events was published, and {events} are left: the history was cut short"
        else:
            what = "another head over as many events was published: the history was rewritten"
        yield Finding(trader, "checkpoint", str(size), what)
