"""The sandbox's own API under `/sandbox/`: what was done, what is said, and the weather. For this machine only."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Any, Literal, Self, TypeVar

import orjson
from aiohttp import web
from aiohttp.typedefs import Handler
from pydantic import BaseModel, Field, ValidationError, model_validator

from singlewindow.adapters.sandbox.injecting import Injection
from singlewindow.adapters.sandbox.magic import MAGIC
from singlewindow.adapters.sandbox.office import Office
from singlewindow.adapters.sandbox.records import Notice
from singlewindow.adapters.sandbox.scenario import Scenario
from singlewindow.adapters.sandbox.sky import Sky
from singlewindow.adapters.sandbox.weather import Forecast, NewOutages, Table, name_mistakes

PREFIX = "/sandbox/"

Model = TypeVar("Model", bound=BaseModel)


class Movement(Table):
    """What a carrier reports of one leg, named by its booking or by the declaration's LRN and the leg."""

    agency: Literal["road", "rail", "sea", "air"]
    event: Literal["departed", "arrived"]
    booking: str | None = None
    lrn: str | None = None
    leg: int | None = Field(None, ge=1)

    @model_validator(mode="after")
    def _check_target(self) -> Self:
        if not (self.booking or self.lrn):
            raise ValueError("name the booking, or the lrn and the leg")
        return self


class Control:
    """The handlers of the control API."""

    def __init__(self, office: Office, sky: Sky, scenario: Scenario) -> None:
        self._office, self._sky, self._scenario = office, sky, scenario

    def routes(self) -> list[web.RouteDef]:
        """What to add to an application."""
        return [web.route(call.method, PREFIX + call.path, call.bind(self)) for call in CALLS]

    async def list_calls(self, _: web.Request) -> web.Response:
        """Every call with what it does."""
        calls = [{"call": f"{call.method} {PREFIX}{call.path}", "does": call.does} for call in CALLS]
        return _json({"calls": calls})

    async def list_effects(self, request: web.Request) -> web.Response:
        """Effects whose business key is `key` or has it as a part, and their counts."""
        effects = self._office.register.effects(request.query.get("key"))
        counts = Counter((effect.agency, effect.business_key, effect.action) for effect in effects)
        counted = [
            {"agency": agency, "business_key": key, "action": action, "count": count}
            for (agency, key, action), count in counts.items()
        ]
        return _json({"counts": counted, "effects": [asdict(effect) for effect in effects]})

    async def list_magic(self, _: web.Request) -> web.Response:
        """The words and what they do."""
        return _json({"magic": [asdict(magic) for magic in MAGIC]})

    async def move(self, request: web.Request) -> web.Response:
        """Push a movement's notice, once the movement is on disk."""
        wanted = _read(Movement, await request.read())
        booking = self._office.find_booking(wanted.agency, number=wanted.booking, lrn=wanted.lrn, leg=wanted.leg)
        if booking is None:
            return _json({"error": f"{wanted.agency} has no such booking"}, HTTPStatus.NOT_FOUND)
        notice = await self._office.move(wanted.agency, booking, wanted.event)
        told = {"notice_id": notice.notice_id, "task_id": notice.task_id, "event": wanted.event}
        return _json(told, HTTPStatus.ACCEPTED)

    async def inject(self, request: web.Request) -> web.Response:
        """Plan an invented notice, once it is on disk."""
        wanted = _read(Injection, await request.read())
        answer = self._find_answer(wanted)
        if answer is None:
            return _json({"error": f"{wanted.agency} knows no such task"}, HTTPStatus.NOT_FOUND)
        notice = (await self._office.inject(wanted, answer))[0]
        return _json({"notice_id": notice.notice_id, "task_id": notice.task_id}, HTTPStatus.ACCEPTED)

    async def reset(self, request: web.Request) -> web.Response:
        """Begin the scenario anew."""
        await self._office.reset(effects=request.query.get("effects") == "true")
        self._sky.set(self._scenario.forecast())
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def tell_scenario(self, _: web.Request) -> web.Response:
        """The scenario as it was read."""
        return _json(self._scenario.model_dump(mode="json", exclude_defaults=True))

    async def tell_weather(self, _: web.Request) -> web.Response:
        """What was set, and what is left of the outages in seconds from now."""
        known = self._sky.forecast.model_dump(mode="json", exclude_defaults=True)
        return _json({"seed": "", "agencies": {}} | known | {"outages": self._sky.outages()})

    async def set_weather(self, request: web.Request) -> web.Response:
        """Another weather in place of what was."""
        self._sky.set(_read(Forecast, await request.read()))
        return await self.tell_weather(request)

    async def calm(self, request: web.Request) -> web.Response:
        """Nothing befalls calls and notices but what magic words ask for."""
        self._sky.set(Forecast())
        return await self.tell_weather(request)

    async def set_outages(self, request: web.Request) -> web.Response:
        """Other outages for the agencies named; all else stays as it was."""
        self._sky.set_outages(_read(NewOutages, await request.read()).root)
        return await self.tell_weather(request)

    def _find_answer(self, wanted: Injection) -> Notice | None:
        register = self._office.register
        task_id = wanted.task_id
        if wanted.key is not None:
            effects = (effect for effect in register.effects(wanted.key) if effect.agency == wanted.agency)
            last = max(effects, key=lambda effect: effect.at_ms, default=None)
            task_id = last.task_id if last else None
        decision = register.find(wanted.agency, task_id) if task_id else None
        return decision.answer if decision else None


