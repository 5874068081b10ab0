"""The only module that knows every part: opens them, hands them to each other, and runs one process of each role."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from singlewindow import failpoints
from singlewindow.adapters.declared.configuration import Retry
from singlewindow.adapters.installed import installed_adapters, installed_agencies, retry_budget
from singlewindow.adapters.port import Notice
from singlewindow.adapters.profiles import AGENCIES
from singlewindow.adapters.reloading import AgencyReloader, take_prints
from singlewindow.agency_wiring import follow_push_doors, push_readers, watch_descriptions
from singlewindow.engines.garbage import settle_garbage
from singlewindow.engines.ready_pipe import announce_ready
from singlewindow.errors import ConfigurationError, SingleWindowError, Unavailable
from singlewindow.gateway.application import build_application
from singlewindow.gateway.bus import Bus
from singlewindow.gateway.parts import Check, GatewayParts
from singlewindow.gateway.serving import serve
from singlewindow.keys import Keys, keys_folder, load_keys
from singlewindow.ledger.agency_pulses import AgencyPulses
from singlewindow.ledger.agency_state import AgencyStates
from singlewindow.ledger.database import Database
from singlewindow.ledger.dead_letters import DeadLetters
from singlewindow.ledger.deliveries import Deliveries
from singlewindow.ledger.heads import Heads
from singlewindow.ledger.intake import Intake
from singlewindow.ledger.quarantine import Quarantine
from singlewindow.ledger.reading import Reader
from singlewindow.ledger.sealed_secrets import SecretBox
from singlewindow.ledger.sealing import Sealer
from singlewindow.ledger.tasks import Tasks, Word
from singlewindow.ledger.traders import Traders
from singlewindow.ledger.webhooks import Webhooks
from singlewindow.logs import configure_logging
from singlewindow.messages.identifiers import Clock, IdentifierSource
from singlewindow.messages.judgement import ResponseUnit
from singlewindow.messages.receipts import ReceiptSigner
from singlewindow.queue.agency_lanes import AgencyLane, LaneParts
from singlewindow.queue.delivering import Deliverer
from singlewindow.queue.failures import capture
from singlewindow.queue.lane import Lane, LaneLimits
from singlewindow.queue.matching import Matcher
from singlewindow.queue.port import ReadResponse
from singlewindow.queue.posting import Poster
from singlewindow.queue.pulse import PulseMeter, PulseWriter
from singlewindow.queue.retry import RetryPolicy
from singlewindow.queue.streams import ReadyStreams
from singlewindow.queue.watching import AgencyWatch
from singlewindow.queue.words import read_words
from singlewindow.settings import Settings
from singlewindow.xsd.catalogue import Catalogue, load_catalogue
from singlewindow.xsd.judging import Door
from singlewindow.xsd.reference_shelf import ReferenceShelf
from singlewindow.xsd.reloading import Reloader
from singlewindow.xsd.responses import read_response
from singlewindow.xsd.soap_replies import TaskNotice

__all__ = [
    "AGENCIES", "open_door", "open_ledger", "open_streams", "run_gateway", "run_lanes", "run_sandbox_agencies",
]  # fmt: skip

CLOCK_SECONDS = 30.0
"""How often a process compares its clock with the database's."""

REOPEN_SECONDS = 0.2

Runner = AgencyLane | Lane | Sealer | Deliverer | AgencyWatch | AgencyReloader | PulseWriter
"""What a process of lanes starts and stops."""

RESEND_SECONDS = 5.0
"""Least pause before a document goes out again that its authority could not pass on."""

MATCHING = LaneLimits(batch_size=100, concurrency=2, visibility_seconds=30.0)


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


