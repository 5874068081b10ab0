"""Compares a trader's history with what was signed of it: an event changed, taken away or slipped in is found."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from singlewindow.ledger.database import Database, Record
from singlewindow.ledger.proving import read_leaf
from singlewindow.messages.merkle import grow, leaf_hash, root_of
from singlewindow.messages.proofs import verify_checkpoint
from singlewindow.messages.receipts import ReceiptInvalid

PAGE_LENGTH = 1000


@dataclass(slots=True)
class Audit:
    """What disagrees.

    `altered` are the numbers of events that do not make the leaf stored beside them, or are gone; `broken` the sizes
    of the checkpoints whose signature, trader, size or root is not that of the leaves stored now.
    """

    altered: list[int] = field(default_factory=list)
    broken: list[int] = field(default_factory=list)

    @property
    def intact(self) -> bool:
        """Whether everything signed is as it was."""
        return not self.altered and not self.broken


async def audit_feed(database: Database, trader: UUID, key: Ed25519PublicKey) -> Audit:
    """Read a trader's whole feed, a page at a time, against all of its checkpoints. Raises Unavailable.

    After a number that is missing from the feed nothing more can be told: every later checkpoint counts as broken.
    """
    audit, size = Audit(), 0
    frontier: list[bytes] = []
    checkpoints = {row["size"]: row for row in await database.fetch("audit_checkpoints", trader)}
    async for row in _feed(database, trader):
        if row["seq"] != size + 1:
            audit.altered.append(size + 1)
            break
        frontier, size = grow(frontier, size, [row["leaf"]]), row["seq"]
        if not _is_unaltered(row):
            audit.altered.append(size)
        checkpoint = checkpoints.pop(size, None)
        if checkpoint is not None and not _stands(checkpoint, trader, root_of(frontier), key):
            audit.broken.append(size)
    audit.broken += sorted(checkpoints)
    return audit


async def _feed(database: Database, trader: UUID) -> AsyncIterator[Record]:
    after = 0
    while rows := await database.fetch("audit_events", trader, after, PAGE_LENGTH):
        for row in rows:
            yield row
        after = rows[-1]["seq"]


def _is_unaltered(row: Record) -> bool:
    if row["id"] is None:
        return False
    older_than_the_tree = leaf_hash(str(row["id"]).encode())
    return row["leaf"] in {read_leaf(row).digest(), older_than_the_tree}


def _stands(checkpoint: Record, trader: UUID, root: bytes, key: Ed25519PublicKey) -> bool:
    try:
        signed = verify_checkpoint(checkpoint["signature"], key)
    except ReceiptInvalid:
        return False
    stated = (signed.get("trader"), signed.get("size"), signed.get("root"))
    return stated == (str(trader), checkpoint["size"], root.hex()) and checkpoint["root"] == root
