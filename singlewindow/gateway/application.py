"""The application: one literal table of routes, and the few layers every request passes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial

import structlog
from aiohttp import web

from singlewindow.gateway import (
    agencies,
    checkpoints,
    dead_letters,
    describing,
    explaining,
    hearing,
    lanes,
    operating,
    reading,
    responding,
    submitting,
    validating,
    webhooks,
    welcome,
)
from singlewindow.gateway.authentication import require_scope
from singlewindow.gateway.backlog import Backlog
from singlewindow.gateway.connections import Connections
from singlewindow.gateway.disk_watch import DiskWatch
from singlewindow.gateway.in_flight import InFlight
from singlewindow.gateway.loop_lag import LoopLag
from singlewindow.gateway.metrics import Metrics
from singlewindow.gateway.parts import (
    CONNECTIONS,
    IN_FLIGHT,
    METRICS,
    NAMES,
    PARTS,
    STOPPING,
    TRADER,
    TURNED_AWAY,
    TURNS,
    WAITERS,
    GatewayParts,
)
from singlewindow.gateway.problems import Handler, answer_problems
from singlewindow.gateway.turns import Turns
from singlewindow.gateway.turnstile import behind_turnstile
from singlewindow.gateway.waiters import Waiters
from singlewindow.name_lookups import NameLookups

DRAIN_SECONDS = 20.0
"""How long filings may still run after the last connection has ended."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Route:
    """One operation. `scope` is what the API key must allow; None: no key is needed, or the handler checks itself.

    A `limited` one is refused before anything else while intake is full.
    """

    method: str
    path: str
    handler: Handler
    scope: str | None = None
    limited: bool = False

    @property
    def guarded(self) -> Handler:
        """The handler behind what it stands behind."""
        handler = require_scope(self.scope, self.handler) if self.scope else self.handler
        return behind_turnstile(handler) if self.limited else handler


ROUTES = (
    Route("GET", "/", welcome.show_welcome),
    Route("POST", "/v1/declarations", submitting.submit, "submit", limited=True),
    Route("POST", "/v1/validations", validating.validate, "submit", limited=True),
    Route("POST", "/v1/declarations/{id}/send", submitting.send_held, "submit"),
    Route("GET", "/v1/declarations", reading.list_declarations, "read"),
    Route("GET", "/v1/declarations/{id}", reading.show_declaration, "read"),
    Route("GET", "/v1/declarations/{id}/events", reading.show_events, "read"),
    Route("GET", "/v1/declarations/{id}/document", reading.show_document, "read"),
    Route("GET", "/v1/declarations/{id}/exchanges", reading.show_exchanges, "read"),
    Route("GET", "/v1/declarations/{id}/responses", responding.show_responses, "read"),
    Route("GET", "/v1/messages/{id}", reading.show_message, "read"),
    Route("GET", "/v1/messages/{id}/receipt", reading.show_receipt, "read"),
    Route("GET", "/v1/messages/{id}/receipt/proof", reading.show_proof, "read"),
    Route("GET", "/v1/checkpoints", checkpoints.list_checkpoints, "read"),
    Route("GET", "/v1/checkpoints/latest", reading.show_checkpoint, "read"),
    Route("GET", "/v1/checkpoints/consistency", checkpoints.show_consistency, "read"),
    Route("GET", "/v1/cases/{id}", reading.show_case, "read"),
    Route("GET", "/v1/events", hearing.read_feed, "read"),
    Route("GET", "/v1/events/stream", hearing.stream_feed, "read"),
    Route("GET", "/v1/webhooks", webhooks.list_webhooks, "read"),
    Route("POST", "/v1/webhooks", webhooks.create_webhook, "submit"),
    Route("GET", "/v1/webhooks/{id}", webhooks.show_webhook, "read"),
    Route("PATCH", "/v1/webhooks/{id}", webhooks.change_webhook, "submit"),
    Route("DELETE", "/v1/webhooks/{id}", webhooks.delete_webhook, "submit"),
    Route("POST", "/v1/webhooks/{id}/rotate", webhooks.rotate_webhook_secret, "submit"),
    Route("POST", "/v1/webhooks/{id}/test", webhooks.send_test_event, "submit"),
    Route("POST", "/v1/webhooks/{id}/replay", webhooks.replay, "submit"),
    Route("GET", "/v1/webhooks/{id}/deliveries", webhooks.list_webhook_deliveries, "read"),
    Route("POST", "/v1/webhooks/{id}/deliveries/{delivery}/redeliver", webhooks.redeliver, "submit"),
    Route("GET", "/v1/agencies", lanes.list_agencies, "read"),
    Route("POST", "/v1/agencies/{agency}/pause", lanes.pause_agency, "operate"),
    Route("POST", "/v1/agencies/{agency}/drain", lanes.drain_agency, "operate"),
    Route("POST", "/v1/agencies/{agency}/resume", lanes.resume_agency, "operate"),
    Route("GET", "/v1/agencies/{agency}/quarantine", lanes.list_quarantine, "operate"),
    Route("GET", "/v1/agencies/{agency}/quarantine/{id}", lanes.show_quarantined, "operate"),
    Route("GET", "/v1/dead-letters", dead_letters.list_dead_letters, "operate"),
    Route("POST", "/v1/dead-letters/replay", dead_letters.replay_dead_letters, "operate"),
    Route("GET", "/v1/dead-letters/{id}", dead_letters.show_dead_letter, "operate"),
    Route("GET", "/v1/dead-letters/{id}/document", dead_letters.show_dead_letter_document, "operate"),
    Route("GET", "/v1/dead-letters/{id}/exchange", dead_letters.show_dead_letter_exchange, "operate"),
    Route("POST", "/v1/dead-letters/{id}/replay", dead_letters.replay_dead_letter, "operate"),
    Route("POST", "/v1/dead-letters/{id}/discard", dead_letters.discard_dead_letter, "operate"),
    Route("POST", "/v1/traders", operating.register_trader, "operate"),
    Route("PUT", "/v1/traders/{id}/choices", operating.change_trader, "operate"),
    Route("POST", "/v1/keys", operating.create_key, "operate"),
    Route("DELETE", "/v1/keys/{id}", operating.revoke_key, "operate"),
    Route("GET", "/v1/message-sets", describing.list_message_sets),
    Route("GET", "/v1/message-sets/{name}.zip", describing.download_archive),
    Route("GET", "/v1/message-sets/{name}", describing.show_message_set),
    Route("GET", "/v1/message-sets/{name}/roots/{root}", describing.show_root),
    Route("GET", "/v1/message-sets/{name}/rules", describing.show_rules),
    Route("GET", "/v1/message-sets/{name}/lists/{list}", describing.show_list),
    Route("GET", "/v1/message-sets/{name}/files/{path:.+}", describing.download_file),
    Route("POST", "/soap/agencies/{agency}", agencies.receive_notices),
    Route("GET", "/soap/agencies/{agency}", agencies.describe_notifications),
    Route("GET", "/health/live", operating.show_liveness),
    Route("GET", "/health/ready", operating.show_readiness),
    Route("GET", "/metrics", operating.show_metrics),
    Route("GET", "/openapi.yaml", describing.show_contract),
    Route("GET", "/docs/errors", explaining.list_errors),
    Route("GET", "/docs/errors/{code}", explaining.explain_error),
)