async def run_gateway(settings: Settings) -> None:
    """One gateway process until SIGTERM."""
    configure_logging(settings.log_level)
    failpoints.arm(settings.failpoint)
    async with AsyncExitStack() as stack:
        ledger, streams, bus = await _open_core(stack, settings)
        door = await stack.enter_async_context(open_door(settings))
        await _follow_message_sets(stack, settings, door.catalogue, door.renew)
        warming = asyncio.create_task(door.warm())
        warming.add_done_callback(lambda _: settle_garbage())
        stack.callback(warming.cancel)
        sets, shelf = door.catalogue.manifests, ReferenceShelf(door.catalogue)
        intake = Intake(
            ledger.database, ledger.traders, sets, ReceiptSigner(ledger.keys.receipts),
            clock=ledger.clock, ids=ledger.ids, on_stored=streams.announce, task_delay_seconds=_delay(streams),
        )  # fmt: skip
        await stack.enter_async_context(intake)
        tasks = _tasks(ledger, streams, bus, door.catalogue, settings)
        doors = await follow_push_doors(stack, settings)
        parts = GatewayParts(
            settings=settings,
            traders=ledger.traders,
            intake=intake,
            reader=Reader(ledger.database, sets),
            tasks=tasks,
            dead_letters=DeadLetters(ledger.database, tasks),
            agency_states=AgencyStates(ledger.database),
            agency_pulses=AgencyPulses(ledger.database),
            quarantine=Quarantine(ledger.database, ledger.ids),
            webhooks=ledger.webhooks,
            deliveries=ledger.deliveries,
            heads=Heads(ledger.database),
            door=door,
            sets=sets,
            bus=bus,
            read_words=_word_reader(door.catalogue),
            checks={"ledger": _ledger_check(ledger.database), "schemas": _done(warming)},
            rules=door.catalogue.rules,
            read_response=_response_reader(door.catalogue),
            describe_set=shelf.describe_set,
            refused_sets=shelf.refused_sets,
            push_credential=doors.credential,
            push_reader=push_readers(doors, _response_reader(door.catalogue)),
        )
        await serve(build_application(parts), settings, listener=_inherited(settings), reuse_port=True)


def _inherited(settings: Settings) -> socket.socket | None:
    """The listening socket that several processes share, so that none of them takes a queue of clients with it."""
    return None if settings.listen_descriptor is None else socket.socket(fileno=settings.listen_descriptor)


async def run_lanes(settings: Settings) -> None:
    """One process of lanes, matching and every agency's, until SIGTERM."""
    configure_logging(settings.log_level)
    failpoints.arm(settings.failpoint)
    async with AsyncExitStack() as stack:
        ledger, streams, bus = await _open_core(stack, settings)
        prints = take_prints(settings.agencies)
        adapters = installed_adapters(settings)
        catalogue = load_catalogue(settings.message_sets, frozenset(adapters))
        await _follow_message_sets(stack, settings, catalogue, _nothing)
        deliverer = Deliverer(
            ledger.deliveries, Poster(private=settings.webhook_private_addresses), ledger.clock
        )  # fmt: skip
        tasks = _tasks(ledger, streams, bus, catalogue, settings, deliverer.wake)
        sealer = Sealer(ledger.database, ReceiptSigner(ledger.keys.receipts), ledger.clock)
        meter, quarantine = PulseMeter(), Quarantine(ledger.database, ledger.ids)
        shared = LaneParts(
            tasks, streams, _response_reader(catalogue), ledger.ids, quarantine, meter,
            policy=lambda adapter: _policy(settings, retry_budget(adapter)),
        )  # fmt: skip
        lanes = {agency: AgencyLane(adapter, shared) for agency, adapter in adapters.items()}
        for lane in lanes.values():
            stack.push_async_callback(lane.close)
        running: list[Runner] = [
            sealer, deliverer, _matching_lane(tasks, streams, settings), *lanes.values(),
            PulseWriter(meter, AgencyPulses(ledger.database)),
            await _watch_agencies(ledger.database, list(lanes.values())),
            await watch_descriptions(AgencyStates(ledger.database), settings, adapters, lanes, prints),
        ]  # fmt: skip
        for one in running:
            one.start()
        settle_garbage()
        announce_ready(settings.ready_descriptor)
        await _until_signal()
        await asyncio.gather(*(one.stop() for one in running))


async def run_sandbox_agencies(settings: Settings) -> None:
    """Every sandbox agency in one process until SIGTERM."""
    from singlewindow.adapters.sandbox.serving import run_sandbox  # production processes need none of it

    configure_logging(settings.log_level)
    await run_sandbox(settings, notify_url=settings.url)


async def _open_core(stack: AsyncExitStack, settings: Settings) -> tuple[OpenLedger, ReadyStreams, Bus]:
    ledger = await stack.enter_async_context(open_ledger(settings, patient=True))
    following = asyncio.create_task(_follow_clock(ledger), name="clock")
    stack.callback(following.cancel)
    streams = await stack.enter_async_context(open_streams(settings))
    bus = await stack.enter_async_context(Bus(settings.redis_url, timeout_seconds=settings.redis_timeout_seconds))
    return ledger, streams, bus


