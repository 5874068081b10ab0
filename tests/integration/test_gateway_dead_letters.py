"""The operator's routes and command: dead letters of all traders, and the hold on an agency's lane."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from singlewindow.cli.dead_letters import dead_letters
from singlewindow.ledger.tasks import Decision
from tests.integration.gateway_stage import ORDER_CODES, GatewayStage, gateway_stage, order


@pytest.fixture
async def stage(database_url: str) -> AsyncIterator[GatewayStage]:
    async with gateway_stage(database_url) as opened:
        yield opened


async def call(stage: GatewayStage, method: str, path: str, *, status: int = 200, **more: Any) -> dict[str, Any]:
    response = await stage.client.request(method, path, **more)
    body = await response.read()
    assert response.status == status, body
    answer: dict[str, Any] = json.loads(body)
    return answer


async def give_up_order(stage: GatewayStage) -> tuple[str, str, bytes]:
    """A further trader's order that was given up: its task, its declaration and its bytes."""
    body = order()
    key = await stage.make_trader(*ORDER_CODES)
    receipt = json.loads(await (await stage.submit(body, key=key)).read())
    await stage.match_all()
    declaration = receipt["declarations"][0]["id"]
    task = await stage.part_of(declaration)
    claims = await stage.parts.tasks.claim_due("customs", limit=1000, visibility_seconds=0)
    (claim,) = [one for one in claims if one.task_id == task]
    exchange = uuid4()
    await stage.parts.tasks.begin_exchange(
        exchange, agency="customs", action="declare", sender=stage.trader, request=b"<Envelope/>", claims=[claim]
    )
    given_up = Decision(claim, "dead_letter", "customs finds the request too large", cause="refused")
    await stage.parts.tasks.end_call(
        exchange, http_status=413, reply=b"too large", error="413", words=(), decisions=[given_up]
    )
    return str(task), declaration, body


async def test_an_operator_sees_another_traders_dead_letter_with_its_bytes_and_its_last_exchange(
    stage: GatewayStage,
) -> None:
    task, declaration, body = await give_up_order(stage)
    listed = await call(stage, "GET", "/v1/dead-letters?agency=customs&reason=refused&state=dead_letter&limit=200")
    (letter,) = [one for one in listed["dead_letters"] if one["id"] == task]
    assert (letter["declaration_id"], letter["attempts"]) == (declaration, 1)
    assert letter["last_error"] == "customs finds the request too large"
    assert letter == await call(stage, "GET", f"/v1/dead-letters/{task}")
    document = await stage.client.get(letter["links"]["document"])
    assert (await document.read(), document.content_type) == (body, "application/xml")
    exchange = await call(stage, "GET", letter["links"]["exchange"])
    assert (exchange["http_status"], exchange["reply"]) == (413, "too large")


async def test_pages_are_followed_by_next(stage: GatewayStage) -> None:
    tasks = {(await give_up_order(stage))[0] for _ in range(3)}
    seen: set[str] = set()
    path = "/v1/dead-letters?limit=2"
    page = await call(stage, "GET", path)
    while page["next"]:
        seen |= {letter["id"] for letter in page["dead_letters"]}
        page = await call(stage, "GET", f"{path}&after={page['next']}")
    assert tasks <= seen | {letter["id"] for letter in page["dead_letters"]}


async def test_replay_of_one_of_several_and_of_a_range(stage: GatewayStage) -> None:
    (one, *others), since = [(await give_up_order(stage))[0] for _ in range(4)], "2026-01-01T00:00:00Z"
    assert await call(stage, "POST", f"/v1/dead-letters/{one}/replay") == {"id": one, "replayed": True}
    assert await call(stage, "POST", f"/v1/dead-letters/{one}/replay") == {"id": one, "replayed": False}
    answer = await call(stage, "POST", "/v1/dead-letters/replay", json={"ids": [one, others[0]]})
    assert answer == {"replayed": [others[0]], "more": False}
    answer = await call(stage, "POST", "/v1/dead-letters/replay", json={"agency": "customs", "since": since})
    assert set(others[1:]) <= set(answer["replayed"])
    assert (await call(stage, "GET", "/v1/dead-letters"))["dead_letters"] == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"ids": "all"},
        {"ids": ["no-id"]},
        {"ids": [], "agency": "customs"},
        {"agncy": "customs"},
        {"agency": 1},
        {"since": "yesterday"},
        {"state": "submitted"},
    ],
)
async def test_a_range_that_is_not_meant_is_refused(stage: GatewayStage, body: dict[str, Any]) -> None:
    refused = await call(stage, "POST", "/v1/dead-letters/replay", json=body, status=400)
    assert refused["code"] == "bad-parameter"


