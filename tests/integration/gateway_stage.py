"""A gateway on a socket over a real ledger, the real XML door and, where asked for, Valkey."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import aiohttp
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from singlewindow.adapters.naming import installed_agencies
from singlewindow.adapters.push_doors import open_push_doors
from singlewindow.gateway.application import build_application
from singlewindow.gateway.bus import Bus
from singlewindow.gateway.parts import GatewayParts
from singlewindow.gateway.serving import listening
from singlewindow.keys import keys_folder
from singlewindow.ledger.agency_pulses import AgencyPulses
from singlewindow.ledger.agency_state import AgencyStates
from singlewindow.ledger.database import Database
from singlewindow.ledger.dead_letters import DeadLetters
from singlewindow.ledger.deliveries import Deliveries
from singlewindow.ledger.heads import Heads
from singlewindow.ledger.intake import Intake
from singlewindow.ledger.migrating import migrate
from singlewindow.ledger.outcomes import Word
from singlewindow.ledger.quarantine import Quarantine
from singlewindow.ledger.reading import Reader
from singlewindow.ledger.sealed_secrets import SecretBox
from singlewindow.ledger.tasks import Tasks
from singlewindow.ledger.traders import Traders
from singlewindow.ledger.webhooks import Webhooks
from singlewindow.messages.identifiers import Clock, IdentifierSource
from singlewindow.messages.receipts import ReceiptSigner
from singlewindow.push_wiring import push_readers
from singlewindow.settings import Settings
from singlewindow.xsd.catalogue import Catalogue, load_catalogue
from singlewindow.xsd.judging import Door
from singlewindow.xsd.reference_shelf import ReferenceShelf
from singlewindow.xsd.responses import read_response
from singlewindow.xsd.soap_replies import TaskNotice

PATIENCE_SECONDS = 20.0
"""A deadline no healthy run comes near."""

SAMPLES = Path(__file__).resolve().parents[2] / "singlewindow" / "xsd" / "sets" / "ceb-2018" / "samples"
ORDER_CODES = ("9999960001", "9999960002")


@dataclass
class GatewayStage:
    """The running gateway, what stands behind it, and a client that carries the first trader's key."""

    url: str
    application: web.Application
    parts: GatewayParts
    database: Database
    client: aiohttp.ClientSession
    trader: UUID
    key: str

    async def submit(self, body: bytes, *, key: str | None = None, **headers: str) -> aiohttp.ClientResponse:
        """POST a message as XML; keyword arguments are headers with `_` for `-`."""
        sent = xml_headers(**headers) | ({"Authorization": f"Bearer {key}"} if key else {})
        return await self.client.post("/v1/declarations", data=body, headers=sent)

    async def make_trader(self, *codes: str, scopes: Sequence[str] = ("submit", "read")) -> str:
        """A further trader's API key."""
        trader = await self.parts.traders.create(f"Trader {uuid4()}", codes)
        return await self.parts.traders.create_key(trader, scopes)

    async def match_all(self) -> None:
        """Run the matching lane until nothing is left."""
        while claims := await self.parts.tasks.claim_due("match", limit=100, visibility_seconds=30):
            await self.parts.tasks.match(claims)

    async def part_of(self, declaration_id: str) -> UUID:
        """The task id of a matched declaration's first part."""
        rows = await self.database.fetch("read_parts", [UUID(declaration_id)])
        part: UUID = rows[0]["id"]
        return part


@asynccontextmanager
async def gateway_stage(dsn: str, redis_url: str | None = None, **settings: Any) -> AsyncIterator[GatewayStage]:
    """Migrate, open everything and listen on a free port."""
    configured = Settings(listen="127.0.0.1:0", **settings)
    async with AsyncExitStack() as stack:
        database = await _open_database(stack, dsn)
        bus = await stack.enter_async_context(Bus(redis_url))
        parts = await _build_parts(stack, database, bus, configured)
        trader = await parts.traders.create(f"First {uuid4()}", [], all_codes=True)
        key = await parts.traders.create_key(trader, ["submit", "read", "operate"])
        application = build_application(parts)
        url = await stack.enter_async_context(listening(application, configured))
        client = await stack.enter_async_context(
            aiohttp.ClientSession(url, headers={"Authorization": f"Bearer {key}"}, auto_decompress=False)
        )
        yield GatewayStage(url, application, parts, database, client, trader, key)


