"""Receipts: the JSON that says what was stored, and its compact Ed25519 JWS. What is signed is what is stored."""

from __future__ import annotations

import base64
import json
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from singlewindow.errors import TraderMistake
from singlewindow.messages.filing import FiledUnit

RECEIPT = "receipt+jws"
"""The `typ` of a receipt's signature."""


class ReceiptInvalid(TraderMistake):
    """The receipt, its signature, or the document beside it do not agree."""

    code = "receipt-invalid"


class ReceiptSigner:
    """Signs receipts with one Ed25519 key; the key id is the start of the public key's Base64."""

    def __init__(self, private_key: Ed25519PrivateKey) -> None:
        self._key = private_key
        public = private_key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.key_id = _base64url(public)[:16]

    def sign(self, payload: dict[str, Any]) -> bytes:
        """The stored receipt: the payload with its signature added as the last field."""
        encoded = orjson.dumps(payload)
        return encoded[:-1] + b',"signature":"' + self.sign_compact(encoded, kind=RECEIPT).encode() + b'"}'

    def sign_compact(self, payload: bytes, *, kind: str) -> str:
        """A compact JWS of these bytes; `kind` is its `typ`, so that one kind of token never passes for another."""
        header = orjson.dumps({"alg": "EdDSA", "kid": self.key_id, "typ": kind})
        signing_input = f"{_base64url(header)}.{_base64url(payload)}"
        return f"{signing_input}.{_base64url(self._key.sign(signing_input.encode()))}"

    @property
    def public_key(self) -> Ed25519PublicKey:
        """The key that verifies these receipts."""
        return self._key.public_key()


def verify_receipt(receipt: bytes, key: Ed25519PublicKey) -> dict[str, Any]:
    """The payload of a stored receipt whose signature holds. Raises ReceiptInvalid saying what disagrees."""
    try:
        stated = json.loads(receipt)
        token = stated.pop("signature")
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise ReceiptInvalid(f"not a receipt: {error}") from error
    signed = verify_compact(token, key, kind=RECEIPT)
    if signed != stated:
        raise ReceiptInvalid("the readable part of the receipt was changed after signing")
    return signed


def verify_compact(token: str, key: Ed25519PublicKey, *, kind: str) -> dict[str, Any]:
    """The payload of a compact JWS whose signature holds. Raises ReceiptInvalid, also when it is of another kind."""
    try:
        header, payload, signature = token.split(".")
        key.verify(_from_base64url(signature), f"{header}.{payload}".encode())
        stated, signed = json.loads(_from_base64url(header)), json.loads(_from_base64url(payload))
        if stated["typ"] == kind:
            return dict(signed)
    except InvalidSignature:
        raise ReceiptInvalid("the signature does not belong to this content and key") from None
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise ReceiptInvalid(f"not a signed token: {error}") from error
    raise ReceiptInvalid(f"signed as {stated['typ']}, not as {kind}")


def declaration_entry(filed: FiledUnit) -> dict[str, Any]:
    """One declaration's line in the receipt."""
    entry: dict[str, Any] = {
        "ordinal": filed.unit.ordinal,
        "kind": filed.unit.kind,
        "keys": filed.unit.key,
    }
    entry["verdict"] = filed.verdict
    if filed.verdict in {"received", "saved"}:
        entry = {"id": str(filed.id), **entry}
    if filed.of is not None:
        entry["of" if filed.verdict == "duplicate" else "with"] = str(filed.of)
    if filed.supersedes is not None:
        entry["supersedes"] = str(filed.supersedes)
    problems = [problem.as_json() for problem in (*filed.unit.problems, *filed.problems)]
    errors = [problem for problem in problems if problem["severity"] == "error"]
    if errors:
        entry["errors"] = errors
    entry["warnings"] = [problem for problem in problems if problem["severity"] != "error"]
    return entry


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _from_base64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
