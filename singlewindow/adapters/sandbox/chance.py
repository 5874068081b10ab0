"""Chance that repeats itself: the same seed and the same words give the same number, whatever the process."""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

_BYTES: Final = 8


def draw(*words: object) -> float:
    """A number from 0 up to and without 1 that depends on nothing but these words, and evenly so."""
    told = "\x1f".join(map(str, words)).encode()
    return int.from_bytes(blake2b(told, digest_size=_BYTES).digest(), "big") / (1 << 8 * _BYTES)
