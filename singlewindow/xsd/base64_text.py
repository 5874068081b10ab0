"""Base64 as it stands in XML: with line breaks and blanks, and nothing else beside it."""

from __future__ import annotations

from base64 import b64decode


def decode_base64(text: str) -> bytes:
    """The bytes that a text holds. Raises ValueError for what is not Base64, be it a letter beyond ASCII."""
    return b64decode("".join(text.split()), validate=True)
