"""Connections to public addresses only: every address that a name resolves to is judged, and again each one connected.

A name that stood for a public address when it was registered may stand for another now (DNS rebinding), and a literal
address asks no resolver: therefore the socket itself is refused too, for the very address it would connect to.
"""

from __future__ import annotations

import socket
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from singlewindow.messages.webhook_addresses import is_public
from singlewindow.name_lookups import NameLookups

IDLE_SECONDS = 10.0
"""Shorter than any common server's own, so that a delivery seldom meets a connection that is being closed."""


class NotPublic(OSError):
    """A connection that was not made, as its address is not a public one."""


class SystemResolver(AbstractResolver):
    """Asks the system, so that a name whose servers do not answer keeps nothing else waiting."""

    def __init__(self) -> None:
        self._lookups = NameLookups()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """All addresses of a name. Raises OSError."""
        found = await self._lookups.find(host, port, family)
        flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        return [
            ResolveResult(hostname=host, host=str(address[0]), port=port, family=kind, proto=protocol, flags=flags)
            for kind, _, protocol, _, address in found
        ]

    async def close(self) -> None:
        """Nothing is kept open."""


class PublicResolver(AbstractResolver):
    """Resolves by another resolver and keeps what is public. Raises NotPublic when nothing is left."""

    def __init__(self, inner: AbstractResolver) -> None:
        self._inner = inner

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The public addresses of a name."""
        found = await self._inner.resolve(host, port, family)
        public = [one for one in found if is_public(one["host"])]
        if not public:
            raise NotPublic("the name stands for no public address")
        return public

    async def close(self) -> None:
        """Close the other resolver."""
        await self._inner.close()


def open_public_socket(address: tuple[Any, Any, int, str, tuple[Any, ...]]) -> socket.socket:
    """A socket for this address, which is the one that will be connected. Raises NotPublic."""
    family, kind, protocol, _, peer = address
    if not is_public(str(peer[0])):
        raise NotPublic("the address to connect to is not a public one")
    return socket.socket(family=family, type=kind, proto=protocol)


def public_connector(*, private: bool = False, resolver: AbstractResolver | None = None) -> aiohttp.TCPConnector:
    """Connects to public addresses, asking for each anew; `private` allows every address. Needs a running loop."""
    inner = resolver or SystemResolver()
    return aiohttp.TCPConnector(
        limit=0,
        use_dns_cache=False,
        keepalive_timeout=IDLE_SECONDS,
        resolver=inner if private else PublicResolver(inner),
        socket_factory=None if private else open_public_socket,
    )
