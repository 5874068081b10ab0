"""`Prefer: wait=N` (RFC 7240): hold the answer until all declarations of a message are settled, or time is over."""

from __future__ import annotations

import asyncio
import re
from typing import Any
from uuid import UUID

from aiohttp import web

from singlewindow.errors import Unavailable
from singlewindow.gateway.bus import Bus
from singlewindow.gateway.parts import PARTS, STOPPING
from singlewindow.ledger.reading import Reader

MAX_WAIT_SECONDS = 30
_WAIT = re.compile(r'\s*wait\s*=\s*"?(\d{1,9})"?\s*(?:;.*)?', re.ASCII | re.IGNORECASE)
POLL_SECONDS = 0.25
"""How often the ledger is asked where no news arrives."""

PACE_SECONDS = 0.005
"""Least time between two looks, per waiter of this process: all of them together look at most 200 times a second."""

MAX_PACE_SECONDS = 1.0


def read_patience(request: web.Request) -> int | None:
    """Seconds the client is willing to wait, at most 30; None where it does not say or says it unreadably."""
    if "Prefer" not in request.headers:
        return None
    preferences = ",".join(request.headers.getall("Prefer", [])).split(",")
    found = next((match for match in map(_WAIT.fullmatch, preferences) if match), None)
    return None if found is None else min(int(found[1]), MAX_WAIT_SECONDS)


async def await_settled(
    request: web.Request, trader: UUID, message_id: UUID, *, seconds: float
) -> list[dict[str, Any]] | None:
    """The views of a message's declarations once all are settled; None when the time is over before."""
    parts, stopping = request.app[PARTS], request.app[STOPPING]
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    with parts.bus.subscribe(trader) as news:
        while not stopping.is_set():
            views = await _look(parts.reader, trader, message_id)
            left = deadline - loop.time()
            if views is not None or left <= 0:
                return views
            await asyncio.sleep(min(_pace(parts.bus), left))
            await news.wait(max(0.0, min(POLL_SECONDS, deadline - loop.time())))
    return None


async def _look(reader: Reader, trader: UUID, message_id: UUID) -> list[dict[str, Any]] | None:
    """The message is stored whatever happens now, so a ledger that is away only means: not yet."""
    try:
        settled, views = await reader.settled(trader, message_id)
    except Unavailable:
        return None
    return views if settled else None


def _pace(bus: Bus) -> float:
    return min(PACE_SECONDS * bus.waiters, MAX_PACE_SECONDS)
