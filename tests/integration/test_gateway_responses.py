"""What authorities said, as a trader reads it: explained, as received, and in XML of our own schema."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from lxml import etree

import singlewindow
from singlewindow.ledger.outcomes import Word
from singlewindow.xsd.catalogue import BUILT_IN
from tests.integration.gateway_stage import GatewayStage, gateway_stage, order, order_answer
from tests.unit.envelopes import enclose

SCHEMAS = Path(singlewindow.__file__).parent / "gateway" / "schemas"
XML = {"Accept": "application/xml"}


@pytest.fixture
async def stage(database_url: str) -> AsyncIterator[GatewayStage]:
    async with gateway_stage(database_url) as opened:
        yield opened


def validate(name: str, document: bytes) -> None:
    schema = etree.XMLSchema(etree.parse(SCHEMAS / f"{name}.xsd"))
    assert schema.validate(etree.fromstring(document)), schema.error_log


async def answered(stage: GatewayStage, *said: str, sender: str | None = None) -> tuple[str, list[bytes]]:
    """An order whose authority answered with these statuses, each a second after the one before."""
    body = order()
    filed = body if sender is None else enclose(body, sender=sender)
    receipt = json.loads(await (await stage.submit(filed)).read())
    await stage.match_all()
    declaration = receipt["declarations"][0]["id"]
    task: UUID = await stage.part_of(declaration)
    documents = []
    for second, text in enumerate(said):
        status, _, info = text.partition(" ")
        document = order_answer(body, status=status, moment=f"202603021015{second:02d}000", info=info)
        units = stage.parts.read_response("ceb-2018", document)
        await stage.parts.tasks.take_words([Word("customs", task, f"n{second}-{uuid4()}", units, document, "push")])
        documents.append(document)
    return declaration, documents


async def read(stage: GatewayStage, declaration: str) -> list[dict[str, Any]]:
    answer = await (await stage.client.get(f"/v1/declarations/{declaration}/responses")).json()
    responses: list[dict[str, Any]] = answer["responses"]
    return responses


async def test_every_code_of_a_response_is_explained(stage: GatewayStage) -> None:
    declaration, _ = await answered(stage, "120 [Code:1800;Desc:逻辑校验通过][Code:2600;Desc:放行]")
    (response,) = await read(stage, declaration)
    assert [(one["code"], one["text"]) for one in response["details"]] == [
        ("120", ""),
        ("1800", "逻辑校验通过"),
        ("2600", "放行"),
    ]
    assert response["details"][2]["meaning"] == "released"


async def test_a_refusal_says_what_its_band_means(stage: GatewayStage) -> None:
    declaration, _ = await answered(stage, "-302001 报文校验失败:系统异常:null")
    (response,) = await read(stage, declaration)
    assert response["details"][0]["meaning"] == "the order is refused"
    view = await (await stage.client.get(f"/v1/declarations/{declaration}")).json()
    (error,) = view["parts"][0]["errors"]
    assert error["code"] == "agency.ceb-2018.-302001"
    assert error["message"] == "the order is refused: 报文校验失败:系统异常:null"


async def test_no_response_is_dropped_whatever_its_order(stage: GatewayStage) -> None:
    """The last one by the authority's time stands, also where an exists-already comes later."""
    declaration, documents = await answered(stage, "2 申报", "120 入库", "-304001 业务主键重复,已存在")
    assert [response["code"] for response in await read(stage, declaration)] == ["2", "120", "-304001"]
    view = await (await stage.client.get(f"/v1/declarations/{declaration}")).json()
    assert view["status"] == "registered"
    assert len(documents) == 3


async def test_one_response_is_given_byte_for_byte(stage: GatewayStage) -> None:
    declaration, (document,) = await answered(stage, "120 入库")
    (response,) = await read(stage, declaration)
    path = f"/v1/declarations/{declaration}/responses"
    given = await stage.client.get(path, params={"notice": response["notice_id"]})
    assert (given.status, given.content_type, await given.read()) == (200, "application/xml", document)
    assert (await stage.client.get(path, params={"notice": "another"})).status == 404


async def test_a_response_goes_back_in_an_envelope_to_whoever_filed_in_one(stage: GatewayStage) -> None:
    declaration, (document,) = await answered(stage, "120 入库", sender="DXPFORWARDER")
    (response,) = await read(stage, declaration)
    wanted = {"notice": response["notice_id"], "envelope": "dxp"}
    given = await (await stage.client.get(f"/v1/declarations/{declaration}/responses", params=wanted)).read()
    root = etree.fromstring(given)
    assert etree.XMLSchema(etree.parse(BUILT_IN / "dxp" / "dxp.xsd")).validate(root)
    assert root.findtext(".//{*}ReceiverId") == "DXPFORWARDER"
    assert root.findtext(".//{*}MsgType") == "CEB304"
    assert base64.b64decode(root.findtext("{*}Data") or "") == document


async def test_a_declaration_filed_without_an_envelope_has_no_address_for_one(stage: GatewayStage) -> None:
    declaration, _ = await answered(stage, "120 入库")
    (response,) = await read(stage, declaration)
    wanted = {"notice": response["notice_id"], "envelope": "dxp"}
    refused = await stage.client.get(f"/v1/declarations/{declaration}/responses", params=wanted)
    assert (refused.status, (await refused.json(content_type=None))["code"]) == (409, "not-enclosed")


async def test_the_list_in_xml_is_of_our_schema_and_holds_what_was_received(stage: GatewayStage) -> None:
    declaration, documents = await answered(stage, "2 申报", "120 [Code:1800;Desc:通过]")
    given = await (await stage.client.get(f"/v1/declarations/{declaration}/responses", headers=XML)).read()
    validate("responses", given)
    held = [base64.b64decode(one.text or "") for one in etree.fromstring(given).iterfind(".//{*}document")]
    assert held == documents


async def test_the_receipt_in_xml_is_of_our_schema(stage: GatewayStage) -> None:
    body = order()
    taken = await stage.submit(body, Accept="application/xml")
    validate("receipt", await taken.read())
    repeated = await stage.submit(body.replace(b"<guid>", b"<guid>", 1), Accept="application/xml")
    validate("receipt", await repeated.read())
