"""Identifiers and hashed keys: UUIDv7 by the database's clock, and SHA-256 over unambiguously framed values."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable, Sequence
from uuid import UUID


class Clock:
    """Wall-clock time in seconds, corrected by the measured offset to the database's clock."""

    def __init__(self) -> None:
        self.offset_seconds = 0.0

    def time(self) -> float:
        """Seconds since the epoch as the database would say."""
        return time.time() + self.offset_seconds


class IdentifierSource:
    """Makes UUIDv7s that rise strictly within this process, whatever the clock does.

    Layout by RFC 9562: 48 bits of milliseconds, 12 bits of sub-millisecond time, 62 random bits.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = 0

    def next(self) -> UUID:
        """The next identifier, greater than all before it."""
        ticks = int(self._clock.time() * 4_096_000)
        self._last = ticks if ticks > self._last else self._last + 1
        milliseconds, fraction = divmod(self._last, 4096)
        random_bits = int.from_bytes(os.urandom(8), "big") & ((1 << 62) - 1)
        return UUID(int=(milliseconds & (1 << 48) - 1) << 80 | 0x7 << 76 | fraction << 64 | 0b10 << 62 | random_bits)


def hash_values(values: Sequence[str]) -> bytes:
    """SHA-256 of the values, each framed by its length, so that ("a", "bc") and ("ab", "c") differ."""
    digest = hashlib.sha256()
    for value in values:
        encoded = value.encode()
        digest.update(b"%d:" % len(encoded))
        digest.update(encoded)
    return digest.digest()


def hash_key(scope: Iterable[str], values: Sequence[str]) -> bytes:
    """SHA-256 of a key within its scope (message set and kind, or a join's name)."""
    return hash_values([*scope, *values])


def hash_search(value: str) -> bytes:
    """The 16 bytes by which a trader's search value is found; case and outer white space do not matter."""
    return hashlib.sha256(value.strip().casefold().encode()).digest()[:16]
