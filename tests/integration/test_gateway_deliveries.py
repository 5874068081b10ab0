"""What a trader may hand in: JSON, a form field, an exchange envelope, either edition; all through one intake."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

import aiohttp
import pytest

from tests.integration.gateway_stage import ORDER_CODES, SAMPLES, GatewayStage, gateway_stage, order
from tests.unit.envelopes import enclose

JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
XML = {"Content-Type": "application/xml"}


@pytest.fixture
async def stage(database_url: str) -> AsyncIterator[GatewayStage]:
    async with gateway_stage(database_url) as opened:
        yield opened


async def post(stage: GatewayStage, body: bytes, headers: dict[str, str], status: int = 202) -> dict[str, Any]:
    response = await stage.client.post("/v1/declarations", data=body, headers=headers)
    assert response.status == status, await response.text()
    answer: dict[str, Any] = json.loads(await response.read())
    return answer


async def order_as_json(stage: GatewayStage) -> dict[str, Any]:
    """An order of ours, mapped by the gateway itself."""
    filed = await post(stage, order(), XML)
    response = await document(stage, filed, "json")
    mapped: dict[str, Any] = json.loads(await response.read())
    head = mapped["CEB303Message"]["Order"][0]["OrderHead"]
    head["orderNo"] = f"J-{uuid4().hex[:20]}"
    return mapped


async def document(stage: GatewayStage, receipt: dict[str, Any], form: str) -> aiohttp.ClientResponse:
    declaration = receipt["declarations"][0]["id"]
    response = await stage.client.get(f"/v1/declarations/{declaration}/document", params={"form": form})
    assert response.status == 200, await response.text()
    return response


async def test_json_is_filed_as_the_document_it_maps_to(stage: GatewayStage) -> None:
    mapped = await order_as_json(stage)
    body = json.dumps(mapped).encode()
    receipt = await post(stage, body, JSON)
    assert receipt["message_set"] == "ceb-2018"
    assert receipt["sha256"] == hashlib.sha256(body).hexdigest()
    assert receipt["declarations"][0]["keys"]["orderNo"] == mapped["CEB303Message"]["Order"][0]["OrderHead"]["orderNo"]
    original = await document(stage, receipt, "original")
    assert (original.content_type, await original.read()) == ("application/json", body)
    derived = await (await document(stage, receipt, "xml")).read()
    assert hashlib.sha256(derived).hexdigest() == receipt["derived_sha256"]
    assert json.loads(await (await document(stage, receipt, "json")).read()) == mapped


async def test_an_agency_is_sent_the_xml_that_json_was_judged_as(stage: GatewayStage) -> None:
    receipt = await post(stage, json.dumps(await order_as_json(stage)).encode(), JSON)
    bodies = await stage.parts.tasks.bodies([UUID(receipt["message_id"])])
    (sent,) = bodies.values()
    assert sent.startswith(b"<?xml")
    assert hashlib.sha256(sent).hexdigest() == receipt["derived_sha256"]


async def test_the_same_document_in_json_and_in_xml_is_a_duplicate(stage: GatewayStage) -> None:
    mapped = await order_as_json(stage)
    receipt = await post(stage, json.dumps(mapped).encode(), JSON)
    xml = await (await document(stage, receipt, "xml")).read()
    again = await post(stage, xml, XML)
    assert [entry["verdict"] for entry in again["declarations"]] == ["duplicate"]


async def test_mistakes_in_json_point_into_the_json(stage: GatewayStage) -> None:
    mapped = await order_as_json(stage)
    mapped["CEB303Message"]["Order"][0]["OrderList"][0]["qty"] = "many"
    refused = await post(stage, json.dumps(mapped).encode(), JSON, status=422)
    (error,) = [error for error in refused["errors"] if error["code"].startswith("xsd.")]
    assert (error["code"], error["json_pointer"]) == ("xsd.not-a-number", "/CEB303Message/Order/0/OrderList/0/qty")
    assert (error["line"], error["column"], error["value"]) == (None, None, "many")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "json.not-json"),
        (b'{"CEB303Message": {}, "CEB303Message": {}}', 422, "json.duplicate-name"),
        (b'{"CEB303Message": {"Ordr": []}}', 422, "json.unknown-name"),
        (b'{"CEB303Message": {"Order": {}}}', 422, "json.array-expected"),
        (b'{"Unheard": {}}', 422, "unknown-root"),
        (b"[]", 422, "json.root-expected"),
    ],
)
async def test_json_that_has_no_document_is_refused_with_its_place(
    stage: GatewayStage, body: bytes, status: int, code: str
) -> None:
    refused = await post(stage, body, JSON, status=status)
    assert code in {refused["code"], *(error["code"] for error in refused.get("errors", []))}


async def test_a_form_field_is_a_door_to_the_same_intake(stage: GatewayStage) -> None:
    body = order()
    receipt = await post(stage, urlencode({"xml": body}).encode(), FORM)
    assert receipt["sha256"] == hashlib.sha256(body).hexdigest()
    assert (await post(stage, body, XML))["message_id"] == receipt["message_id"]


@pytest.mark.parametrize("form", [b"", b"message=%3Ca/%3E", b"xml=%3Ca/%3E&xml=%3Ca/%3E"])
async def test_a_form_without_its_one_field_is_refused(stage: GatewayStage, form: bytes) -> None:
    await post(stage, form, FORM, status=400)


async def test_an_envelope_is_stored_as_it_came_and_found_by_its_number(stage: GatewayStage) -> None:
    number = f"M-{uuid4().hex}"
    body = enclose(order(), message_id=number, sender="DXPENTTEST")
    receipt = await post(stage, body, XML)
    assert receipt["sha256"] == hashlib.sha256(body).hexdigest()
    assert receipt["envelope"]["CopMsgId"] == number
    assert (receipt["type"], receipt["message_set"]) == ("CEB303Message", "ceb-2018")
    assert "rule.DXP-R01" in [warning["code"] for warning in receipt["warnings"]]
    found = await (await stage.client.get("/v1/declarations", params={"key": number})).json()
    assert [view["id"] for view in found["declarations"]] == [receipt["declarations"][0]["id"]]
    assert await (await document(stage, receipt, "original")).read() == body


async def choose(stage: GatewayStage, **chosen: list[str]) -> str:
    """A new trader's key, with these choices."""
    key = await stage.make_trader(*ORDER_CODES, scopes=["submit", "read"])
    holder = await stage.parts.traders.authenticate(key)
    assert holder is not None
    response = await stage.client.put(f"/v1/traders/{holder.id}/choices", json=chosen)
    assert response.status == 200, await response.text()
    return key


