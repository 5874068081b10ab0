"""For those who run it: health, metrics, and the registration of traders and keys."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from aiohttp import web

from singlewindow.errors import SingleWindowError, Unavailable
from singlewindow.gateway.answers import answer_json, read_id
from singlewindow.gateway.metrics import Metrics
from singlewindow.gateway.objects import read_object, read_text
from singlewindow.gateway.parts import CONNECTIONS, IN_FLIGHT, METRICS, PARTS, STOPPING, Check, GatewayParts
from singlewindow.gateway.refusals import HttpRefusal, not_found
from singlewindow.ledger.traders import SCOPES

CHECK_SECONDS = 1.0
"""A part that has not said within this that it serves does not."""

TRADER_SCOPES = ("submit", "read")
"""What the first key of a new trader may do."""

MAX_CODES = 1000
MAX_TEXT = 200


async def show_liveness(_request: web.Request) -> web.Response:
    """The process runs its event loop. Nothing else is looked at, so that a database's trouble restarts nobody."""
    return answer_json({"status": "live"})


async def show_readiness(request: web.Request) -> web.Response:
    """200 when every part serves, else 503 naming the parts that do not. Valkey only makes us faster.

    A closed intake is told and makes nobody unready: what is stored can be read and heard all the same.
    """
    checks = request.app[PARTS].checks
    results = dict(zip(checks, await asyncio.gather(*map(_check, checks.values())), strict=True))
    if request.app[STOPPING].is_set():
        results["process"] = "shutting down"
    ready = all(result == "ready" for result in results.values())
    notices = "connected" if request.app[PARTS].bus.connected else "polling"
    intake = request.app[IN_FLIGHT].standing
    described = {"parts": results, "intake": intake, "notifications": notices, "process": os.getpid()}
    report = {"status": "ready" if ready else "not ready", **described}
    return answer_json(report, status=200 if ready else 503, headers=None if ready else {"Retry-After": "2"})


async def show_metrics(request: web.Request) -> web.Response:
    """Prometheus text; queues, agencies and dead letters, read once a second, are left out while the ledger is away."""
    metrics, parts, intake = request.app[METRICS], request.app[PARTS], request.app[IN_FLIGHT]
    metrics.show_intake(
        is_open=intake.standing == "open", in_work=intake.admitted, connections=request.app[CONNECTIONS].open
    )
    async with metrics.reading:
        if not metrics.is_fresh:
            await _read_ledger(parts, metrics)
    return web.Response(body=metrics.render(), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})


async def _read_ledger(parts: GatewayParts, metrics: Metrics) -> None:
    try:
        metrics.show_queue(await parts.tasks.depths())
        away = {state.agency: state.away for state in await parts.agency_states.read()}
        metrics.show_agencies(away, await parts.dead_letters.counts())
    except Unavailable:
        metrics.show_queue([])
        metrics.show_agencies({}, [])


async def register_trader(request: web.Request) -> web.Response:
    """POST /v1/traders {"name", "codes"}: 201 with the trader's id and first API key, which is shown this once."""
    traders = request.app[PARTS].traders
    stated = await read_object(request)
    name, codes = read_text(stated, "name", most=MAX_TEXT), _texts(stated, "codes")
    chosen = _read_choices(request, stated)
    if await traders.find_by_name(name) is not None:
        raise HttpRefusal(409, "trader-exists", "a trader with this name is registered; make it a key instead")
    trader = await traders.create(name, codes)
    await traders.choose(trader, **chosen)
    key = await traders.create_key(trader, TRADER_SCOPES)
    return answer_json({"trader": str(trader), "name": name, "codes": codes, "api_key": key, **chosen}, status=201)


async def change_trader(request: web.Request) -> web.Response:
    """PUT /v1/traders/{id}/choices {"message_sets", "raised"}: how this trader's messages are judged from now on."""
    chosen = _read_choices(request, await read_object(request))
    trader = read_id(request)
    if not await request.app[PARTS].traders.choose(trader, **chosen):
        raise not_found()
    return answer_json({"trader": str(trader), **chosen})


def _read_choices(request: web.Request, stated: dict[str, Any]) -> dict[str, list[str]]:
    """The editions a trader's messages are judged by, and the rules whose warnings it wants as errors."""
    message_sets, raised = _texts(stated, "message_sets"), _texts(stated, "raised")
    unknown = set(message_sets) - set(request.app[PARTS].sets)
    if unknown:
        raise HttpRefusal(400, "bad-parameter", f"installed message sets: {', '.join(sorted(request.app[PARTS].sets))}")
    return {"message_sets": message_sets, "raised": raised}


async def create_key(request: web.Request) -> web.Response:
    """POST /v1/keys {"trader": name, "scopes"}: 201 with a further key; two may be live at a time."""
    traders = request.app[PARTS].traders
    stated = await read_object(request)
    scopes = _texts(stated, "scopes") if "scopes" in stated else list(TRADER_SCOPES)
    if not set(scopes) <= SCOPES:
        raise HttpRefusal(400, "bad-parameter", f"scopes are {', '.join(sorted(SCOPES))}")
    trader = await traders.find_by_name(read_text(stated, "trader", most=MAX_TEXT))
    if trader is None:
        raise not_found()
    key = await traders.create_key(trader, scopes)
    holder = await traders.authenticate(key)
    key_id = None if holder is None else str(holder.key_id)
    return answer_json({"key_id": key_id, "trader": str(trader), "scopes": scopes, "api_key": key}, status=201)


async def revoke_key(request: web.Request) -> web.Response:
    """DELETE /v1/keys/{id}: 204; every process has noticed within two seconds."""
    if not await request.app[PARTS].traders.revoke_key(read_id(request)):
        raise not_found()
    return web.Response(status=204)


async def _check(check: Check) -> str:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await check()
    except TimeoutError:
        return "no answer"
    except SingleWindowError as error:
        return error.detail
    return "ready"


def _texts(stated: dict[str, Any], name: str) -> list[str]:
    values = stated.get(name, [])
    if not isinstance(values, list) or len(values) > MAX_CODES:
        raise HttpRefusal(400, "bad-parameter", f"{name} must be a list of at most {MAX_CODES} texts")
    return [read_text({name: value}, name, most=MAX_TEXT) for value in values]
