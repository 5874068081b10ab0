"""The sandbox's own API under `/sandbox/`: effects counted, legs moved, magic words listed. For this machine only."""

from __future__ import annotations

import ipaddress
from collections import Counter
from dataclasses import asdict
from http import HTTPStatus
from typing import Any

import orjson
from aiohttp import web
from aiohttp.typedefs import Handler

from singlewindow.adapters.profiles import CARRIERS
from singlewindow.adapters.sandbox.magic import MAGIC
from singlewindow.adapters.sandbox.office import Office
from singlewindow.adapters.sandbox.partners import EVENTS

PREFIX = "/sandbox/"


class Control:
    """The handlers of the control API."""

    def __init__(self, office: Office) -> None:
        self._office = office

    def routes(self) -> list[web.RouteDef]:
        """What to add to an application."""
        return [
            web.get(f"{PREFIX}effects", self.list_effects),
            web.post(f"{PREFIX}movements", self.move),
            web.get(f"{PREFIX}magic", list_magic),
        ]

    async def list_effects(self, request: web.Request) -> web.Response:
        """GET /sandbox/effects?key=: effects whose business key is KEY or has it as a part, and their counts."""
        effects = self._office.register.effects(request.query.get("key"))
        counts = Counter((effect.agency, effect.business_key, effect.action) for effect in effects)
        counted = [
            {"agency": agency, "business_key": key, "action": action, "count": count}
            for (agency, key, action), count in counts.items()
        ]
        return _json({"counts": counted, "effects": [asdict(effect) for effect in effects]})

    async def move(self, request: web.Request) -> web.Response:
        """POST /sandbox/movements `{agency, event, booking}` or `{agency, event, lrn, leg}`: pushes the notice."""
        wanted = _read_movement(await request.read())
        agency, event = wanted["agency"], wanted["event"]
        booking = self._office.find_booking(
            agency, number=wanted.get("booking"), lrn=wanted.get("lrn"), leg=wanted.get("leg")
        )
        if booking is None:
            return _json({"error": f"{agency} has no such booking"}, HTTPStatus.NOT_FOUND)
        notice = await self._office.move(agency, booking, event)
        return _json({"notice_id": notice.notice_id, "task_id": notice.task_id, "event": event}, HTTPStatus.ACCEPTED)


async def list_magic(_: web.Request) -> web.Response:
    """GET /sandbox/magic: the words and what they do."""
    return _json({"magic": [asdict(magic) for magic in MAGIC]})


@web.middleware
async def local_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse the control API to everybody who is not on this machine."""
    if request.path.startswith(PREFIX) and not ipaddress.ip_address(request.remote or "0.0.0.0").is_loopback:  # noqa: S104 - nobody
        raise web.HTTPForbidden
    return await handler(request)


def _read_movement(body: bytes) -> dict[str, Any]:
    try:
        wanted = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise web.HTTPBadRequest(text=f"not JSON: {error}") from error
    if not isinstance(wanted, dict) or wanted.get("agency") not in CARRIERS or wanted.get("event") not in EVENTS:
        raise web.HTTPBadRequest(text=f"agency is one of {', '.join(CARRIERS)}; event is one of {', '.join(EVENTS)}")
    if not isinstance(wanted.get("booking") or wanted.get("lrn"), str):
        raise web.HTTPBadRequest(text="name the booking, or the lrn and the leg")
    return wanted


def _json(content: Any, status: int = HTTPStatus.OK) -> web.Response:
    return web.Response(body=orjson.dumps(content), status=status, content_type="application/json")
