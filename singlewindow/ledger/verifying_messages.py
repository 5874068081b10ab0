"""Messages, their bytes and their declarations against the receipts that were signed for them."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from singlewindow.ledger.database import Database, Record
from singlewindow.ledger.findings import Finding
from singlewindow.ledger.views import instant
from singlewindow.messages.receipts import ReceiptInvalid, verify_receipt

PAGE_LENGTH = 100
KEPT = frozenset({"received", "saved"})

Disagreement = tuple[str, str, str]
"""Table, row and words."""


async def verify_messages(database: Database, trader: UUID, key: Ed25519PublicKey) -> AsyncIterator[Finding]:
    """Whatever of a trader's messages is not what their receipts and the feed say. Raises Unavailable.

    Reads page by page; the hashes of the bytes are taken by the server, so that they need not travel.
    """
    after = UUID(int=0)
    while rows := await database.fetch("audit_messages", trader, after, PAGE_LENGTH):
        declarations = await _read_declarations(database, rows)
        for row in rows:
            for found in _disagreements(row, declarations[row["id"]], key):
                yield Finding(trader, *found)
        after = rows[-1]["id"]
    for row in await database.fetch("audit_lost_messages", trader):
        what = f"its receipt is number {row['seq']} of the feed, and the message is gone"
        yield Finding(trader, "message", str(row["message_id"]), what)


async def _read_declarations(database: Database, rows: Sequence[Record]) -> dict[UUID, list[Record]]:
    found: dict[UUID, list[Record]] = defaultdict(list)
    for declaration in await database.fetch("audit_declarations", [row["id"] for row in rows]):
        found[declaration["message_id"]].append(declaration)
    return found


def _disagreements(row: Record, declarations: Sequence[Record], key: Ed25519PublicKey) -> Iterator[Disagreement]:
    """Table, row and words for whatever of one message is not what its receipt and its event say."""
    named = str(row["id"])
    try:
        payload = verify_receipt(row["receipt"], key)
    except ReceiptInvalid as error:
        yield "message", named, f"its receipt: {error.detail}"
        return
    if row["committed"] is None:
        yield "message", named, "its receipt is in no feed: the message was slipped in, or its event taken away"
    elif row["committed"] != hashlib.sha256(row["receipt"]).hexdigest():
        yield "message", named, "its receipt is another than the one whose hash is in the feed"
    for what in _differences(_message_columns(row), payload):
        yield "message", named, what
    yield from _compare_bodies(row, payload)
    yield from _compare_declarations(row, declarations, payload)


def _message_columns(row: Record) -> dict[str, Any]:
    """A message's columns under the names that its receipt has for them."""
    return {
        "message_id": str(row["id"]),
        "trader": str(row["trader"]),
        "sha256": row["sha256"].hex(),
        "message_set": row["message_set"],
        "type": row["root"],
        "bytes": row["size"],
        "received_at": instant(row["received_at"]),
    }


def _compare_bodies(row: Record, payload: Mapping[str, Any]) -> Iterator[Disagreement]:
    named, content = str(row["id"]), row["content_sha256"]
    if content is not None and content.hex() != payload["sha256"]:
        yield "body", named, "the bytes are not those of the receipt"
    if content is None and row["erased_at"] is None:
        yield "body", named, "the bytes are gone, and were not erased by us"
    derived = payload.get("derived_sha256")
    if {_hex(row["derived_sha256"]), _hex(row["derived_content_sha256"])} != {derived}:
        yield "derived", named, "the XML made of it is not the one of the receipt"


def _compare_declarations(
    row: Record, declarations: Sequence[Record], payload: Mapping[str, Any]
) -> Iterator[Disagreement]:
    stated = {entry["id"]: entry for entry in payload["declarations"] if entry["verdict"] in KEPT}
    for declaration in declarations:
        named = str(declaration["id"])
        entry = stated.pop(named, None)
        if entry is None:
            yield "declaration", named, f"it is not in the receipt of its message {row['id']}: it was slipped in"
            continue
        columns = {"ordinal": declaration["ordinal"], "kind": declaration["kind"], "keys": declaration["keys"]}
        for what in _differences(columns, entry):
            yield "declaration", named, what
        if declaration["trader"] != row["trader"]:
            yield "declaration", named, f"trader is {declaration['trader']}, its message is of {row['trader']}"
        if declaration["told"] != [declaration["state"]]:
            told = " and ".join(declaration["told"]) or "none"
            yield "declaration", named, f"state is {declaration['state']}, its events lead to {told}"
    for missing in sorted(stated):
        yield "declaration", missing, f"it is in the receipt of message {row['id']}, and gone"


def _differences(columns: Mapping[str, Any], stated: Mapping[str, Any]) -> Iterator[str]:
    for name, value in columns.items():
        if stated[name] != value:
            yield f"{name} is {value}, its receipt says {stated[name]}"


def _hex(digest: bytes | None) -> str | None:
    return None if digest is None else digest.hex()