async def _follow_message_sets(
    stack: AsyncExitStack, settings: Settings, catalogue: Catalogue, on_change: Callable[[], Awaitable[None]]
) -> None:
    if settings.message_sets is not None:
        await stack.enter_async_context(Reloader(catalogue, settings.message_sets, on_change))


async def _nothing() -> None:
    """Lanes read manifests alone, which are always those in force."""


async def _open_patiently(database: Database) -> None:
    """Wait for PostgreSQL as long as it takes: a process started during its recovery must not die of it."""
    while True:
        try:
            return await database.open()
        except Unavailable:
            await asyncio.sleep(REOPEN_SECONDS)


async def _follow_clock(ledger: OpenLedger) -> None:
    """Keep the offset to the database's clock; while it is away the last one holds."""
    while True:
        before = ledger.clock.time() - ledger.clock.offset_seconds
        try:
            row = await ledger.database.fetchrow("server_time")
        except Unavailable:
            row = None
        if row is not None:
            after = ledger.clock.time() - ledger.clock.offset_seconds
            ledger.clock.offset_seconds = row["now"] - (before + after) / 2
        await asyncio.sleep(CLOCK_SECONDS)


def _tasks(
    ledger: OpenLedger,
    streams: ReadyStreams,
    bus: Bus,
    catalogue: Catalogue,
    settings: Settings,
    wake: Callable[[], None] = lambda: None,
) -> Tasks:
    def announce(traders: set[UUID]) -> None:
        bus.announce(traders)
        wake()

    return Tasks(
        ledger.database, catalogue.manifests, clock=ledger.clock, ids=ledger.ids,
        on_ready=streams.announce, on_changed=announce, task_delay_seconds=_delay(streams),
        resend_pause=_resend_pause(settings),
    )  # fmt: skip


def _policy(settings: Settings, budget: Retry | None = None) -> RetryPolicy:
    own = budget or Retry()
    return RetryPolicy(
        own.base_seconds or settings.retry_base_seconds,
        own.cap_seconds or settings.retry_cap_seconds,
        own.max_attempts or settings.max_attempts,
        own.budget_seconds,
    )


def _resend_pause(settings: Settings) -> Callable[[int], float | None]:
    """The retry policy for what an authority asks to have again: the same attempts, never at once."""
    policy = _policy(settings)

    def pause(attempts: int) -> float | None:
        if attempts >= policy.max_attempts:
            return None
        return policy.delay_seconds(attempts, retry_after_seconds=RESEND_SECONDS)

    return pause


def _delay(streams: ReadyStreams) -> Callable[[], float]:
    """How long PostgreSQL leaves a new task to the streams: two seconds, nothing while Valkey is away."""
    return lambda: 2.0 if streams.available else 0.0


def _matching_lane(tasks: Tasks, streams: ReadyStreams, settings: Settings) -> Lane:
    matcher = Matcher(tasks, _policy(settings))
    return Lane("match", tasks, streams=streams, perform=matcher.perform, limits=MATCHING)


async def _watch_agencies(database: Database, lanes: Sequence[AgencyLane]) -> AgencyWatch:
    """Knows, before the first claim, which agencies are held or away."""
    watch = AgencyWatch(AgencyStates(database), {lane.name: lane.breaker for lane in lanes})
    await capture(watch.synchronise())
    return watch


def _response_reader(catalogue: Catalogue) -> ReadResponse:
    def read(message_set: str | None, document: bytes) -> tuple[ResponseUnit, ...]:
        return read_response(catalogue, document, message_set)

    return read


def _word_reader(catalogue: Catalogue) -> Callable[[str, Sequence[TaskNotice]], list[Word]]:
    read = _response_reader(catalogue)

    def words(agency: str, notices: Sequence[TaskNotice]) -> list[Word]:
        given = [Notice(notice.notice_id, notice.document, notice.task_id) for notice in notices]
        return read_words(agency, given, read, via="push")

    return words


def _ledger_check(database: Database) -> Check:
    async def check() -> None:
        await database.fetchrow("server_time")

    return check


def _done(task: asyncio.Task[None]) -> Check:
    async def check() -> None:
        if not task.done():
            raise SingleWindowError("the schemas are still being compiled")
        if error := task.exception():
            raise SingleWindowError(f"the schemas could not be compiled: {error}")

    return check


async def _until_signal() -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    await stop.wait()
