"""A running sandbox, a single window that receives its notices, and the real adapters between them."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
from lxml import etree

from singlewindow.adapters.declared.adapter import DeclaredAdapter
from singlewindow.adapters.installed import builtin_adapters
from singlewindow.adapters.port import Answer, Call, OriginalItem, TaskItem
from singlewindow.adapters.sandbox.serving import JOURNAL, open_sandbox
from singlewindow.settings import Settings
from singlewindow.xsd.soap_envelope import http_headers, open_envelope
from singlewindow.xsd.soap_faults import SoapFault, write_fault
from singlewindow.xsd.soap_notices import read_notification, write_notification_reply

SETS = Path(__file__).parents[2] / "singlewindow" / "xsd" / "sets"
DEADLINE_SECONDS = 15.0

ROOTS = {
    "order": "CEB303Message", "payment_receipt": "CEB403Message", "waybill": "CEB505Message",
    "arrival": "CEB507Message", "departure": "CEB509Message", "inventory": "CEB603Message",
    "inventory_cancellation": "CEB605Message", "consolidation": "CEB607Message",
    "summary_application": "CEB701Message",
}  # fmt: skip


def parcel_document(kind: str, **values: str) -> bytes:
    """The shipped sample of a kind with some elements' texts changed."""
    return _change((SETS / "ceb-2018" / "samples" / "valid" / f"{kind}.xml").read_text("utf-8"), values)


def export_document(sample: str, **values: str) -> bytes:
    return _change((SETS / "export-1" / "samples" / "valid" / f"{sample}.xml").read_text("utf-8"), values)


def four_legs(lrn: str) -> bytes:
    return export_document("four_legs", LRN=lrn)


def follow_up(sample: str, declaration: bytes) -> bytes:
    """The shipped sample of a message that points to a declaration, pointing to this one."""
    root = etree.fromstring(declaration)
    lrn, declarant = root.findtext("{*}LRN"), root.findtext("{*}Declarant/{*}Identification")
    return export_document(sample, LRN=lrn or "", DeclarantIdentification=declarant or "")


def _change(text: str, values: dict[str, str]) -> bytes:
    for name, value in values.items():
        text, changed = re.subn(rf"<{name}>[^<]*</{name}>", f"<{name}>{value}</{name}>", text)
        assert changed, f"the sample has no {name}"
    return text.encode()


@cache
def _schema(namespace: str | None) -> etree.XMLSchema:
    folder = {"http://www.chinaport.gov.cn/ceb": "ceb-2018/ceb.xsd", "urn:singlewindow:export:1": "export-1/export.xsd"}
    return etree.XMLSchema(etree.parse(SETS / folder[namespace or ""]))


def check_document(document: bytes | None) -> None:
    """A response document must be valid by its own set's schema."""
    root = etree.fromstring(document or b"")
    _schema(etree.QName(root).namespace).assertValid(root)


@dataclass(frozen=True)
class Heard:
    agency: str
    notice_id: str
    task_id: UUID | None
    document: bytes

    @property
    def values(self) -> dict[str, str]:
        """Texts of the document by local name; repeated names keep the last."""
        leaves = (leaf for leaf in etree.fromstring(self.document).iter() if len(leaf) == 0)
        return {etree.QName(leaf).localname: leaf.text or "" for leaf in leaves}

    @property
    def status(self) -> str:
        return self.values.get("returnStatus") or self.values.get("Status") or self.values.get("decState", "")

    @property
    def time(self) -> str:
        return next(self.values[name] for name in ("returnTime", "StatusDateTime", "opDate") if name in self.values)


