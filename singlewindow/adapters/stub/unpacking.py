"""What a request carries, however it is packed: as elements, as text, in Base64, and that compressed."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from singlewindow.xsd.base64_text import decode_base64
from singlewindow.xsd.parser import Element

MOST_BYTES = 16_000_000
_SHORTEST = 40
"""Shorter texts are no documents."""


def documents_in(element: Element) -> Iterator[bytes]:
    """Every text below an element that may be a document, unpacked where it is packed; short texts as they are."""
    for text in element.itertext():
        written = str(text).strip()
        if written:
            yield _unpack(written) if len(written) >= _SHORTEST else written.encode()


def _unpack(text: str) -> bytes:
    try:
        packed = decode_base64(text)
    except ValueError:
        return text.encode()
    if not packed.startswith(b"\x1f\x8b"):
        return packed
    try:
        return zlib.decompressobj(wbits=31).decompress(packed, MOST_BYTES)
    except zlib.error:
        return packed
