"""Where a webhook may point: https, a public address, and spelt in the one way that everybody reads alike.

What a name stands for is looked up twice more: when it is registered, and when a delivery connects.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import SplitResult, urlsplit

from singlewindow.errors import TraderMistake

MAX_LENGTH = 2000
PORTS = frozenset({None, 443, 8443})
"""Elsewhere no receiver of webhooks is expected, and much that must not be knocked at."""

PRIVATE_SUFFIXES = ("localhost", "local", "localdomain", "internal", "intranet", "lan", "home", "corp", "home.arpa")
"""Names that never leave a network (RFC 6761, 6762, 8375, and ICANN's list of names that collide)."""

_HOST = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*\.?", re.IGNORECASE)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.IGNORECASE)
_PRINTABLE = re.compile(r"[!-~]+")
_TRANSLATED = IPv6Network("64:ff9b::/96")
_COMPATIBLE = IPv6Network("::/96")


class AddressRefused(TraderMistake):
    """An address that no delivery is sent to; the detail says why."""

    code = "webhook-address"
    status = 422


def check_address(url: str, *, private: bool = False) -> SplitResult:
    """The parts of a webhook's address. `private` allows http, every port and addresses that are not public.

    Raises AddressRefused.
    """
    parts = _split(url)
    if parts.scheme not in ({"https", "http"} if private else {"https"}):
        raise AddressRefused("a webhook's address begins with https://")
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        raise AddressRefused("an address may hold no user and no password")
    if parts.fragment or url.endswith("#"):
        raise AddressRefused("an address may have no fragment")
    _check_host(parts.hostname or "", private=private)
    if not private and parts.port not in PORTS:
        raise AddressRefused("a webhook listens on port 443 or 8443")
    return parts


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet, and whatever IPv4 address is wrapped in it as well."""
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, IPv4Address):
        return ip.is_global and not ip.is_multicast and not ip.is_reserved
    wrapped = _wrapped(ip)
    if wrapped:
        return all(is_public(str(one)) for one in wrapped)
    # a scope id names an interface of this machine; what is reserved was never given to anybody
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_site_local or ip.scope_id)


def _wrapped(ip: IPv6Address) -> list[IPv4Address]:
    """The IPv4 addresses that a router or the kernel may take out of an IPv6 address."""
    found = [ip.ipv4_mapped, ip.sixtofour, *(ip.teredo or ())]
    if ip in _TRANSLATED or ip in _COMPATIBLE:
        found.append(IPv4Address(int(ip) & 0xFFFFFFFF))
    return [one for one in found if one is not None]


def _split(url: str) -> SplitResult:
    """Only printable ASCII and no backslash: what one reader strips or maps, another takes literally."""
    if not _PRINTABLE.fullmatch(url) or "\\" in url or len(url) > MAX_LENGTH:
        raise AddressRefused(f"an address has at most {MAX_LENGTH} printable ASCII characters and no backslash")
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise AddressRefused("this is no address") from None
    return parts


def _check_host(host: str, *, private: bool) -> None:
    if ":" in host or _NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]):
        _check_literal(host, private=private)
    elif not _HOST.fullmatch(host):
        raise AddressRefused("the host is neither a name nor an address")
    elif not private and not _is_public_name(host.lower().rstrip(".")):
        raise AddressRefused("the host's name is not one of the public internet")


def _check_literal(host: str, *, private: bool) -> None:
    """A host that ends in a number is an IPv4 address (WHATWG URL, 3.5); taken is only its usual spelling."""
    try:
        ip_address(host)
    except ValueError:
        raise AddressRefused("write an IP address in its usual form") from None
    if not private and not is_public(host):
        raise AddressRefused("the address is not a public one")


def _is_public_name(host: str) -> bool:
    return "." in host and not any(host == suffix or host.endswith(f".{suffix}") for suffix in PRIVATE_SUFFIXES)