async def _open_database(stack: AsyncExitStack, dsn: str) -> Database:
    await migrate(dsn)
    database = Database(dsn, connections=6, timeout_seconds=10)
    await database.open()
    stack.push_async_callback(database.close)
    return database


async def _build_parts(stack: AsyncExitStack, database: Database, bus: Bus, settings: Settings) -> GatewayParts:
    catalogue, clock = _catalogue(settings.message_sets, settings.agencies), Clock()
    doors, _ = open_push_doors(settings, keys_folder(settings))
    shelf = ReferenceShelf(catalogue)
    sets, ids = catalogue.manifests, IdentifierSource(clock)
    traders, signer = Traders(database, b"pepper", ids), ReceiptSigner(Ed25519PrivateKey.generate())
    intake = Intake(
        database,
        traders,
        sets,
        signer,
        clock=clock,
        ids=ids,
        on_stored=lambda _: None,
        task_delay_seconds=lambda: 0.0,
    )
    tasks = Tasks(
        database,
        sets,
        clock=clock,
        ids=ids,
        on_ready=lambda _: None,
        on_changed=bus.announce,
        task_delay_seconds=lambda: 0.0,
    )
    webhooks = Webhooks(database, SecretBox(b"pepper"), clock, ids)
    door = Door(catalogue)
    stack.push_async_callback(door.close)

    async def check_ledger() -> None:
        await database.fetchrow("server_time")

    return GatewayParts(
        settings,
        traders,
        await stack.enter_async_context(intake),
        Reader(database, sets),
        tasks,
        DeadLetters(database, tasks),
        AgencyStates(database),
        AgencyPulses(database),
        Quarantine(database, ids),
        webhooks,
        Deliveries(database, webhooks, clock, ids),
        Heads(database),
        door,
        sets,
        bus,
        read_words,
        {"ledger": check_ledger},
        rules=catalogue.rules,
        read_response=lambda name, document: read_response(catalogue, document, name),
        describe_set=shelf.describe_set,
        refused_sets=shelf.refused_sets,
        push_credential=doors.credential,
        push_reader=push_readers(doors, lambda name, document: read_response(catalogue, document, name)),
    )


def read_words(agency: str, notices: Sequence[TaskNotice]) -> list[Word]:
    """Notices that name their task, read by the catalogue."""
    return [
        Word(
            agency,
            notice.task_id,
            notice.notice_id,
            read_response(_catalogue(), notice.document or b""),
            notice.document,
            "push",
        )
        for notice in notices
        if notice.task_id is not None
    ]


@cache
def _catalogue(message_sets: Path | None = None, agencies: Path | None = None) -> Catalogue:
    return load_catalogue(message_sets, installed_agencies(Settings(agencies=agencies)))


def xml_headers(**headers: str) -> dict[str, str]:
    """Headers of an XML body; names with `_` for `-`."""
    return {"Content-Type": "application/xml"} | {name.replace("_", "-"): value for name, value in headers.items()}


def order(number: str | None = None, *, value: str = "250.00", flaw: bool = False) -> bytes:
    """A valid order under a fresh number, or one with a letter in its value."""
    text = (SAMPLES / "valid" / "order.xml").read_text("utf-8")
    text = text.replace("EX-20260302-0001", number or f"EX-{uuid4().hex[:20]}")
    return text.replace("<goodsValue>250.00<", f"<goodsValue>{'25O.00' if flaw else value}<").encode()


def orders(*bodies: bytes) -> bytes:
    """One message of several orders' declarations."""
    units = [body[body.index(b"<Order>") : body.index(b"</Order>") + 8] for body in bodies]
    return bodies[0].replace(units[0], b"\n".join(units))


def order_answer(body: bytes, *, status: str = "120", moment: str = "20260302101500000", info: str = "ok") -> bytes:
    """Customs' response document to an order."""
    text = body.decode()
    number = text[text.index("<orderNo>") + 9 : text.index("</orderNo>")]
    return f"""<CEB304Message xmlns="http://www.chinaport.gov.cn/ceb" guid="{uuid4()}" version="1.0">
  <OrderReturn><guid>{uuid4()}</guid><ebpCode>{ORDER_CODES[0]}</ebpCode><ebcCode>{ORDER_CODES[1]}</ebcCode>
    <orderNo>{number}</orderNo><returnStatus>{status}</returnStatus><returnTime>{moment}</returnTime>
    <returnInfo>{info}</returnInfo></OrderReturn></CEB304Message>""".encode()


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something holds, at most PATIENCE_SECONDS."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await condition():
            await asyncio.sleep(0.02)
