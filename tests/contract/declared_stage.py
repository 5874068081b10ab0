"""Agencies described by their folders alone, before stubs made of their WSDLs."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from lxml import etree

from singlewindow.adapters.declared.adapter import DeclaredAdapter
from singlewindow.adapters.port import Answer, Call, OriginalItem, TaskItem
from tests.contract.wsdl_stub import Answer as Replying
from tests.contract.wsdl_stub import Asked, WsdlStub

AGENCIES = Path(__file__).parent / "agencies"
SETS = Path(__file__).parent / "sets"
WSDLS = {"fiscal": "reception.wsdl", "harbour": "harbour.wsdl", "revenue": "revenue.wsdl"}


@asynccontextmanager
async def declared(agency: str, answer: Replying) -> AsyncIterator[tuple[DeclaredAdapter, WsdlStub]]:
    stub = WsdlStub(AGENCIES / agency / WSDLS[agency], answer, f"/{agency}")
    adapter = DeclaredAdapter(AGENCIES / agency, agencies_url=await stub.start())
    try:
        yield adapter, stub
    finally:
        await adapter.close()
        await stub.stop()


def consignments(*references: str) -> bytes:
    units = "".join(
        f"<Consignment><Reference>{reference}</Reference><Weight>{number}.5</Weight></Consignment>"
        for number, reference in enumerate(references, 1)
    )
    return f'<?xml version="1.0"?><Consignments xmlns="urn:example:consignment:1">{units}</Consignments>'.encode()


def make_call(agency: str, *references: str, call_id: UUID | None = None) -> Call:
    """One message of these consignments, every one of them a task."""
    original = consignments(*references)
    tasks = tuple(TaskItem(uuid4(), ordinal) for ordinal, _ in enumerate(references, 1))
    sha256 = hashlib.sha256(original).hexdigest()
    item = OriginalItem(uuid4(), "consignments", "Consignments", sha256, original, tasks)
    return Call(call_id or uuid4(), agency, "declare", "trader-1", (item,))


def task_ids(call: Call) -> tuple[UUID, ...]:
    return tuple(task.task_id for item in call.items for task in item.tasks)


async def submit(adapter: DeclaredAdapter, call: Call) -> tuple[Answer, ...]:
    return (await adapter.send(adapter.prepare(call), call)).answers


def fiscal_result(code: str, *, protocol: str = "P-1", time: str = "2026-11-23T10:00:00-03:00") -> dict[str, Any]:
    result = etree.fromstring(
        f'<ret xmlns="urn:example:fiscal:answers"><cStat>{code}</cStat><xMotivo>words {code}</xMotivo>'
        f"<dhRecbto>{time}</dhRecbto><nProt>{protocol}</nProt></ret>"
    )
    return {"_value_1": result}


def receipts(*rows: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"receipts": {"receipt": list(rows)}, **more}


def take_all(asked: Asked) -> dict[str, Any]:
    """The harbour takes everything that it is sent."""
    return receipts(*({"id": entry.reference, "status": "TAKEN"} for entry in asked.values.cargo.entry))


class Harbour:
    """Takes a batch now and decides later, when its news are fetched."""

    def __init__(self) -> None:
        self.references: list[str] = []

    def answer(self, asked: Asked) -> dict[str, Any]:
        if asked.operation == "register":
            self.references += [entry.reference for entry in asked.values.cargo.entry]
            return take_all(asked)
        start = int(asked.values.since or "0")
        rows = [
            {"serial": str(number), "id": reference, "status": "BERTHED", "berth": "B7"}
            for number, reference in enumerate(self.references, 1)
            if number > start
        ]
        return receipts(*rows, upTo=str(len(self.references)))


def revenue_reply(code: int, *, by_reference: bool = False) -> bytes:
    """RPC/encoded as old servers write it: typed parts, and with multiRef where wanted."""
    inner = (
        f'<code xsi:type="xsd:int">{code}</code><reason xsi:type="xsd:string">words</reason>'
        f'<entry xsi:type="xsd:string">E-{code}</entry>'
    )
    within = '<decision href="#d1"/>' if by_reference else f'<decision xsi:type="r:Decision">{inner}</decision>'
    after = f'<multiRef id="d1" xsi:type="r:Decision">{inner}</multiRef>' if by_reference else ""
    return (
        '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsd="http://www.w3.org/2001/XMLSchema"'
        ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:r="urn:example:revenue"><e:Body>'
        f"<r:fileResponse>{within}</r:fileResponse>{after}</e:Body></e:Envelope>"
    ).encode()
