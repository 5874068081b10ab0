"""What processes of every role are made of: the ledger, the streams, the clock, and what is set alike in all of them.

`gateway_wiring` and `lane_wiring` make of it one process of each role; they load only what their role needs.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from singlewindow.adapters.declared.configuration import Retry
from singlewindow.adapters.naming import installed_agencies
from singlewindow.errors import ConfigurationError, Unavailable
from singlewindow.gateway.bus import Bus
from singlewindow.keys import Keys, keys_folder, load_keys
from singlewindow.ledger.database import Database
from singlewindow.ledger.deliveries import Deliveries
from singlewindow.ledger.sealed_secrets import SecretBox
from singlewindow.ledger.tasks import Tasks
from singlewindow.ledger.traders import Traders
from singlewindow.ledger.webhooks import Webhooks
from singlewindow.messages.identifiers import Clock, IdentifierSource
from singlewindow.messages.judgement import ResponseUnit
from singlewindow.queue.failures import capture
from singlewindow.queue.port import ReadResponse
from singlewindow.queue.retry import RetryPolicy
from singlewindow.queue.streams import ReadyStreams
from singlewindow.settings import Settings
from singlewindow.xsd.catalogue import Catalogue, load_catalogue
from singlewindow.xsd.judging import Door
from singlewindow.xsd.reloading import Reloader
from singlewindow.xsd.responses import read_response

CLOCK_SECONDS = 30.0
"""How often a process compares its clock with the database's."""

REOPEN_SECONDS = 0.2

RESEND_SECONDS = 5.0
"""Least pause before a document goes out again that its authority could not pass on."""


@dataclass(frozen=True, slots=True)
class OpenLedger:
    """A connected ledger, with the clock and identifiers that follow the database's time."""

    database: Database
    clock: Clock
    ids: IdentifierSource
    traders: Traders
    keys: Keys
    webhooks: Webhooks
    deliveries: Deliveries


@asynccontextmanager
async def open_ledger(settings: Settings, *, patient: bool = False) -> AsyncIterator[OpenLedger]:
    """The ledger alone. Raises ConfigurationError, and Unavailable while PostgreSQL is away unless `patient`."""
    if settings.database_url is None:
        raise ConfigurationError("set SINGLEWINDOW_DATABASE_URL, or run `singlewindow up`, which starts its own server")
    database = Database(
        settings.database_url,
        connections=settings.database_connections,
        timeout_seconds=settings.database_timeout_seconds,
    )
    await (_open_patiently(database) if patient else database.open())
    clock = Clock()
    ids = IdentifierSource(clock)
    keys = load_keys(keys_folder(settings))
    try:
        webhooks = Webhooks(database, SecretBox(keys.pepper), clock, ids)
        deliveries = Deliveries(database, webhooks, clock, ids)
        yield OpenLedger(database, clock, ids, Traders(database, keys.pepper, ids), keys, webhooks, deliveries)
    finally:
        await database.close()


@asynccontextmanager
async def open_door(settings: Settings) -> AsyncIterator[Door]:
    """The XML door alone, for judging without a server."""
    door = Door(load_catalogue(settings.message_sets, installed_agencies(settings)))
    try:
        yield door
    finally:
        await door.close()


@asynccontextmanager
async def open_streams(settings: Settings) -> AsyncIterator[ReadyStreams]:
    """The ready-streams alone."""
    async with ReadyStreams(settings.redis_url, timeout_seconds=settings.redis_timeout_seconds) as streams:
        yield streams


async def open_core(stack: AsyncExitStack, settings: Settings) -> tuple[OpenLedger, ReadyStreams, Bus]:
    """What a process that serves has open until it ends; it waits for PostgreSQL as long as it takes."""
    ledger = await stack.enter_async_context(open_ledger(settings, patient=True))
    following = asyncio.create_task(_follow_clock(ledger), name="clock")
    stack.callback(following.cancel)
    streams = await stack.enter_async_context(open_streams(settings))
    bus = await stack.enter_async_context(Bus(settings.redis_url, timeout_seconds=settings.redis_timeout_seconds))
    return ledger, streams, bus


async def follow_message_sets(
    stack: AsyncExitStack, settings: Settings, catalogue: Catalogue, on_change: Callable[[], Awaitable[None]]
) -> None:
    """Keep the catalogue up with the folder of message sets, where there is one."""
    if settings.message_sets is not None:
        await stack.enter_async_context(Reloader(catalogue, settings.message_sets, on_change))


async def _open_patiently(database: Database) -> None:
    """Wait for PostgreSQL as long as it takes: a process started during its recovery must not die of it."""
    while True:
        try:
            return await database.open()
        except Unavailable:
            await asyncio.sleep(REOPEN_SECONDS)


async def _follow_clock(ledger: OpenLedger) -> None:
    """Keep the offset to the database's clock; while it cannot be asked the last one holds."""
    while True:
        before = ledger.clock.time() - ledger.clock.offset_seconds
        row = await capture(ledger.database.fetchrow("server_time"))
        if row is not None and not isinstance(row, Exception):
            after = ledger.clock.time() - ledger.clock.offset_seconds
            ledger.clock.offset_seconds = row["now"] - (before + after) / 2
        await asyncio.sleep(CLOCK_SECONDS)


def make_tasks(
    ledger: OpenLedger,
    streams: ReadyStreams,
    bus: Bus,
    catalogue: Catalogue,
    settings: Settings,
    wake: Callable[[], None] = lambda: None,
) -> Tasks:
    """The tasks; `wake` is called beside the bus whenever declarations changed."""

    def announce(traders: set[UUID]) -> None:
        bus.announce(traders)
        wake()

    return Tasks(
        ledger.database, catalogue.manifests, clock=ledger.clock, ids=ledger.ids,
        on_ready=streams.announce, on_changed=announce, task_delay_seconds=task_delay(streams),
        resend_pause=_resend_pause(settings),
    )  # fmt: skip


def retry_policy(settings: Settings, budget: Retry | None = None) -> RetryPolicy:
    """The settings, with an agency's own budget over them."""
    own = budget or Retry()
    return RetryPolicy(
        own.base_seconds or settings.retry_base_seconds,
        own.cap_seconds or settings.retry_cap_seconds,
        own.max_attempts or settings.max_attempts,
        own.budget_seconds,
    )


def _resend_pause(settings: Settings) -> Callable[[int], float | None]:
    """The retry policy for what an authority asks to have again: the same attempts, never at once."""
    policy = retry_policy(settings)

    def pause(attempts: int) -> float | None:
        if attempts >= policy.max_attempts:
            return None
        return policy.delay_seconds(attempts, retry_after_seconds=RESEND_SECONDS)

    return pause


def task_delay(streams: ReadyStreams) -> Callable[[], float]:
    """How long PostgreSQL leaves a new task to the streams: two seconds, nothing while Valkey is away."""
    return lambda: 2.0 if streams.available else 0.0


def response_reader(catalogue: Catalogue) -> ReadResponse:
    """What reads an authority's document by the sets in force."""

    def read(message_set: str | None, document: bytes) -> tuple[ResponseUnit, ...]:
        return read_response(catalogue, document, message_set)

    return read
