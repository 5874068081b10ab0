"""Whether there is anything at an agency's address."""

from __future__ import annotations

import asyncio
import os
from urllib.parse import urlsplit

from singlewindow.errors import Unavailable

LONGEST_WAIT_SECONDS = 5.0

_PORTS = {"http": 80, "https": 443}
_EXAMPLES = ("example", "invalid", "test", "example.com", "example.net", "example.org")
"""Domains at which nobody can be: RFC 2606 and RFC 6761."""


def is_example(url: str) -> bool:
    """True for an address that stands for one: what a draft writes where the WSDL names none."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    return any(host == domain or host.endswith(f".{domain}") for domain in _EXAMPLES)


async def require_reachable(url: str) -> None:
    """Connect and hang up; nothing is sent. Raises Unavailable."""
    where = urlsplit(url)
    try:
        async with asyncio.timeout(LONGEST_WAIT_SECONDS):
            _, writer = await asyncio.open_connection(where.hostname, where.port or _PORTS.get(where.scheme, 80))
    except (OSError, TimeoutError) as error:
        raise Unavailable(f"nothing can be reached at {url}: {_reason(error)}") from error
    writer.close()


def _reason(error: OSError) -> str:
    """The system's words: asyncio's own name the socket instead. A name that is not found has a number below 0."""
    if error.errno is None:
        return f"no answer within {LONGEST_WAIT_SECONDS:.0f} s" if isinstance(error, TimeoutError) else str(error)
    return os.strerror(error.errno) if error.errno > 0 else str(error.strerror)
