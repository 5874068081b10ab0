"""The whole ledger against what was signed of it: every event, message, body, receipt and head, each finding by row."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from singlewindow.ledger.auditing import audit_feed
from singlewindow.ledger.database import Database, Record
from singlewindow.messages.receipts import ReceiptInvalid, verify_receipt

PAGE_LENGTH = 200
KEPT = frozenset({"received", "saved"})


@dataclass(frozen=True, slots=True)
class Finding:
    """A row that is not what was signed: its table, its id (or number) there, whose it is, and what disagrees."""

    trader: UUID
    table: str
    row: str
    what: str


async def verify_ledger(
    database: Database,
    key: Ed25519PublicKey,
    *,
    trader: UUID | None = None,
    published: Sequence[Mapping[str, Any]] = (),
) -> AsyncIterator[Finding]:
    """Everything that disagrees, of one trader or of all. Reads page by page. Raises Unavailable.

    `published` are payloads of heads that somebody kept outside (see `verify_checkpoint`): they find a history that
    was cut or rewritten together with the heads in the ledger.
    """
    traders = [trader] if trader is not None else [row["trader"] for row in await database.fetch("audit_traders")]
    for one in traders:
        async for finding in _verify_feed(database, one, key):
            yield finding
        async for finding in _verify_messages(database, one, key):
            yield finding
        for finding in await _verify_published(database, one, published):
            yield finding
    for head in published:
        if trader is None and UUID(head["trader"]) not in traders:
            yield Finding(UUID(head["trader"]), "feed", "all", "a head was published, and the ledger has no event")


async def _verify_feed(database: Database, trader: UUID, key: Ed25519PublicKey) -> AsyncIterator[Finding]:
    audit = await audit_feed(database, trader, key)
    ids = {row["seq"]: row["event_id"] for row in await database.fetch("name_events", trader, audit.altered)}
    for number in audit.altered:
        if number in ids:
            what = f"number {number} of the feed: the event is gone or does not make the leaf that was signed"
            yield Finding(trader, "event", str(ids[number]), what)
        else:
            yield Finding(trader, "feed", str(number), "the number is missing")
    for size in audit.broken:
        yield Finding(trader, "checkpoint", str(size), "the head is not the signed root of the events up to it")
    for row in await database.fetch("audit_counter", trader):
        what = f"{row['last_seq']} events were numbered, {row['told']} are there"
        yield Finding(trader, "feed_counter", str(trader), what)


async def _verify_messages(database: Database, trader: UUID, key: Ed25519PublicKey) -> AsyncIterator[Finding]:
    after = UUID(int=0)
    while rows := await database.fetch("audit_messages", trader, after, PAGE_LENGTH):
        for row in rows:
            for table, what in _disagreements(row, key):
                yield Finding(trader, table, str(row["id"]), what)
        after = rows[-1]["id"]
    for row in await database.fetch("audit_lost_messages", trader):
        what = f"its receipt is number {row['seq']} of the feed, and the message is gone"
        yield Finding(trader, "message", str(row["message_id"]), what)


def _disagreements(row: Record, key: Ed25519PublicKey) -> Iterator[tuple[str, str]]:
    """Table and words for whatever of one message is not what its receipt and its event say."""
    try:
        payload = verify_receipt(row["receipt"], key)
    except ReceiptInvalid as error:
        yield "message", f"its receipt: {error.detail}"
        return
    if row["committed"] != hashlib.sha256(row["receipt"]).hexdigest():
        yield "message", "its receipt is another than the one whose hash is in the feed"
    stated = {"message_id": str(row["id"]), "trader": str(row["trader"]), "sha256": row["sha256"].hex(),
              "message_set": row["message_set"], "type": row["root"], "bytes": row["size"]}  # fmt: skip
    for name, value in stated.items():
        if payload[name] != value:
            yield "message", f"{name} is {value}, its receipt says {payload[name]}"
    if row["content"] is not None and hashlib.sha256(row["content"]).hexdigest() != payload["sha256"]:
        yield "body", "the bytes are not those of the receipt"
    if row["content"] is None and row["erased_at"] is None:
        yield "body", "the bytes are gone, and were not erased by us"
    kept = {entry["id"] for entry in payload["declarations"] if entry["verdict"] in KEPT}
    for missing in sorted(kept - {str(one) for one in row["declarations"]}):
        yield "declaration", f"declaration {missing} of the receipt is gone"


async def _verify_published(database: Database, trader: UUID, published: Sequence[Mapping[str, Any]]) -> list[Finding]:
    roots = {row["size"]: row["root"].hex() for row in await database.fetch("audit_checkpoints", trader)}
    lost = [head for head in published if head["trader"] == str(trader) and roots.get(head["size"]) != head["root"]]
    what = "this head was published, and the ledger's history of that length is cut short or another"
    return [Finding(trader, "checkpoint", str(head["size"]), what) for head in lost]
