"""What the gateway is given by wiring, and the typed keys under which its application keeps things."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from aiohttp import web

from singlewindow.gateway.bus import Bus
from singlewindow.gateway.connections import Connections
from singlewindow.gateway.in_flight import InFlight
from singlewindow.gateway.metrics import Metrics
from singlewindow.gateway.turns import Turns
from singlewindow.gateway.waiters import Waiters
from singlewindow.ledger.agency_pulses import AgencyPulses
from singlewindow.ledger.agency_state import AgencyStates
from singlewindow.ledger.dead_letters import DeadLetters
from singlewindow.ledger.deliveries import Deliveries
from singlewindow.ledger.heads import Heads
from singlewindow.ledger.intake import Intake
from singlewindow.ledger.outcomes import Word
from singlewindow.ledger.quarantine import Quarantine
from singlewindow.ledger.reading import Reader
from singlewindow.ledger.tasks import Tasks
from singlewindow.ledger.traders import Trader, Traders
from singlewindow.ledger.webhooks import Webhooks
from singlewindow.messages.judgement import Judgement, ResponseUnit
from singlewindow.messages.manifest import MessageSet
from singlewindow.messages.rule import Rule
from singlewindow.name_lookups import NameLookups
from singlewindow.settings import Settings
from singlewindow.xsd.reference_shelf import OpenedSet
from singlewindow.xsd.soap_envelope import SoapVersion
from singlewindow.xsd.soap_replies import TaskNotice

ReadWords = Callable[[str, Sequence[TaskNotice]], list[Word]]
"""Turns an agency's pushed notices into words for the ledger, by the agency's name."""

Credential = tuple[str, str]
"""User name and password (HTTP Basic) of an agency that pushes."""

Check = Callable[[], Awaitable[None]]
"""A readiness check: returns when the part serves, raises a SingleWindowError when it does not."""


@dataclass(frozen=True, slots=True)
class PushedWords:
    """What was read of a push. `nameless` are the ids of notices that name no task as we name them."""

    words: list[Word]
    nameless: tuple[str, ...] = ()


class PushAnswer(Protocol):
    """What answers a push that was taken."""

    @property
    def status(self) -> int:
        """The HTTP status."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The HTTP headers."""
        ...

    @property
    def body(self) -> bytes:
        """The body, empty where the operation has no reply."""
        ...


class PushReader(Protocol):
    """How the pushes of an agency are understood whose description says itself what they look like."""

    @property
    def version(self) -> SoapVersion:
        """The version of SOAP it is answered in where its own cannot be told."""
        ...

    def read(self, body: bytes, content_type: str) -> PushedWords:
        """What a push says. Raises a SingleWindowError for what cannot be read or is not proven to be the agency's."""
        ...

    def answer(self, accepted: int) -> PushAnswer:
        """The reply of the operation, as its WSDL has it, after so many notices were stored."""
        ...


class Judge(Protocol):
    """The one XML door as the gateway uses it."""

    async def judge(self, body: bytes, *, editions: Sequence[str] = (), whose: UUID | None = None) -> Judgement:
        """The verdict on a message that the trader `whose` sent.

        Raises a TraderMistake with `status` where the bytes cannot be judged at all.
        """
        ...

    async def judge_json(
        self, body: bytes, *, editions: Sequence[str] = (), whose: UUID | None = None
    ) -> tuple[Judgement, bytes]:
        """The verdict on a message in JSON, and the XML it was judged as. Raises as `judge`."""
        ...

    async def write_json(self, body: bytes, *, editions: Sequence[str] = (), whose: UUID | None = None) -> bytes:
        """A message in JSON. Raises as `judge`."""
        ...


async def _describe_nothing(_name: str) -> OpenedSet | None:
    return None


@dataclass(frozen=True, slots=True)
class GatewayParts:
    """Everything the gateway works with, open and running; the gateway closes none of it.

    `sets` are the installed message sets by name. `checks` name the parts without which `/health/ready` says 503.
    `rules` gives the rules of all installed sets, for the pages that explain their codes; `describe_set` opens the
    reference of one set by name, `refused_sets` says by folder why a changed set was not taken; `read_response` reads
    an authority's document by a message set's name, raising a SingleWindowError for one that nobody can read.
    `push_credential` is what an agency presents when it pushes (None: it may not), `push_reader` reads the pushes of an
    agency that describes them itself (None: they are those of notification.wsdl).
    """

    settings: Settings
    traders: Traders
    intake: Intake
    reader: Reader
    tasks: Tasks
    dead_letters: DeadLetters
    agency_states: AgencyStates
    agency_pulses: AgencyPulses
    quarantine: Quarantine
    webhooks: Webhooks
    deliveries: Deliveries
    heads: Heads
    door: Judge
    sets: Mapping[str, MessageSet]
    bus: Bus
    read_words: ReadWords
    checks: Mapping[str, Check] = field(default_factory=dict)
    rules: Callable[[], Iterable[Rule]] = tuple
    read_response: Callable[[str | None, bytes], tuple[ResponseUnit, ...]] = lambda _set, _document: ()
    describe_set: Callable[[str], Awaitable[OpenedSet | None]] = _describe_nothing
    refused_sets: Callable[[], Mapping[str, str]] = dict
    push_credential: Callable[[str], Credential | None] = lambda _agency: None
    push_reader: Callable[[str], PushReader | None] = lambda _agency: None

    @property
    def agencies(self) -> list[str]:
        """The names of all agencies that the installed sets route to."""
        routes = [route for message_set in self.sets.values() for route in message_set.routes]
        named = {route.agency for route in routes} | {name for route in routes for name in route.agencies.values()}
        return sorted(named - {""})


PARTS = web.AppKey("parts", GatewayParts)
TURNS = web.AppKey("turns", Turns)
IN_FLIGHT = web.AppKey("in_flight", InFlight)
CONNECTIONS = web.AppKey("connections", Connections)
METRICS = web.AppKey("metrics", Metrics)
WAITERS = web.AppKey("waiters", Waiters)
NAMES = web.AppKey("names", NameLookups)
STOPPING = web.AppKey("stopping", asyncio.Event)
"""Set once the process has been told to end: not ready any more, long waits are cut short."""

TRADER = web.RequestKey("trader", Trader)
"""Who sent a request, present wherever the route asks for a scope."""

TURNED_AWAY = web.RequestKey("turned_away", bool)
"""Present on a request that was refused unread because intake was full: such are counted and not logged one by one."""