class SingleWindow:
    """Receives what agencies push; refuses everything while `away`, and the next `stop_next` for good."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        self.authorizations: set[str] = set()
        self.away = False
        self.refused = 0
        self.stop_next = 0
        app = web.Application(client_max_size=50_000_000)
        app.router.add_post("/soap/agencies/{agency}", self._receive)
        self._server = TestServer(app)

    async def start(self) -> str:
        await self._server.start_server()
        return str(self._server.make_url("/")).rstrip("/")

    async def stop(self) -> None:
        await self._server.close()

    def said_to(self, task_id: UUID) -> list[str]:
        return [heard.status for heard in self.heard if heard.task_id == task_id]

    async def hear(self, task_id: UUID, *statuses: str) -> list[Heard]:
        """Wait until these statuses, and no fewer, were pushed for a task."""
        await eventually(lambda: len(self.said_to(task_id)) >= len(statuses), lambda: str(self.said_to(task_id)))
        heard = [heard for heard in self.heard if heard.task_id == task_id]
        for one in heard:
            check_document(one.document)
        assert [one.status for one in heard] == list(statuses)
        return heard

    async def _receive(self, request: web.Request) -> web.Response:
        if self.away:
            self.refused += 1
            return web.Response(status=503)
        message = open_envelope(await request.read())
        if self.stop_next:
            self.stop_next -= 1
            fault = SoapFault("foreign-task", "no task of yours", role="client", retry="stop")
            return web.Response(status=500, body=write_fault(fault, version="1.1"), content_type="text/xml")
        notification = read_notification(message)
        assert notification.agency == request.match_info["agency"]
        self.authorizations.add(request.headers["Authorization"])
        for notice in notification.notices:
            assert notice.document is not None
            self.heard.append(Heard(notification.agency, notice.notice_id, notice.task_id, notice.document))
        reply = write_notification_reply(message, accepted=len(notification.notices))
        return web.Response(body=reply, headers=http_headers(message.version))


async def eventually(holds: Callable[[], bool], describe: Callable[[], str] = str) -> None:
    async def poll() -> None:
        while not holds():
            await asyncio.sleep(0.01)

    try:
        await asyncio.wait_for(poll(), DEADLINE_SECONDS)
    except TimeoutError:
        raise AssertionError(f"it never came true: {describe()}") from None


@dataclass
class Stage:
    url: str
    journal: Path
    window: SingleWindow
    adapters: dict[str, DeclaredAdapter] = field(default_factory=dict)

    async def send(
        self,
        agency: str,
        root: str,
        original: bytes,
        *,
        task_id: UUID | None = None,
        action: str = "declare",
        leg: int | None = None,
        ordinal: int = 1,
        references: dict[str, str] | None = None,
    ) -> Answer:
        """One task in one call through the real adapter. Raises AgencyError as the adapter does."""
        task = TaskItem(task_id or uuid4(), ordinal, references or {}, leg)
        message_set = "ceb-2018" if root.startswith("CEB") else "export-1"
        item = OriginalItem(uuid4(), message_set, root, hashlib.sha256(original).hexdigest(), original, (task,))
        call = Call(uuid4(), agency, action, "Trader One", (item,))
        adapter = self.adapters[agency]
        return (await adapter.send(adapter.prepare(call), call)).answers[0]

    async def file(self, kind: str, task_id: UUID | None = None, /, **values: str) -> Answer:
        """File a parcel's document with customs."""
        return await self.send("customs", ROOTS[kind], parcel_document(kind, **values), task_id=task_id)

    async def declare(self, lrn: str, *, task_id: UUID | None = None, **more: Any) -> Answer:
        """File the four-leg declaration with customs."""
        return await self.send("customs", "ExportDeclaration", four_legs(lrn), task_id=task_id, **more)

    def lines(self, kind: str = "effect") -> list[dict[str, Any]]:
        """What stands in the journal's file now."""
        lines = [json.loads(line) for line in self.journal.read_text("utf-8").splitlines()]
        return [line for line in lines if line["kind"] == kind]


async def ask_control(sandbox: Stage, path: str, body: object = None, *, method: str = "") -> tuple[int, object]:
    """Call the control API: GET without a body and POST with one unless `method` says otherwise."""
    async with aiohttp.ClientSession() as client:
        method = method or ("GET" if body is None else "POST")
        async with client.request(method, f"{sandbox.url}/sandbox/{path}", json=body) as reply:
            text = await reply.text()
            return reply.status, json.loads(text) if reply.content_type.endswith("json") else text


def status_of(answer: Answer) -> str:
    assert answer.notice is not None
    assert answer.notice.document is not None
    check_document(answer.notice.document)
    return Heard("", answer.notice.notice_id, None, answer.notice.document).status


@asynccontextmanager
async def stage(
    data_dir: Path, window: SingleWindow, window_url: str, *, delay_ms: str = "0-20", scenario: Path | None = None
) -> AsyncIterator[Stage]:
    """A sandbox in this process."""
    settings = Settings(
        data_dir=data_dir,
        agencies_url="http://127.0.0.1:0",
        sandbox_delay_ms=delay_ms,
        sandbox_scenario=scenario,
    )
    async with open_sandbox(settings, notify_url=window_url) as (url, _), connected(url, data_dir, window) as running:
        yield running


@asynccontextmanager
async def connected(url: str, data_dir: Path, window: SingleWindow) -> AsyncIterator[Stage]:
    """The adapters of a sandbox that runs at a URL."""
    running = Stage(url, data_dir / JOURNAL, window, builtin_adapters(Settings(agencies_url=url)))
    try:
        yield running
    finally:
        for adapter in running.adapters.values():
            await adapter.close()
