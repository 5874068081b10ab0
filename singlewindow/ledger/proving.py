"""Inclusion proofs, made from the two checkpoints around an event: nothing older than the earlier one is read."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from singlewindow.errors import SingleWindowError, TraderMistake
from singlewindow.ledger.database import Connection, Record, query
from singlewindow.messages.merkle import consistency_path, inclusion_path, known_nodes
from singlewindow.messages.proofs import EventLeaf, canonical_json

LONGEST_REACH = 200_000
"""How many events one proof may read: from a receipt to its checkpoint, or from a checkpoint to a later one."""


class NotSealedYet(SingleWindowError):
    """The event is stored, and the next checkpoint will cover it; becomes 409 with Retry-After."""

    code = "not-sealed-yet"
    temporary = True
    status = 409
    retry_after_seconds = 1


class NoSuchHead(TraderMistake):
    """The trader's tree has no checkpoint of this size over the receipt; becomes 404."""

    code = "no-such-checkpoint"
    status = 404


class TooFarApart(TraderMistake):
    """More events lie between two heads than one proof may read; becomes 400."""

    code = "bad-parameter"


async def read_proof(
    connection: Connection, trader: UUID, message_id: UUID, *, tree_size: int | None = None
) -> dict[str, Any] | None:
    """The proof that a message's receipt is under a checkpoint: the first one made after it, or that of `tree_size`.

    The same each time it is read. None for what is no message of this trader, or was stored before feeds were sealed.
    Raises NotSealedYet and NoSuchHead.
    """
    row = await connection.fetchrow(query("receipt_leaf"), trader, message_id)
    if row is None:
        return None
    checkpoint = await _head(connection, trader, row["seq"], tree_size)
    path = await _path(connection, row, checkpoint["size"])
    return {
        "leaf": read_leaf(row).as_json(),
        "index": row["seq"] - 1,
        "tree_size": checkpoint["size"],
        "path": [node.hex() for node in path],
        "checkpoint": checkpoint["signature"],
    }


async def read_extension(connection: Connection, trader: UUID, *, earlier: int, later: int) -> dict[str, Any] | None:
    """The proof that a trader's head over `later` events begins with the one over `earlier`, both as they were signed.

    None where one of them was never signed. Raises TooFarApart.
    """
    if later - earlier > LONGEST_REACH:
        raise TooFarApart(f"ask in steps of at most {LONGEST_REACH} events, from checkpoint to checkpoint")
    first = await connection.fetchrow(query("checkpoint_of_size"), trader, earlier)
    second = await connection.fetchrow(query("checkpoint_of_size"), trader, later)
    if first is None or second is None or earlier > later:
        return None
    leaves = await connection.fetch(query("read_leaves"), trader, earlier, later)
    nodes = known_nodes(first["frontier"], earlier, [leaf["leaf"] for leaf in leaves])
    return {
        "earlier": first["signature"],
        "later": second["signature"],
        "path": [node.hex() for node in consistency_path(nodes, earlier, later)],
    }


def read_leaf(row: Record) -> EventLeaf:
    """The leaf of a stored event, made again from its row."""
    data, salt = canonical_json(row["data"]), row["salt"]
    return EventLeaf(row["id"], row["declaration_id"], row["trader"], row["type"], row["at"], data, salt)


async def _head(connection: Connection, trader: UUID, number: int, tree_size: int | None) -> Record:
    if tree_size is None:
        covering = await connection.fetchrow(query("covering_checkpoint"), trader, number)
        if covering is None:
            raise NotSealedYet("the receipt is not under a checkpoint yet; one is signed each second")
        return covering
    if not number <= tree_size <= number + LONGEST_REACH:
        raise NoSuchHead(f"the receipt is event {number}; ask for a checkpoint of {number} to {number + LONGEST_REACH}")
    head = await connection.fetchrow(query("checkpoint_of_size"), trader, tree_size)
    if head is None:
        raise NoSuchHead(f"no checkpoint was signed over {tree_size} events")
    return head


async def _path(connection: Connection, row: Record, size: int) -> list[bytes]:
    earlier = await connection.fetchrow(query("earlier_checkpoint"), row["trader"], row["seq"])
    sealed, frontier = (earlier["size"], earlier["frontier"]) if earlier else (0, [])
    leaves = await connection.fetch(query("read_leaves"), row["trader"], sealed, size)
    nodes = known_nodes(frontier, sealed, [leaf["leaf"] for leaf in leaves])
    return inclusion_path(nodes, row["seq"] - 1, size)
