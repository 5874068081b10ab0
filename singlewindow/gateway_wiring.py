"""One process of the gateway: every part of it opened and handed to the others."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack

from singlewindow import failpoints
from singlewindow.adapters.port import Notice
from singlewindow.engines.garbage import settle_garbage
from singlewindow.errors import SingleWindowError
from singlewindow.gateway.application import build_application
from singlewindow.gateway.parts import Check, GatewayParts
from singlewindow.gateway.serving import serve
from singlewindow.ledger.agency_pulses import AgencyPulses
from singlewindow.ledger.agency_state import AgencyStates
from singlewindow.ledger.database import Database
from singlewindow.ledger.dead_letters import DeadLetters
from singlewindow.ledger.heads import Heads
from singlewindow.ledger.intake import Intake
from singlewindow.ledger.quarantine import Quarantine
from singlewindow.ledger.reading import Reader
from singlewindow.ledger.tasks import Word
from singlewindow.logs import configure_logging
from singlewindow.messages.receipts import ReceiptSigner
from singlewindow.push_wiring import follow_push_doors, push_readers
from singlewindow.queue.words import read_words
from singlewindow.settings import Settings
from singlewindow.wiring import follow_message_sets, make_tasks, open_core, open_door, response_reader, task_delay
from singlewindow.xsd.catalogue import Catalogue
from singlewindow.xsd.reference_shelf import ReferenceShelf
from singlewindow.xsd.soap_replies import TaskNotice


async def run_gateway(settings: Settings) -> None:
    """One gateway process until SIGTERM."""
    configure_logging(settings.log_level)
    failpoints.arm(settings.failpoint)
    async with AsyncExitStack() as stack:
        ledger, streams, bus = await open_core(stack, settings)
        door = await stack.enter_async_context(open_door(settings))
        await follow_message_sets(stack, settings, door.catalogue, door.renew)
        warming = asyncio.create_task(door.warm())
        warming.add_done_callback(lambda _: settle_garbage())
        stack.callback(warming.cancel)
        sets, shelf = door.catalogue.manifests, ReferenceShelf(door.catalogue)
        intake = Intake(
            ledger.database, ledger.traders, sets, ReceiptSigner(ledger.keys.receipts),
            clock=ledger.clock, ids=ledger.ids, on_stored=streams.announce, task_delay_seconds=task_delay(streams),
        )  # fmt: skip
        await stack.enter_async_context(intake)
        tasks = make_tasks(ledger, streams, bus, door.catalogue, settings)
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
            read_response=response_reader(door.catalogue),
            describe_set=shelf.describe_set,
            refused_sets=shelf.refused_sets,
            push_credential=doors.credential,
            push_reader=push_readers(doors, response_reader(door.catalogue)),
        )
        await serve(build_application(parts), settings, listener=_inherited(settings), reuse_port=True)


def _inherited(settings: Settings) -> socket.socket | None:
    """The listening socket that several processes share, so that none of them takes a queue of clients with it."""
    return None if settings.listen_descriptor is None else socket.socket(fileno=settings.listen_descriptor)


def _word_reader(catalogue: Catalogue) -> Callable[[str, Sequence[TaskNotice]], list[Word]]:
    read = response_reader(catalogue)

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
