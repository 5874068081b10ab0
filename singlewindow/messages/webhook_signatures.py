"""Signatures of deliveries to webhooks, by the Standard Webhooks specification (standardwebhooks.com, symmetric).

Signed is `{webhook-id}.{webhook-timestamp}.{body}`; the header lists `v1,<base64 of HMAC-SHA256>` once for each secret
that is live, so that a receiver that knows one of them can check it while a secret is being replaced.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from uuid import UUID, uuid5

from singlewindow.errors import SingleWindowError

ID_HEADER, TIMESTAMP_HEADER, SIGNATURE_HEADER = "webhook-id", "webhook-timestamp", "webhook-signature"
SECRET_PREFIX = "whsec_"  # noqa: S105 - the prefix that the specification gives to secrets
SECRET_BYTES = 32
"""The specification asks for 24 to 64."""

TOLERANCE_SECONDS = 300.0
"""How far a receiver's clock may be from the timestamp."""


class SignatureInvalid(SingleWindowError):
    """A delivery that was not signed with this secret, was altered, or is too old to be taken."""

    code = "webhook-signature-invalid"


def show_secret(secret: bytes) -> str:
    """A secret as its owner is given it."""
    return SECRET_PREFIX + base64.b64encode(secret).decode()


def read_secret(shown: str) -> bytes:
    """The secret behind what was shown. Raises SignatureInvalid when it is none."""
    try:
        return base64.b64decode(shown.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError) as error:
        raise SignatureInvalid("a webhook's secret is whsec_ and base64") from error


def identify(webhook: UUID, event: UUID) -> str:
    """The `webhook-id` of an event at an endpoint: the same over all attempts, redeliveries and replays."""
    return f"msg_{uuid5(webhook, str(event)).hex}"


def sign_delivery(message_id: str, timestamp: int, body: bytes, secrets: Sequence[bytes]) -> dict[str, str]:
    """The three headers of a delivery, signed with each of these secrets in their order."""
    signatures = [f"v1,{_digest(message_id, str(timestamp), body, secret)}" for secret in secrets]
    return {ID_HEADER: message_id, TIMESTAMP_HEADER: str(timestamp), SIGNATURE_HEADER: " ".join(signatures)}


def verify_delivery(headers: Mapping[str, str], body: bytes, secret: bytes, *, now: float) -> None:
    """Check as a receiver must: the timestamp within five minutes of `now`, and one signature of this secret.

    `headers` are looked up by their names in lower case. Raises SignatureInvalid.
    """
    message_id, stated = headers.get(ID_HEADER, ""), headers.get(TIMESTAMP_HEADER, "")
    if not stated.isascii() or not stated.isdigit() or abs(int(stated) - now) > TOLERANCE_SECONDS:
        raise SignatureInvalid("the timestamp is missing, or more than five minutes away")
    expected = f"v1,{_digest(message_id, stated, body, secret)}".encode()
    given = headers.get(SIGNATURE_HEADER, "").encode().split(b" ")
    if not any(hmac.compare_digest(expected, signature) for signature in given):
        raise SignatureInvalid("no signature of this secret fits")


def _digest(message_id: str, timestamp: str, body: bytes, secret: bytes) -> str:
    signed = f"{message_id}.{timestamp}.".encode() + body
    return base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
