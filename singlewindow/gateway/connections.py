"""How many connections are open: altogether so many as leave descriptors for our own work, and from one address."""

from __future__ import annotations

import resource
from collections import Counter
from collections.abc import Callable
from ipaddress import ip_address

from singlewindow.errors import SingleWindowError, TraderMistake, Unavailable

OWN_DESCRIPTORS = 64
"""What a process keeps back for its connections to PostgreSQL and Valkey, its judge children and their pipes."""

WANTED_DESCRIPTORS = 65_536


class TooManyConnections(TraderMistake):
    """One address has its share of connections open; becomes 429 with Retry-After, before a byte is read."""

    code = "too-many-connections"
    status = 429
    retry_after_seconds = 5


class Connections:
    """Counts the open connections of one process. An `address_limit` of 0 limits no single address.

    The limit altogether follows the process's limit of descriptors as it is at that moment, because a process that
    runs out of them can neither judge nor store what it has accepted.
    """

    def __init__(self, address_limit: int, on_refused: Callable[[str], None] = lambda _: None) -> None:
        self._address_limit, self._on_refused = address_limit, on_refused
        self._by_address: Counter[str] = Counter()
        self.open = 0

    def enter(self, address: str) -> SingleWindowError | None:
        """Count one more connection of an address (`network_of`), or say why it is turned away, uncounted."""
        refusal = self._refusal(address)
        if refusal is not None:
            self._on_refused(refusal.code)
            return refusal
        self.open += 1
        self._by_address[address] += 1
        return None

    def leave(self, address: str) -> None:
        """One that had entered has ended."""
        self.open -= 1
        self._by_address[address] -= 1
        if not self._by_address[address]:
            del self._by_address[address]

    def _refusal(self, address: str) -> SingleWindowError | None:
        if self.open >= _most_connections():
            return Unavailable("all connections of this process are taken; try again shortly", retry_after_seconds=1)
        if self._address_limit and self._by_address[address] >= self._address_limit:
            return TooManyConnections(f"{self._address_limit} connections from your address are open; use them")
        return None


def network_of(peer: object) -> str:
    """Whose connection it is, from a socket's peer name: an IPv4 address, or the /64 an IPv6 client has for itself."""
    if not isinstance(peer, tuple):
        return ""
    address = ip_address(str(peer[0]).partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None) or address
    return str(mapped) if mapped.version == 4 else mapped.packed[:8].hex(":", 2)  # noqa: PLR2004 - the name of IPv4


def raise_descriptor_limit() -> None:
    """Take as many descriptors as this account may have: shells allow 1,024, which idle clients alone would use up."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(WANTED_DESCRIPTORS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _most_connections() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return WANTED_DESCRIPTORS
    return max(soft - OWN_DESCRIPTORS, soft // 2)
