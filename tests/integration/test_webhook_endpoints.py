"""Endpoints of webhooks: who may have them, at which addresses, and what becomes of their secrets."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from singlewindow.messages.webhook_signatures import SignatureInvalid, read_secret
from tests.integration.gateway_stage import order
from tests.integration.webhook_receiver import Received
from tests.integration.webhook_stage import DAY, Stage, opened_stage


@pytest.fixture
async def stage(database_url: str) -> AsyncIterator[Stage]:
    async with opened_stage(database_url, webhook_private_addresses=True) as opened:
        yield opened


async def test_after_a_rotation_both_secrets_sign_until_the_overlap_ends(stage: Stage) -> None:
    webhook = await stage.register(types=["state"])
    status, rotated = await stage.call("POST", f"/v1/webhooks/{webhook['id']}/rotate", {"overlap_seconds": 3600})
    assert status == 201
    assert rotated["secret"] != webhook["secret"]
    await stage.file()
    await stage.deliver()
    for secret in (webhook["secret"], rotated["secret"]):
        stage.verify(stage.receiver.got[-1], secret)
    await stage.file()
    await stage.deliver(after_seconds=3601)
    stage.verify(stage.receiver.got[-1], rotated["secret"])
    with pytest.raises(SignatureInvalid):
        stage.verify(stage.receiver.got[-1], webhook["secret"])


async def test_a_leaked_secret_can_be_ended_at_once(stage: Stage) -> None:
    webhook = await stage.register()
    _, rotated = await stage.call("POST", f"/v1/webhooks/{webhook['id']}/rotate", {"overlap_seconds": 0})
    await stage.call("POST", f"/v1/webhooks/{webhook['id']}/test")
    await stage.deliver(after_seconds=0.01)
    stage.verify(stage.receiver.got[-1], rotated["secret"])
    assert len(stage.receiver.got[-1].headers["webhook-signature"].split()) == 1


async def test_a_deleted_endpoint_gets_nothing_more(stage: Stage) -> None:
    webhook = await stage.register()
    stage.receiver.answer = lambda _: 500
    await stage.file()
    await stage.deliver()
    met = len(stage.receiver.got)
    assert (await stage.call("DELETE", f"/v1/webhooks/{webhook['id']}"))[0] == 204
    await stage.file()
    await stage.deliver(after_seconds=DAY)
    assert len(stage.receiver.got) == met
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/deliveries"), ("POST", "/test")):
        assert (await stage.call(method, f"/v1/webhooks/{webhook['id']}{path}"))[0] == 404


async def test_another_traders_endpoint_is_not_there(stage: Stage) -> None:
    webhook = await stage.register()
    _, made = await stage.call("POST", f"/v1/webhooks/{webhook['id']}/test")
    stranger = await stage.gateway.make_trader()
    path = f"/v1/webhooks/{webhook['id']}"
    calls: list[tuple[str, str, Any]] = [
        ("GET", path, None), ("PATCH", path, {"enabled": False}), ("DELETE", path, None),
        ("POST", f"{path}/rotate", {}), ("POST", f"{path}/test", None), ("POST", f"{path}/replay?after=0", None),
        ("GET", f"{path}/deliveries", None), ("POST", f"{path}/deliveries/{made['id']}/redeliver", None),
    ]  # fmt: skip
    for method, address, body in calls:
        assert (await stage.call(method, address, body, key=stranger))[0] == 404, (method, address)
    assert (await stage.call("GET", "/v1/webhooks", key=stranger))[1] == {"webhooks": []}
    stage.verify((await _only(stage)), webhook["secret"])


async def _only(stage: Stage) -> Received:
    await stage.deliver()
    (one,) = stage.receiver.got
    return one


async def test_a_secret_is_in_no_later_answer_no_log_and_no_row(stage: Stage) -> None:
    with capture_logs() as logs:
        webhook = await stage.register()
        _, rotated = await stage.call("POST", f"/v1/webhooks/{webhook['id']}/rotate")
        await stage.file()
        await stage.deliver()
        stage.receiver.answer = lambda _: 500
        await stage.file()
        await stage.deliver()
        told = [await stage.call("GET", f"/v1/webhooks{path}") for path in ("", f"/{webhook['id']}")]
        log = await stage.log(webhook)
    async with stage.gateway.database.connection() as connection:
        rows = await connection.fetch("SELECT * FROM webhook_secret")
    for secret in (webhook["secret"], rotated["secret"]):
        bare = secret.removeprefix("whsec_")
        assert bare not in json.dumps([told, log, logs], default=str)
        assert all(read_secret(secret) not in row["sealed"] for row in rows)


async def test_a_trader_has_twenty_endpoints_at_most_however_many_ask_at_once(stage: Stage) -> None:
    body = {"url": stage.receiver.url}
    answers = await asyncio.gather(*(stage.call("POST", "/v1/webhooks", body) for _ in range(24)))
    assert sorted(status for status, _ in answers) == [201] * 20 + [409] * 4


@pytest.mark.parametrize(
    "body",
    [
        {}, {"url": 1}, {"url": None}, [], {"url": "http://a/", "typs": []}, {"types": "state"}, {"types": ["A!"]},
        {"description": 1}, {"description": "\x00"}, {"description": "x" * 201}, {"secret": "whsec_eA=="},
    ],
)  # fmt: skip
async def test_a_registration_that_makes_no_sense_is_refused(stage: Stage, body: Any) -> None:
    stated = {"url": stage.receiver.url, **body} if isinstance(body, dict) and body else body
    status, problem = await stage.call("POST", "/v1/webhooks", stated)
    assert (status, problem["code"]) in {(400, "bad-parameter"), (400, "bad-request")}


@pytest.mark.parametrize(
    "url",
    ["http://example.com/", "https://[::ffff:127.0.0.1]/", "https://0x7f.1/", "https://localhost/", "file:///etc/hosts",
     "https://user@example.com/", "https://example.com:22/", "https://169.254.169.254/"],
)  # fmt: skip
async def test_without_the_operators_leave_only_public_addresses_are_registered(database_url: str, url: str) -> None:
    async with opened_stage(database_url) as stage:
        status, problem = await stage.call("POST", "/v1/webhooks", {"url": url})
        assert (status, problem["code"]) == (422, "webhook-address")


async def test_names_that_do_not_answer_hold_nobody_else_up(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    let_go, system = threading.Event(), socket.getaddrinfo

    def look_up(host: Any, *wanted: Any, **more: Any) -> Any:
        if not str(host).endswith(".slow.example"):
            return system(host, *wanted, **more)
        let_go.wait(20)
        raise socket.gaierror(socket.EAI_AGAIN, "no server answered")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    async with opened_stage(database_url, webhook_private_addresses=False) as stage:
        urls = [f"https://{number}.slow.example/" for number in range(40)]
        flood = [asyncio.create_task(stage.call("POST", "/v1/webhooks", {"url": url})) for url in urls]
        await asyncio.sleep(0.2)
        response = await stage.gateway.submit(gzip.compress(order()), Content_Encoding="gzip")
        assert response.status == 202
        assert not any(one.done() for one in flood)
        assert {status for status, _ in await asyncio.gather(*flood)} == {201, 409}
        let_go.set()


async def test_reading_needs_the_scope_read_and_changing_the_scope_submit(stage: Stage) -> None:
    reader = await stage.gateway.make_trader(scopes=["read"])
    assert (await stage.call("GET", "/v1/webhooks", key=reader))[0] == 200
    assert (await stage.call("POST", "/v1/webhooks", {"url": stage.receiver.url}, key=reader))[0] == 403
