"""Reading over HTTP: one's own things in full, nobody else's at all; and what is published for everybody."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest
import yaml

from singlewindow.gateway.application import ROUTES
from singlewindow.gateway.parts import STOPPING
from tests.integration.gateway_stage import ORDER_CODES, GatewayStage, gateway_stage, order


@pytest.fixture
async def stage(database_url: str) -> AsyncIterator[GatewayStage]:
    async with gateway_stage(database_url) as opened:
        yield opened


async def get(stage: GatewayStage, path: str, *, key: str | None = None, status: int = 200, **query: str) -> Any:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    response = await stage.client.get(path, headers=headers, params=query)
    body = await response.read()
    assert response.status == status, body
    return json.loads(body)


async def file_order(stage: GatewayStage, number: str | None = None) -> dict[str, Any]:
    receipt: dict[str, Any] = json.loads(await (await stage.submit(order(number))).read())
    await stage.match_all()
    return receipt


async def test_a_declaration_is_shown_with_its_parts(stage: GatewayStage) -> None:
    receipt = await file_order(stage)
    declaration = receipt["declarations"][0]["id"]
    view = await get(stage, f"/v1/declarations/{declaration}")
    assert [(part["agency"], part["holder"]) for part in view["parts"]] == [("customs", "singlewindow")]
    for link in ("events", "exchanges", "responses"):
        assert await get(stage, view["links"][link])
    assert (await get(stage, view["links"]["message"]))["declarations"][0]["id"] == declaration


async def test_the_document_is_given_back_byte_for_byte(stage: GatewayStage) -> None:
    body = order()
    receipt = json.loads(await (await stage.submit(body)).read())
    response = await stage.client.get(f"/v1/declarations/{receipt['declarations'][0]['id']}/document")
    assert await response.read() == body
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    assert response.headers["Repr-Digest"] == f"sha-256=:{digest}:"


async def test_a_declaration_is_found_by_its_number_and_pages_follow_each_other(stage: GatewayStage) -> None:
    number = f"EX-{uuid4().hex[:20]}"
    filed = await file_order(stage, number)
    await file_order(stage)
    found = await get(stage, f"/v1/declarations?key={number}")
    assert [view["id"] for view in found["declarations"]] == [filed["declarations"][0]["id"]]
    first = await get(stage, "/v1/declarations", limit="1")
    second = await get(stage, "/v1/declarations", limit="1", after=first["next"])
    assert second["declarations"][0]["id"] == filed["declarations"][0]["id"]


@pytest.mark.parametrize(
    "query",
    [
        "limit=x",
        "limit=-1",
        "limit=0",
        "status=%00",
        "key=a%00b",
        "since=yesterday",
        "after=1",
        "stauts=held",
        "until=2026-13-01",
    ],
)
async def test_an_unusable_or_unknown_parameter_is_refused(stage: GatewayStage, query: str) -> None:
    assert (await get(stage, f"/v1/declarations?{query}", status=400))["code"] == "bad-parameter"


@pytest.mark.parametrize("route", [route for route in ROUTES if "{id}" in route.path], ids=lambda route: route.path)
async def test_another_traders_id_is_as_unknown_as_one_that_never_was(stage: GatewayStage, route: Any) -> None:
    receipt = await file_order(stage)
    stranger = await stage.make_trader(*ORDER_CODES, scopes=["submit", "read", "operate"])
    ids = [receipt["message_id"], receipt["declarations"][0]["id"], str(uuid4()), "no-id"]
    answers = []
    for number in ids:
        response = await stage.client.request(
            route.method,
            route.path.replace("{id}", number),
            headers={"Authorization": f"Bearer {stranger}"},
            json={} if route.method in {"PUT", "PATCH"} else None,
        )
        answers.append((response.status, await response.read()))
    assert set(answers) == {answers[0]}
    assert answers[0][0] == 404


async def test_a_stranger_neither_waits_for_a_declaration_nor_holds_it_up(stage: GatewayStage) -> None:
    declaration = (await file_order(stage))["declarations"][0]["id"]
    stranger = {"Authorization": f"Bearer {await stage.make_trader(*ORDER_CODES)}"}
    async with stage.parts.tasks.deciding([UUID(declaration)]), asyncio.timeout(5.0):
        response = await stage.client.post(f"/v1/declarations/{declaration}/send", headers=stranger)
    assert response.status == 404


async def test_many_who_ask_for_metrics_cost_the_ledger_one_count(
    stage: GatewayStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted, depths = [], stage.parts.tasks.depths

    async def count() -> list[dict[str, Any]]:
        counted.append(1)
        return await depths()

    monkeypatch.setattr(stage.parts.tasks, "depths", count)
    answers = await asyncio.gather(*(stage.client.get("/metrics", headers={"Authorization": ""}) for _ in range(20)))
    assert {answer.status for answer in answers} == {200}
    assert len(counted) == 1


async def test_every_guarded_route_refuses_a_request_without_a_key(stage: GatewayStage) -> None:
    for route in (route for route in ROUTES if route.scope):
        path = re.sub(r"\{\w+\}", str(uuid4()), route.path)
        response = await stage.client.request(route.method, path, headers={"Authorization": "Bearer sw_wrong"})
        assert response.status == 401, route.path


async def test_a_declaration_that_is_not_held_cannot_be_sent(stage: GatewayStage) -> None:
    receipt = await file_order(stage)
    response = await stage.client.post(f"/v1/declarations/{receipt['declarations'][0]['id']}/send")
    assert (response.status, json.loads(await response.read())["code"]) == (409, "not-held")


async def test_the_contract_describes_exactly_these_routes(stage: GatewayStage) -> None:
    response = await stage.client.get("/openapi.yaml", headers={"Authorization": ""})
    contract = yaml.safe_load(await response.read())
    described = {
        (method.upper(), path)
        for path, operations in contract["paths"].items()
        for method in operations
        if method in {"get", "post", "put", "patch", "delete"}
    }
    assert contract["openapi"].startswith("3.1")
    assert described == {(route.method, route.path.replace(":.+", "")) for route in ROUTES}


async def test_the_contract_says_which_routes_need_no_key(stage: GatewayStage) -> None:
    contract = yaml.safe_load(await (await stage.client.get("/openapi.yaml")).read())
    for route in ROUTES:
        operation = contract["paths"][route.path.replace(":.+", "")][route.method.lower()]
        assert (operation.get("security") is None) == (route.scope is not None), route.path
        assert operation["operationId"] == route.handler.__name__


async def test_message_sets_can_be_listed_and_every_file_downloaded(stage: GatewayStage) -> None:
    sets = (await get(stage, "/v1/message-sets"))["message_sets"]
    ceb = next(entry for entry in sets if entry["name"] == "ceb-2018")
    assert {"CEB303Message"} <= {root["name"] for root in ceb["roots"]}
    assert ceb["schema"] in ceb["files"]
    for path in ceb["files"]:
        response = await stage.client.get(path, headers={"Authorization": ""})
        assert response.status == 200
        assert await response.read()


@pytest.mark.parametrize("path", ["../catalogue.py", "..%2fcatalogue.py", "%2fetc%2fpasswd", "samples", "none.xsd"])
async def test_nothing_but_a_listed_file_can_be_downloaded(stage: GatewayStage, path: str) -> None:
    response = await stage.client.get(f"/v1/message-sets/ceb-2018/files/{path}")
    assert response.status == 404


async def test_an_error_code_is_explained_on_a_page(stage: GatewayStage) -> None:
    known = await stage.client.get("/docs/errors/not-your-company")
    unknown = await stage.client.get("/docs/errors/%3Cscript%3E")
    assert (known.status, known.content_type) == (200, "text/html")
    assert (await stage.client.get("/docs/errors/xsd.max-length")).status == 200
    assert unknown.status == 404


@pytest.mark.parametrize(("language", "word"), [("en", "Look up"), ("zh", "查询")])
async def test_who_opens_the_address_in_a_browser_is_shown_where_to_go(
    stage: GatewayStage, language: str, word: str
) -> None:
    links = (await get(stage, "/", key="none"))["links"]
    page = await stage.client.get("/", headers={"Accept": "text/html", "Accept-Language": language})
    assert (page.status, page.content_type, page.headers["Content-Language"]) == (200, "text/html", language)
    text = await page.text()
    assert word in text
    for path in links:
        assert f'href="{path}"' in text
        assert (await stage.client.get(path)).status == 200


async def test_health_and_metrics_need_no_key_and_count_what_happened(stage: GatewayStage) -> None:
    await stage.submit(order())
    assert (await get(stage, "/health/live", key="none"))["status"] == "live"
    ready = await get(stage, "/health/ready", key="none")
    assert (ready["status"], ready["parts"]) == ("ready", {"ledger": "ready"})
    text = await (await stage.client.get("/metrics")).text()
    assert 'singlewindow_declarations_total{process="' in text
    assert 'route="/v1/declarations",status="202"} 1.0' in text
    assert 'singlewindow_queue_depth{lane="match"}' in text


async def test_readiness_names_the_part_that_does_not_serve(stage: GatewayStage) -> None:
    await stage.database.close()
    report = await get(stage, "/health/ready", status=503)
    assert report["parts"]["ledger"] != "ready"
    assert (await get(stage, "/health/live"))["status"] == "live"


async def test_without_the_ledger_the_answer_is_503_with_retry_after(stage: GatewayStage) -> None:
    assert (await stage.submit(order())).status == 202
    await stage.database.close()
    response = await stage.submit(order())
    assert (response.status, json.loads(await response.read())["status"]) == (503, 503)
    assert int(response.headers["Retry-After"]) > 0


async def test_a_process_told_to_end_is_not_ready(stage: GatewayStage) -> None:
    stage.application[STOPPING].set()
    assert (await get(stage, "/health/ready", status=503))["parts"]["process"] == "shutting down"


async def test_an_operator_registers_a_trader_whose_key_files_for_its_company(stage: GatewayStage) -> None:
    name = f"Example {uuid4()}"
    response = await stage.client.post("/v1/traders", json={"name": name, "codes": [ORDER_CODES[0]]})
    registered = json.loads(await response.read())
    assert response.status == 201
    assert (await stage.submit(order(), key=registered["api_key"])).status == 202
    again = await stage.client.post("/v1/traders", json={"name": name, "codes": []})
    assert again.status == 409
    further = await stage.client.post("/v1/keys", json={"trader": name, "scopes": ["read"]})
    key = json.loads(await further.read())
    assert (await stage.submit(order(), key=key["api_key"])).status == 403
    assert (await stage.client.post("/v1/keys", json={"trader": name})).status == 409
    assert (await stage.client.delete(f"/v1/keys/{key['key_id']}")).status == 204


@pytest.mark.parametrize(
    "body",
    ["[]", "{", '{"name": ""}', '{"name": 1}', '{"name": "x", "codes": "y"}', r'{"name": "x\u0000y", "codes": []}'],
)
async def test_an_unusable_registration_is_refused(stage: GatewayStage, body: str) -> None:
    response = await stage.client.post("/v1/traders", data=body, headers={"Content-Type": "application/json"})
    assert response.status == 400


async def test_agencies_are_listed_with_what_waits_for_them(stage: GatewayStage) -> None:
    await file_order(stage)
    agencies = {entry["agency"]: entry for entry in (await get(stage, "/v1/agencies"))["agencies"]}
    assert agencies["customs"]["waiting"] >= 1
