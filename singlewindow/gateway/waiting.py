"""`Prefer: wait=N` (RFC 7240): hold the answer until all declarations of a message are settled, or time is over."""

from __future__ import annotations

import re
from uuid import UUID

from aiohttp import web

from singlewindow.gateway.parts import WAITERS
from singlewindow.ledger.reading import View

MAX_WAIT_SECONDS = 30
_WAIT = re.compile(r'\s*wait\s*=\s*"?(\d{1,9})"?\s*(?:;.*)?', re.ASCII | re.IGNORECASE)


def read_patience(request: web.Request) -> int | None:
    """Seconds the client is willing to wait, at most 30; None where it does not say or says it unreadably."""
    if "Prefer" not in request.headers:
        return None
    preferences = ",".join(request.headers.getall("Prefer", [])).split(",")
    found = next((match for match in map(_WAIT.fullmatch, preferences) if match), None)
    return None if found is None else min(int(found[1]), MAX_WAIT_SECONDS)


async def await_settled(request: web.Request, trader: UUID, message_id: UUID, *, seconds: float) -> list[View] | None:
    """The views of a trader's own message once all its declarations are settled; None when the time is over before."""
    return await request.app[WAITERS].wait(trader, message_id, seconds=seconds)
