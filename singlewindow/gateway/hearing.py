"""A trader's gap-free feed: page by page, or live as server-sent events."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import orjson
from aiohttp import web

from singlewindow.errors import Unavailable
from singlewindow.gateway.answers import answer_json, check_parameters, parse_number, read_limit, read_number
from singlewindow.gateway.authentication import authenticate
from singlewindow.gateway.bus import News
from singlewindow.gateway.parts import PARTS, STOPPING, TRADER
from singlewindow.gateway.refusals import HttpRefusal

PAGE, MAX_PAGE = 100, 1000
LAST = 2**63 - 1
POLL_SECONDS = 1.0
"""How often the ledger is asked where no news arrives."""

HEARTBEAT_SECONDS = 15.0
RETRY_MILLISECONDS = 1000
"""How soon a browser's EventSource reconnects."""


async def read_feed(request: web.Request) -> web.Response:
    """The events numbered above `after`; `next` is the `after` of the next page."""
    check_parameters(request, {"after", "limit"})
    after = read_number(request, "after", default=0, most=LAST)
    limit = read_limit(request, default=PAGE, most=MAX_PAGE)
    events = await request.app[PARTS].reader.feed(request[TRADER].id, after=after, limit=limit)
    return answer_json({"events": events, "next": events[-1]["seq"] if events else after})


async def stream_feed(request: web.Request) -> web.StreamResponse:
    """The feed after Last-Event-ID (or `after`, or from the start) and everything that comes, until somebody leaves."""
    check_parameters(request, {"after"})
    after = _read_start(request)
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"})
    await response.prepare(request)
    await response.write(b"retry: %d\n\n" % RETRY_MILLISECONDS)
    with request.app[PARTS].bus.subscribe(request[TRADER].id) as news:
        await _stream(request, response, news, after)
    return response


async def _stream(request: web.Request, response: web.StreamResponse, news: News, after: int) -> None:
    loop, stopping = asyncio.get_running_loop(), request.app[STOPPING]
    spoken_at = loop.time()
    while not stopping.is_set() and await _may_listen(request):
        sent_to = await _send_page(request, response, request[TRADER].id, after)
        if sent_to > after:
            after, spoken_at = sent_to, loop.time()
            continue
        if loop.time() - spoken_at >= HEARTBEAT_SECONDS:
            await response.write(b": still here\n\n")
            spoken_at = loop.time()
        await news.wait(POLL_SECONDS)


async def _may_listen(request: web.Request) -> bool:
    """Whether the key is still live: one that is revoked ends the streams it opened, a ledger that is away does not."""
    try:
        await authenticate(request)
    except HttpRefusal:
        return False
    except Unavailable:
        return True
    return True


async def _send_page(request: web.Request, response: web.StreamResponse, trader: UUID, after: int) -> int:
    """Send what is new; the number of the last event sent. A ledger that is away only means: nothing new yet."""
    try:
        events = await request.app[PARTS].reader.feed(trader, after=after, limit=PAGE)
    except Unavailable:
        return after
    if events:
        await response.write(b"".join(_format(event) for event in events))
    return int(events[-1]["seq"]) if events else after


def _format(event: dict[str, Any]) -> bytes:
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (event["seq"], str(event["type"]).encode(), orjson.dumps(event))


def _read_start(request: web.Request) -> int:
    last = request.headers.get("Last-Event-ID")
    if last is None:
        return read_number(request, "after", default=0, most=LAST)
    return parse_number("Last-Event-ID", last, most=LAST)
