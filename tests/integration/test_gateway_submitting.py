"""Filing over HTTP: receipts, repeats, refusals and waiting, against a real ledger and the real XML door."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4
from xml.etree import ElementTree as ET

import aiohttp
import pytest

from singlewindow.gateway.parts import IN_FLIGHT
from singlewindow.ledger.outcomes import Word
from singlewindow.messages.judgement import ResponseUnit
from tests.integration.gateway_stage import (
    ORDER_CODES,
    SAMPLES,
    GatewayStage,
    gateway_stage,
    order,
    orders,
    until,
    xml_headers,
)


@pytest.fixture
async def stage(database_url: str) -> AsyncIterator[GatewayStage]:
    async with gateway_stage(database_url) as opened:
        yield opened


async def problem(response: aiohttp.ClientResponse) -> dict[str, Any]:
    assert response.content_type == "application/problem+json", await response.text()
    described: dict[str, Any] = json.loads(await response.read())
    assert described["status"] == response.status
    return described


async def count_messages(stage: GatewayStage) -> int:
    async with stage.database.connection() as connection:
        return int(await connection.fetchval("SELECT count(*) FROM message"))


async def test_a_filed_order_is_answered_with_the_receipt_as_it_is_stored(stage: GatewayStage) -> None:
    body = order()
    response = await stage.submit(body)
    receipt = await response.read()
    stated = json.loads(receipt)
    assert response.status == 202
    assert stated["sha256"] == hashlib.sha256(body).hexdigest()
    assert [entry["verdict"] for entry in stated["declarations"]] == ["received"]
    assert response.headers["Location"] == f"/v1/messages/{stated['message_id']}"
    assert "Idempotent-Replay" not in response.headers
    stored = await stage.client.get(f"{response.headers['Location']}/receipt")
    assert await stored.read() == receipt


async def test_submitting_twice_with_one_key_returns_the_first_receipt(stage: GatewayStage) -> None:
    body, key = order(), str(uuid4())
    first = await stage.submit(body, Idempotency_Key=key)
    second = await stage.submit(body, Idempotency_Key=key)
    assert (first.status, second.status) == (202, 202)
    assert await first.read() == await second.read()
    assert second.headers["Idempotent-Replay"] == "true"


async def test_the_same_bytes_without_a_key_return_the_first_receipt(stage: GatewayStage) -> None:
    body = order()
    first, second = await stage.submit(body), await stage.submit(body)
    assert await first.read() == await second.read()
    assert second.headers["Idempotent-Replay"] == "true"


async def test_fifty_at_once_under_one_key_store_one_message(stage: GatewayStage) -> None:
    body, key, before = order(), str(uuid4()), await count_messages(stage)
    responses = await asyncio.gather(*(stage.submit(body, Idempotency_Key=key) for _ in range(50)))
    assert {response.status for response in responses} <= {202, 409}
    receipts = {await response.read() for response in responses if response.status == 202}
    assert len(receipts) == 1
    assert await count_messages(stage) == before + 1


async def test_a_key_with_another_body_is_refused(stage: GatewayStage) -> None:
    key = str(uuid4())
    await stage.submit(order(), Idempotency_Key=key)
    refused = await problem(await stage.submit(order(), Idempotency_Key=key))
    assert (refused["status"], refused["code"]) == (422, "key-reused")


@pytest.mark.parametrize("key", ["", "x" * 256, "schlüssel".encode().decode("latin-1")])
async def test_an_unusable_idempotency_key_is_refused(stage: GatewayStage, key: str) -> None:
    assert (await problem(await stage.submit(order(), Idempotency_Key=key)))["code"] == "bad-parameter"


async def test_other_content_under_a_taken_key_is_a_conflict_that_names_the_first(stage: GatewayStage) -> None:
    number = f"EX-{uuid4().hex[:20]}"
    first = json.loads(await (await stage.submit(order(number))).read())
    refused = await problem(await stage.submit(order(number, value="251.00")))
    assert (refused["status"], refused["code"]) == (409, "conflict")
    assert refused["existing"] == f"/v1/declarations/{first['declarations'][0]['id']}"


async def test_three_mistakes_are_answered_at_once_each_with_its_place(stage: GatewayStage) -> None:
    body = (SAMPLES / "invalid" / "three_mistakes.xml").read_bytes()
    refused = await problem(await stage.submit(body))
    assert (refused["status"], refused["code"]) == (422, "schema-invalid")
    assert refused["detail"] == "3 errors in 1 of 1 declaration"
    assert sorted(error["element"] for error in refused["errors"]) == ["currency", "ebpNmae", "goodsValue"]
    for error in refused["errors"]:
        assert error["line"] > 0
        assert error["column"] > 0
        assert error["pointer"].startswith("/CEB303Message/Order")
        assert error["docs"] == f"/docs/errors/{error['code']}"


async def test_one_bad_declaration_does_not_sink_the_others(stage: GatewayStage) -> None:
    response = await stage.submit(orders(order(flaw=True), order(), order()))
    entries = json.loads(await response.read())["declarations"]
    assert response.status == 202
    assert [entry["verdict"] for entry in entries] == ["invalid", "received", "received"]
    assert [error["element"] for error in entries[0]["errors"]] == ["goodsValue"]


async def test_a_refused_message_stores_nothing_and_gives_its_key_back(stage: GatewayStage) -> None:
    before, key, number = await count_messages(stage), str(uuid4()), f"EX-{uuid4().hex[:20]}"
    assert (await stage.submit(order(number, flaw=True), Idempotency_Key=key)).status == 422
    assert await count_messages(stage) == before
    assert (await stage.submit(order(number), Idempotency_Key=key)).status == 202


async def test_a_response_is_not_filed(stage: GatewayStage) -> None:
    body = b'<CEB304Message xmlns="http://www.chinaport.gov.cn/ceb" guid="x" version="1.0"/>'
    refused = await problem(await stage.submit(body))
    assert (refused["status"], refused["code"]) == (422, "wrong-direction")


async def test_an_unknown_root_is_answered_with_the_installed_sets(stage: GatewayStage) -> None:
    refused = await problem(await stage.submit(b"<Surprise/>"))
    assert (refused["status"], refused["code"]) == (422, "unknown-root")
    assert "ceb-2018" in refused["detail"]


async def test_broken_xml_is_answered_with_line_and_column(stage: GatewayStage) -> None:
    refused = await problem(await stage.submit(b"<a>\n <b></a>"))
    assert (refused["status"], refused["code"]) == (400, "not-well-formed")
    assert refused["errors"][0]["line"] == 2


async def test_a_trader_files_only_for_its_own_companies(stage: GatewayStage) -> None:
    stranger, owner = await stage.make_trader("1111111111"), await stage.make_trader(ORDER_CODES[1])
    body = order()
    refused = await problem(await stage.submit(body, key=stranger))
    assert (refused["status"], refused["code"]) == (403, "not-your-company")
    assert refused["errors"][0]["ordinal"] == 1
    assert (await stage.submit(body, key=owner)).status == 202


async def test_a_message_transferred_by_another_company_is_taken_with_a_warning(stage: GatewayStage) -> None:
    owner = await stage.make_trader(ORDER_CODES[1])
    own = json.loads(await (await stage.submit(order(), key=owner)).read())
    named = f"<copCode>{ORDER_CODES[1]}</copCode>".encode()
    foreign = json.loads(
        await (await stage.submit(order().replace(named, b"<copCode>8888</copCode>"), key=owner)).read()
    )
    assert own["warnings"] == []
    assert [warning["code"] for warning in foreign["warnings"]] == ["rule.DXP-R02"]


async def test_only_the_strangers_declarations_of_a_message_are_left_out(stage: GatewayStage) -> None:
    owner = await stage.make_trader(ORDER_CODES[1])
    foreign = order().replace(ORDER_CODES[0].encode(), b"2222222222").replace(ORDER_CODES[1].encode(), b"2222222223")
    response = await stage.submit(orders(order(), foreign), key=owner)
    entries = json.loads(await response.read())["declarations"]
    assert [entry["verdict"] for entry in entries] == ["received", "invalid"]
    assert entries[1]["errors"][0]["code"] == "not-your-company"


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer sw_wrong", "Basic YTpi", f"Bearer {'x' * 5000}"])
async def test_without_a_live_key_nothing_is_read(stage: GatewayStage, authorization: str) -> None:
    headers = xml_headers(Authorization=authorization)
    response = await stage.client.post("/v1/declarations", data=b"<not-even-xml", headers=headers)
    assert (await problem(response))["code"] == "unauthorized"
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


async def test_a_key_in_the_url_is_refused_although_it_is_right(stage: GatewayStage) -> None:
    for name in ("api_key", "key"):
        response = await stage.client.get("/v1/declarations", params={name: stage.key})
        assert (await problem(response))["code"] == "key-in-url"


async def test_a_key_without_the_scope_is_refused(stage: GatewayStage) -> None:
    reader = await stage.make_trader(*ORDER_CODES, scopes=["read"])
    assert (await problem(await stage.submit(order(), key=reader)))["code"] == "forbidden"


async def test_a_revoked_key_is_refused(stage: GatewayStage) -> None:
    key = await stage.make_trader(*ORDER_CODES)
    holder = await stage.parts.traders.authenticate(key)
    assert holder is not None
    assert (await stage.client.delete(f"/v1/keys/{holder.key_id}")).status == 204
    assert (await stage.submit(order(), key=key)).status == 401


async def test_past_the_limit_of_submissions_in_work_the_answer_is_503_at_once(database_url: str) -> None:
    async with gateway_stage(database_url, intake_limit=1) as stage:
        with stage.application[IN_FLIGHT].admit(uuid4()):
            response = await stage.submit(order())
        assert (await problem(response))["code"] == "unavailable"
        assert int(response.headers["Retry-After"]) > 0
        assert (await stage.submit(order())).status == 202


async def test_xml_clients_read_receipts_and_problems_in_xml(stage: GatewayStage) -> None:
    filed = await stage.submit(order(), Accept="application/xml")
    receipt = ET.fromstring(await filed.read())
    name = "{urn:singlewindow:receipt:1}"
    assert receipt.findtext(f"{name}declarations/{name}i/{name}verdict") == "received"
    refused = await stage.submit(b"<Surprise/>", Accept="application/xml")
    assert refused.content_type == "application/problem+xml"
    assert ET.fromstring(await refused.read()).findtext("{urn:ietf:rfc:7807}code") == "unknown-root"


async def test_an_answer_in_another_form_is_not_acceptable(stage: GatewayStage) -> None:
    assert (await problem(await stage.submit(order(), Accept="text/csv")))["status"] == 406


async def test_waiting_answers_as_soon_as_the_declaration_is_settled(stage: GatewayStage) -> None:
    body = order()
    waiting = asyncio.create_task(stage.submit(body, Prefer="respond-async, wait=20"))

    async def settle() -> bool:
        await stage.match_all()
        parts = await stage.database.fetch("read_parts", await declaration_ids(stage))
        said = (ResponseUnit("order", "120", "registered", "2026-03-02T02:15:00.000000Z"),)
        await stage.parts.tasks.take_words(
            [Word("customs", p["id"], str(p["id"]), said, b"<r/>", "push") for p in parts]
        )
        return waiting.done()

    await until(settle)
    response = await waiting
    answer = json.loads(await response.read())
    assert response.status == 200
    assert response.headers["Preference-Applied"] == "wait=20"
    assert [view["status"] for view in answer["declarations"]] == ["registered"]
    stored = await stage.client.get(f"/v1/messages/{answer['receipt']['message_id']}/receipt")
    assert (await stored.read()) in await response.read()


async def declaration_ids(stage: GatewayStage) -> list[Any]:
    rows = await stage.parts.reader.declarations(stage.trader)
    return [row["id"] for row in rows]


async def test_waiting_in_vain_answers_with_the_receipt(stage: GatewayStage) -> None:
    response = await stage.submit(order(), Prefer="wait=1")
    assert response.status == 202
    assert "Preference-Applied" not in response.headers
    assert json.loads(await response.read())["declarations"][0]["verdict"] == "received"


async def test_a_client_that_leaves_does_not_undo_its_filing(stage: GatewayStage) -> None:
    body, before = order(), await count_messages(stage)
    async with stage.database.transaction() as connection:
        await connection.execute("LOCK TABLE message")
        leaving = asyncio.create_task(stage.submit(body))

        async def waits_in_intake() -> bool:
            return bool(stage.application[IN_FLIGHT]._kept)

        await until(waits_in_intake)
        leaving.cancel()

    async def stored() -> bool:
        return await count_messages(stage) == before + 1

    await until(stored)


async def test_validation_tells_the_same_and_stores_nothing(stage: GatewayStage) -> None:
    before, headers = await count_messages(stage), xml_headers()
    good = await stage.client.post("/v1/validations", data=order(), headers=headers)
    bad = await stage.client.post("/v1/validations", data=orders(order(), order(flaw=True)), headers=headers)
    accepted, refused = json.loads(await good.read()), json.loads(await bad.read())
    assert (good.status, accepted["valid"], accepted["message_set"]) == (200, True, "ceb-2018")
    assert (bad.status, refused["valid"]) == (200, False)
    assert [entry["verdict"] for entry in refused["declarations"]] == ["valid", "invalid"]
    assert await count_messages(stage) == before


async def test_validation_judges_a_response_and_warns_that_it_cannot_be_filed(stage: GatewayStage) -> None:
    body = b'<CEB304Message xmlns="http://www.chinaport.gov.cn/ceb" guid="x" version="1.0"/>'
    response = await stage.client.post("/v1/validations", data=body, headers=xml_headers())
    report = json.loads(await response.read())
    assert report["direction"] == "response"
    assert [warning["code"] for warning in report["warnings"]] == ["wrong-direction"]
