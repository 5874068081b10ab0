"""What a leaf of the events' Merkle tree commits to, the signed heads, and the check that a receipt is under one.

Everything hashed is canonical JSON: UTF-8, members sorted by name, no white space. A leaf is
`SHA-256(0x00 ‖ {"at", "data_sha256", "declaration_id", "event_id", "trader", "type"})`, where `data_sha256` is the
hexadecimal SHA-256 of `salt ‖ data`. Whoever holds no salt cannot even guess at the data, so that both can be erased
while the leaf stays in its place.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from singlewindow.messages.instants import write_instant
from singlewindow.messages.merkle import Head, leaf_hash, verify_consistency, verify_inclusion
from singlewindow.messages.receipts import ReceiptInvalid, verify_compact

CHECKPOINT = "checkpoint+jws"
"""The `typ` of a signed head, so that no receipt passes for one."""


@dataclass(frozen=True, slots=True)
class EventLeaf:
    """An event as its leaf commits to it. `data` is canonical JSON, `salt` 16 random bytes of this event alone."""

    event_id: UUID
    declaration_id: UUID
    trader: UUID
    type: str
    at: datetime
    data: bytes
    salt: bytes

    def digest(self) -> bytes:
        """The leaf hash."""
        # the members stand in the order of their names, which spares sorting them on the way of every filing
        committed = {
            "at": write_instant(self.at),
            "data_sha256": hashlib.sha256(self.salt + self.data).hexdigest(),
            "declaration_id": str(self.declaration_id),
            "event_id": str(self.event_id),
            "trader": str(self.trader),
            "type": self.type,
        }
        return leaf_hash(orjson.dumps(committed))

    def as_json(self) -> dict[str, Any]:
        """All that is needed to make the leaf again."""
        return {
            "at": write_instant(self.at),
            "data": orjson.loads(self.data),
            "declaration_id": str(self.declaration_id),
            "event_id": str(self.event_id),
            "salt": self.salt.hex(),
            "trader": str(self.trader),
            "type": self.type,
        }


def canonical_json(value: Any) -> bytes:
    """Values as they are hashed."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def checkpoint_payload(trader: UUID, *, size: int, root: bytes, sealed_at: datetime) -> dict[str, Any]:
    """The head of a trader's tree over its first `size` events, as it is signed."""
    return {"trader": str(trader), "size": size, "root": root.hex(), "sealed_at": write_instant(sealed_at)}


def verify_checkpoint(token: str, key: Ed25519PublicKey) -> dict[str, Any]:
    """The payload of a signed head. Raises ReceiptInvalid when the signature is not ours or signs something else."""
    return verify_compact(token, key, kind=CHECKPOINT)


def read_checkpoint(kept: bytes, key: Ed25519PublicKey) -> dict[str, Any]:
    """The payload of a head as somebody kept it: the JSON of /v1/checkpoints/latest, or the compact JWS alone.

    Raises ReceiptInvalid.
    """
    text = kept.strip()
    try:
        token = json.loads(text)["checkpoint"] if text.startswith(b"{") else text.decode("ascii")
    except (ValueError, KeyError, TypeError) as error:
        raise ReceiptInvalid(f"not a checkpoint: {error}") from error
    return verify_checkpoint(str(token), key)


def verify_extension(stated: bytes, key: Ed25519PublicKey) -> tuple[dict[str, Any], dict[str, Any]]:
    """The two heads of a consistency proof, the later shown to begin with all that the earlier was signed over.

    Raises ReceiptInvalid.
    """
    try:
        proof = json.loads(stated)
        tokens, path = (str(proof["earlier"]), str(proof["later"])), [bytes.fromhex(node) for node in proof["path"]]
    except (ValueError, KeyError, TypeError) as error:
        raise ReceiptInvalid(f"not a consistency proof: {error}") from error
    earlier, later = (verify_checkpoint(token, key) for token in tokens)
    if earlier["trader"] != later["trader"]:
        raise ReceiptInvalid("the two checkpoints are of different traders")
    if not verify_consistency(head_of(earlier), head_of(later), path):
        raise ReceiptInvalid(
            f"the head over {later['size']} events does not begin with the {earlier['size']} that were signed before"
        )
    return earlier, later


def head_of(checkpoint: Mapping[str, Any]) -> Head:
    """Size and root of a checkpoint's payload."""
    return Head(int(checkpoint["size"]), bytes.fromhex(checkpoint["root"]))


def verify_proof(proof: bytes, receipt: bytes, key: Ed25519PublicKey) -> dict[str, Any]:
    """The checkpoint that this receipt is proven to be under; the receipt's own signature is not looked at.

    Raises ReceiptInvalid saying what disagrees. The receipt must be byte for byte as it was answered.
    """
    try:
        stated = json.loads(proof)
        leaf, token, tree_size = _leaf(stated["leaf"]), str(stated["checkpoint"]), int(stated["tree_size"])
        index, path = int(stated["index"]), [bytes.fromhex(node) for node in stated["path"]]
        committed = stated["leaf"]["data"]["receipt_sha256"]
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ReceiptInvalid(f"not an inclusion proof: {error}") from error
    if committed != hashlib.sha256(receipt).hexdigest():
        raise ReceiptInvalid("the proof is of another receipt, or this one is not byte for byte as it was answered")
    checkpoint = verify_checkpoint(token, key)
    if (checkpoint["trader"], checkpoint["size"]) != (str(leaf.trader), tree_size):
        raise ReceiptInvalid("the checkpoint is of another trader or another size of the tree")
    if not verify_inclusion(leaf.digest(), index, size=tree_size, path=path, root=bytes.fromhex(checkpoint["root"])):
        raise ReceiptInvalid("the path does not lead from the event to the checkpoint's root")
    return checkpoint


def _leaf(stated: dict[str, Any]) -> EventLeaf:
    return EventLeaf(
        UUID(stated["event_id"]),
        UUID(stated["declaration_id"]),
        UUID(stated["trader"]),
        stated["type"],
        datetime.fromisoformat(stated["at"]),
        canonical_json(stated["data"]),
        bytes.fromhex(stated["salt"]),
    )
