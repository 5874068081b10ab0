"""/v1/agencies: how each agency's lane fares, and the operator's hold on it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import structlog
from aiohttp import web

from singlewindow.gateway.answers import answer_json, check_parameters, read_id, read_limit
from singlewindow.gateway.objects import read_object
from singlewindow.gateway.parts import PARTS, TRADER, GatewayParts
from singlewindow.gateway.reasons import read_reason
from singlewindow.gateway.refusals import not_found
from singlewindow.ledger.agency_pulses import describe_recent
from singlewindow.ledger.agency_state import UNTOUCHED, describe_calls
from singlewindow.ledger.quarantine import KEPT_PER_AGENCY

log = structlog.get_logger()

PAGE = 50

View = dict[str, Any]


async def list_agencies(request: web.Request) -> web.Response:
    """GET /v1/agencies: per agency its queue and age, breaker, hold, how its calls fared, and what waits for people."""
    parts = request.app[PARTS]
    agencies = await _view(parts, parts.agencies)
    if "operate" not in request[TRADER].scopes:
        for agency in agencies:
            agency["refused"] = None  # it speaks of this machine's files
    return answer_json({"agencies": agencies})


async def pause_agency(request: web.Request) -> web.Response:
    """POST /v1/agencies/{agency}/pause {"reason"}: within a second no lane claims its tasks; they wait, and keep."""
    parts, agency = request.app[PARTS], _agency(request)
    reason = read_reason(await read_object(request))
    by = request[TRADER].key_id
    await parts.agency_states.pause(agency, by, reason)
    log.warning("gateway.agency_paused", agency=agency, by=str(by))
    return answer_json((await _view(parts, [agency]))[0])


async def drain_agency(request: web.Request) -> web.Response:
    """POST /v1/agencies/{agency}/drain {"reason"}: nothing new is claimed; what was attempted comes to its end."""
    parts, agency = request.app[PARTS], _agency(request)
    reason = read_reason(await read_object(request))
    by = request[TRADER].key_id
    await parts.agency_states.pause(agency, by, reason, draining=True)
    log.warning("gateway.agency_drained", agency=agency, by=str(by))
    return answer_json((await _view(parts, [agency]))[0])


async def list_quarantine(request: web.Request) -> web.Response:
    """GET /v1/agencies/{agency}/quarantine: what came from it and could not be read or taken, the newest first."""
    check_parameters(request, {"limit"})
    limit = read_limit(request, default=PAGE, most=KEPT_PER_AGENCY)
    agency = _agency(request)
    return answer_json({"quarantine": await request.app[PARTS].quarantine.list(agency, limit=limit)})


async def show_quarantined(request: web.Request) -> web.Response:
    """GET /v1/agencies/{agency}/quarantine/{id}: the bytes as they came, as a download that nothing opens by itself."""
    content = await request.app[PARTS].quarantine.read(_agency(request), read_id(request))
    if content is None:
        raise not_found()
    headers = {"Content-Disposition": "attachment", "X-Content-Type-Options": "nosniff"}
    return web.Response(body=content, content_type="application/octet-stream", headers=headers)


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
    pulses = await parts.agency_pulses.read()
    counts = {(one["agency"], one["state"]): one["count"] for one in await parts.dead_letters.counts()}
    return [
        {
            "agency": agency,
            "waiting": lanes[agency]["depth"] if agency in lanes else 0,
            "begun": lanes[agency]["begun"] if agency in lanes else 0,
            "oldest": lanes[agency]["oldest"] if agency in lanes else None,
            "undecided": await parts.tasks.awaited(agency),
            **states.get(agency, UNTOUCHED),
            "last_minute": calls.get(agency) or describe_calls(0, 0),
            **(pulses.get(agency) or {"recent": describe_recent(), "last_exchange": None}),
            "dead_letters": counts.get((agency, "dead_letter"), 0),
            "needs_reconciliation": counts.get((agency, "needs_reconciliation"), 0),
        }
        for agency in agencies
    ]