@pytest.mark.parametrize("query", ["state=submitted", "since=yesterday", "after=1", "trader=x", "limit=x"])
async def test_an_unusable_filter_is_refused(stage: GatewayStage, query: str) -> None:
    assert (await call(stage, "GET", f"/v1/dead-letters?{query}", status=400))["code"] == "bad-parameter"


async def test_a_discard_needs_a_reason_and_happens_once(stage: GatewayStage) -> None:
    task, _, _ = await give_up_order(stage)
    path = f"/v1/dead-letters/{task}/discard"
    for body in ({}, {"reason": " "}, {"reason": 1}, {"reason": "x" * 501}, {"reason": "a\0b"}):
        assert (await call(stage, "POST", path, json=body, status=400))["code"] == "bad-parameter"
    reason = {"reason": "a duplicate"}
    assert await call(stage, "POST", path, json=reason) == {"id": task, "discarded": True}
    assert await call(stage, "POST", path, json=reason) == {"id": task, "discarded": False}
    refused = await call(stage, "POST", f"/v1/dead-letters/{task}/replay", status=409)
    assert refused["code"] == "not-dead-letter"


async def test_only_operators_may(stage: GatewayStage) -> None:
    task, _, _ = await give_up_order(stage)
    headers = {"Authorization": f"Bearer {await stage.make_trader(*ORDER_CODES)}"}
    for method, path in (
        ("GET", "/v1/dead-letters"),
        ("GET", f"/v1/dead-letters/{task}/document"),
        ("POST", "/v1/dead-letters/replay"),
        ("POST", f"/v1/dead-letters/{task}/discard"),
        ("POST", "/v1/agencies/customs/pause"),
        ("POST", "/v1/agencies/customs/resume"),
    ):
        assert (await call(stage, method, path, headers=headers, json={}, status=403))["code"] == "forbidden"


async def test_an_agency_is_held_and_resumed_and_its_breaker_shown(stage: GatewayStage) -> None:
    task, _, _ = await give_up_order(stage)
    await stage.parts.agency_states.write_breaker("customs", wait_seconds=60, reason="wrong password", stopped=True)
    listed = {one["agency"]: one for one in (await call(stage, "GET", "/v1/agencies"))["agencies"]}
    customs, sea = listed["customs"], listed["sea"]
    assert (customs["state"], customs["breaker"]["reason"]) == ("stopped", "wrong password")
    assert customs["dead_letters"] >= 1
    assert customs["last_minute"]["failed"] >= 1
    assert 0 < customs["last_minute"]["error_rate"] <= 1
    assert (sea["state"], sea["breaker"], sea["paused"]) == ("running", {"state": "closed"}, None)
    held = await call(stage, "POST", "/v1/agencies/customs/pause", json={"reason": "maintenance"})
    assert (held["state"], held["paused"]["reason"], held["breaker"]["state"]) == ("paused", "maintenance", "stopped")
    resumed = await call(stage, "POST", "/v1/agencies/customs/resume")
    assert (resumed["state"], resumed["paused"]) == ("stopped", None)
    assert resumed["breaker"]["probe_at"] < customs["breaker"]["probe_at"]
    await call(stage, "POST", "/v1/agencies/customs/pause", json={}, status=400)
    await call(stage, "POST", "/v1/agencies/nobody/pause", json={"reason": "x"}, status=404)
    await call(stage, "POST", "/v1/agencies/nobody/resume", status=404)
    assert (await call(stage, "GET", f"/v1/dead-letters/{task}"))["agency"] == "customs"


async def test_what_waits_for_an_operator_is_measured(stage: GatewayStage) -> None:
    await give_up_order(stage)
    await stage.parts.agency_states.write_breaker("rail", wait_seconds=60, reason="no connection", stopped=False)
    text = (await (await stage.client.get("/metrics")).read()).decode()
    assert 'singlewindow_dead_letters{agency="customs",state="dead_letter"}' in text
    assert 'singlewindow_agency_away{agency="rail"} 1.0' in text


async def test_the_command_lists_replays_and_discards(stage: GatewayStage, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = [(await give_up_order(stage))[0] for _ in range(2)]
    there = ["--url", stage.url, "--key", stage.key]

    async def run(*words: str) -> str:
        await asyncio.to_thread(dead_letters, [*words, *there], result_action="return_value")
        return capsys.readouterr().out

    listed = await run("list", "--agency", "customs")
    assert first in listed
    assert "customs finds the request too large" in listed
    assert (await run("discard", first, "--reason", "a duplicate")).endswith("\ndiscarded\n")
    assert (await run("replay", second)).endswith("\n1 sent again\n")
    assert "sent again" in await run("replay", "--agency", "customs", "--reason", "refused")
    assert "0 waiting for an operator" in await run()