def build_application(parts: GatewayParts) -> web.Application:
    """The gateway over running parts. Serve it with `serving.serve` or `serving.listening`, which set its limits."""
    application = web.Application(middlewares=[observe, answer_problems])
    application[PARTS] = parts
    application[METRICS] = Metrics()
    application[STOPPING] = asyncio.Event()
    application[NAMES] = NameLookups()
    application[WAITERS] = Waiters(parts.bus, parts.reader.settled_among, application[STOPPING])
    _limit_intake(application, parts)
    application.cleanup_ctx.append(_drain)
    for route in ROUTES:
        application.router.add_route(route.method, route.path, route.guarded, expect_handler=_put_off_continue)
    return application


def _limit_intake(application: web.Application, parts: GatewayParts) -> None:
    settings, refused = parts.settings, application[METRICS].count_turned_away
    disk = DiskWatch(settings.data_dir, settings.disk_reserve_bytes)
    backlog = Backlog(settings.backlog_limit, partial(_count_tasks, parts))
    lag = LoopLag()
    # one message must always find room, however large it may be
    room = max(settings.intake_bytes, 4 * settings.max_body_bytes)
    application[IN_FLIGHT] = InFlight(settings.intake_limit, (disk, backlog), refused, lag=lag, limit_bytes=room)
    application[TURNS] = Turns()
    application[CONNECTIONS] = Connections(settings.connections_per_address, refused)
    application.cleanup_ctx.append(partial(_watch, backlog))
    application.cleanup_ctx.append(partial(_watch, lag))


async def _count_tasks(parts: GatewayParts) -> int:
    return sum(lane["depth"] for lane in await parts.tasks.depths())


async def _watch(watched: Backlog | LoopLag, _: web.Application) -> AsyncIterator[None]:
    watching = asyncio.create_task(watched.watch(), name=type(watched).__name__)
    yield
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)


@web.middleware
async def observe(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Count, time and log each request, by its route's pattern: ids, queries and contents stay out of logs."""
    started = time.perf_counter()
    response = await handler(request)
    seconds = time.perf_counter() - started
    resource = request.match_info.route.resource
    route = resource.canonical if resource else "unknown"
    trader = request.get(TRADER)
    request.app[METRICS].count_request(request.method, route, status=response.status, seconds=seconds)
    if TURNED_AWAY not in request:
        named = {"trader": str(trader.id)} if trader else {}
        log.info(
            "gateway.request",
            method=request.method,
            route=route,
            status=response.status,
            seconds=round(seconds, 6),
            **named,
        )
    if not response.prepared:
        _protect(response)
        if request.app[STOPPING].is_set():
            response.force_close()
    return response


def _protect(response: web.StreamResponse) -> None:
    """What one trader reads belongs in no shared cache, and a document is never guessed to be a page."""
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers.setdefault("X-Content-Type-Options", "nosniff")


async def _put_off_continue(_request: web.Request) -> None:
    """The body is asked for by whoever reads it, after authentication, and not by the framework before it."""


async def _drain(application: web.Application) -> AsyncIterator[None]:
    yield
    left = await application[IN_FLIGHT].drain(DRAIN_SECONDS)
    if left:
        log.error("gateway.drain_incomplete", unfinished=left)