async def test_a_trader_may_raise_a_warning_to_an_error(stage: GatewayStage) -> None:
    body = enclose(order(), sender="DXPENTTEST")
    strict = await choose(stage, raised=["DXP-R01"])
    response = await stage.submit(body, key=strict)
    refused = json.loads(await response.read())
    assert (response.status, refused["code"]) == (422, "rule-violated")
    assert [error["code"] for error in refused["errors"]] == ["rule.DXP-R01"]
    assert (await stage.submit(body)).status == 202


async def test_the_edition_of_the_header_comes_before_the_traders_own(stage: GatewayStage) -> None:
    modern = await choose(stage, message_sets=["ceb-2022"])
    chosen = json.loads(await (await stage.submit(order(), key=modern)).read())
    named = json.loads(await (await stage.submit(order(), key=modern, Message_Set="ceb-2018")).read())
    unnamed = json.loads(await (await stage.submit(order())).read())
    assert [receipt["message_set"] for receipt in (chosen, named, unnamed)] == ["ceb-2022", "ceb-2018", "ceb-2018"]


async def test_a_set_that_is_not_installed_cannot_be_chosen(stage: GatewayStage) -> None:
    key = await stage.make_trader(*ORDER_CODES)
    holder = await stage.parts.traders.authenticate(key)
    assert holder is not None
    response = await stage.client.put(f"/v1/traders/{holder.id}/choices", json={"message_sets": ["ceb-1999"]})
    assert response.status == 400
    assert "ceb-2022" in await response.text()


async def test_a_sample_of_every_kind_survives_the_way_through_json(stage: GatewayStage) -> None:
    for sample in sorted((SAMPLES / "valid").glob("*.xml")):
        response = await stage.client.post("/v1/validations", data=sample.read_bytes(), headers=XML)
        assert (await response.json())["valid"], sample.name
        mapped = await stage.parts.door.write_json(sample.read_bytes(), editions=("ceb-2018",))
        response = await stage.client.post("/v1/validations", data=mapped, headers=JSON)
        assert (await response.json())["valid"], sample.name


async def test_the_shipped_json_sample_is_the_shipped_order(stage: GatewayStage) -> None:
    shipped = (SAMPLES / "json" / "order.json").read_bytes()
    mapped = await stage.parts.door.write_json((SAMPLES / "valid" / "order.xml").read_bytes(), editions=("ceb-2018",))
    assert json.loads(mapped) == json.loads(shipped)
    response = await stage.client.post("/v1/validations", data=shipped, headers=JSON)
    assert (await response.json())["valid"]
