"""Secrets that must be read again, sealed before they are stored: AES-256-GCM under a key made from the pepper."""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from singlewindow.errors import ConfigurationError

NONCE_BYTES = 12
_PURPOSE = b"singlewindow: secrets of webhooks"


class SecretBox:
    """Seals and opens. Whoever has the database alone, or a copy of it, reads nothing.

    `context` names what a secret belongs to: a sealed secret put into another's row does not open.
    """

    def __init__(self, pepper: bytes) -> None:
        self._cipher = AESGCM(HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE).derive(pepper))

    def seal(self, secret: bytes, context: bytes) -> bytes:
        """The secret as it is stored, under a fresh nonce."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, secret, context)

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """The secret again. Raises ConfigurationError when it was sealed under another pepper or for another owner."""
        try:
            return self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], context)
        except (InvalidTag, ValueError) as error:
            raise ConfigurationError("a webhook's secret was sealed with another pepper than this one") from error
