"""/v1/agencies: how each agency's lane fares, and the operator's hold on it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import structlog
from aiohttp import web

from singlewindow.gateway.answers import answer_json
from singlewindow.gateway.objects import read_object
from singlewindow.gateway.parts import PARTS, TRADER, GatewayParts
from singlewindow.gateway.reasons import read_reason
from singlewindow.gateway.refusals import not_found
from singlewindow.ledger.agency_state import UNTOUCHED, describe_calls

log = structlog.get_logger()

View = dict[str, Any]


async def list_agencies(request: web.Request) -> web.Response:
    """GET /v1/agencies: per agency its queue and age, breaker, hold, last minute's calls, and what waits for people."""
    parts = request.app[PARTS]
    return answer_json({"agencies": await _view(parts, parts.agencies)})


async def pause_agency(request: web.Request) -> web.Response:
    """POST /v1/agencies/{agency}/pause {"reason"}: within a second no lane claims its tasks; they wait, and keep."""
    parts, agency = request.app[PARTS], _agency(request)
    reason = read_reason(await read_object(request))
    by = request[TRADER].key_id
    await parts.agency_states.pause(agency, by, reason)
    log.warning("gateway.agency_paused", agency=agency, by=str(by))
    return answer_json((await _view(parts, [agency]))[0])


async def resume_agency(request: web.Request) -> web.Response:
    """POST /v1/agencies/{agency}/resume: the lane runs again; an open breaker lets a probe go at once."""
    parts, agency = request.app[PARTS], _agency(request)
    await parts.agency_states.resume(agency)
    log.warning("gateway.agency_resumed", agency=agency, by=str(request[TRADER].key_id))
    return answer_json((await _view(parts, [agency]))[0])


def _agency(request: web.Request) -> str:
    agency = request.match_info["agency"]
    if agency not in request.app[PARTS].agencies:
        raise not_found()
    return agency


async def _view(parts: GatewayParts, agencies: Iterable[str]) -> list[View]:
    lanes = {lane["lane"]: lane for lane in await parts.tasks.depths()}
    states = {state.agency: state.view() for state in await parts.agency_states.read()}
    calls = await parts.agency_states.recent_calls()
    counts = {(one["agency"], one["state"]): one["count"] for one in await parts.dead_letters.counts()}
    return [
        {
            "agency": agency,
            "waiting": lanes[agency]["depth"] if agency in lanes else 0,
            "oldest": lanes[agency]["oldest"] if agency in lanes else None,
            "undecided": await parts.tasks.awaited(agency),
            **states.get(agency, UNTOUCHED),
            "last_minute": calls.get(agency) or describe_calls(0, 0),
            "dead_letters": counts.get((agency, "dead_letter"), 0),
            "needs_reconciliation": counts.get((agency, "needs_reconciliation"), 0),
        }
        for agency in agencies
    ]