@dataclass(frozen=True, slots=True)
class ControlCall:
    """One call of the control API, as it is served, listed and documented."""

    method: str
    path: str
    handler: Callable[[Control, web.Request], Awaitable[web.Response]]
    parameters: str
    does: str

    def bind(self, control: Control) -> Handler:
        """The handler for one sandbox."""

        async def handle(request: web.Request) -> web.StreamResponse:
            return await self.handler(control, request)

        return handle


CALLS = (
    ControlCall("GET", "", Control.list_calls, "", "this list"),
    ControlCall(
        "GET", "effects", Control.list_effects, "?key=", "what the agencies did, counted per business key and action"
    ),
    ControlCall("GET", "magic", Control.list_magic, "", "the magic words"),
    ControlCall("GET", "scenario", Control.tell_scenario, "", "the scenario that is played"),
    ControlCall(
        "POST", "movements", Control.move, "{agency, event, lrn, leg}", "a carrier reports `departed` or `arrived`"
    ),
    ControlCall(
        "POST", "notices", Control.inject, "{agency, task_id or key, status, code, text, delay_seconds, duplicate}",
        "an agency says something about a task it knows",
    ),
    ControlCall("GET", "weather", Control.tell_weather, "", "the weather, and what is left of outages"),
    ControlCall(
        "PUT", "weather", Control.set_weather, "{seed, agencies: {AGENCY or all: {…}}}",
        "faults of calls and notices by their shares, outages and load, in place of what was",
    ),
    ControlCall("DELETE", "weather", Control.calm, "", "calm weather"),
    ControlCall(
        "PUT", "outages", Control.set_outages, "{AGENCY or all: [{from_seconds, for_seconds}]}",
        "windows in which an agency refuses everything and says nothing; the other weather stays",
    ),
    ControlCall(
        "POST", "reset", Control.reset, "?effects=true",
        "forget every story and begin the scenario anew; effects and answers are kept unless asked otherwise",
    ),
)  # fmt: skip


@web.middleware
async def local_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse the control API to everybody who is not on this machine."""
    if request.path.startswith(PREFIX) and not ipaddress.ip_address(request.remote or "0.0.0.0").is_loopback:  # noqa: S104 - nobody
        raise web.HTTPForbidden
    return await handler(request)


def _read(model: type[Model], body: bytes) -> Model:
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise web.HTTPBadRequest(text="\n".join(name_mistakes(error))) from error


def _json(content: Any, status: int = HTTPStatus.OK) -> web.Response:
    return web.Response(body=orjson.dumps(content), status=status, content_type="application/json")
