"""Webhooks: every event reaches its endpoint at least once, signed, in each declaration's order, over any failure."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from singlewindow.ledger.deliveries import Outcome
from singlewindow.messages.identifiers import Clock
from singlewindow.messages.webhook_signatures import SignatureInvalid, read_secret, verify_delivery
from singlewindow.queue.delivering import SCHEDULE_SECONDS, VISIBILITY_SECONDS, Deliverer
from singlewindow.queue.posting import ANSWER_BYTES, Poster
from tests.integration.gateway_stage import GatewayStage, gateway_stage, order, until
from tests.integration.webhook_receiver import Received, Receiver, webhook_receiver

DAY = 86_400


@dataclass
class Stage:
    """A gateway, a deliverer whose time a test moves, and a receiver."""

    gateway: GatewayStage
    deliverer: Deliverer
    receiver: Receiver
    clock: Clock

    async def call(self, method: str, path: str, body: Any = None, *, key: str | None = None) -> tuple[int, Any]:
        """Status and JSON of one request."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        async with self.gateway.client.request(method, path, json=body, headers=headers) as response:
            content = await response.read()
        return response.status, json.loads(content) if content else None

    async def register(self, **fields: Any) -> dict[str, Any]:
        """An endpoint at the receiver, with its secret."""
        status, made = await self.call("POST", "/v1/webhooks", {"url": self.receiver.url} | fields)
        assert status == 201, made
        webhook: dict[str, Any] = made
        return webhook

    async def file(self) -> str:
        """File an order and match it: several events of one declaration; its id."""
        response = await self.gateway.submit(order())
        receipt = json.loads(await response.read())
        await self.gateway.match_all()
        return str(receipt["declarations"][0]["id"])

    async def deliver(self, *, after_seconds: float = 0.0) -> None:
        """Let this time pass, then one pass and everything it started."""
        self.clock.offset_seconds += after_seconds
        await self.deliverer.pass_once()
        await self.deliverer.finish_lanes()

    async def log(self, webhook: dict[str, Any], query: str = "") -> list[dict[str, Any]]:
        """The endpoint's deliveries, newest first."""
        _, page = await self.call("GET", f"/v1/webhooks/{webhook['id']}/deliveries?limit=200{query}")
        deliveries: list[dict[str, Any]] = page["deliveries"]
        return deliveries

    async def feed(self) -> list[dict[str, Any]]:
        """The trader's events."""
        _, page = await self.call("GET", "/v1/events?limit=1000")
        events: list[dict[str, Any]] = page["events"]
        return events

    def verify(self, received: Received, secret: str) -> None:
        """Check a request as its receiver would."""
        verify_delivery(received.headers, received.body, read_secret(secret), now=self.clock.time())


@asynccontextmanager
async def opened_stage(database_url: str, **settings: Any) -> AsyncIterator[Stage]:
    async with gateway_stage(database_url, **settings) as gateway, webhook_receiver() as receiver:
        deliveries = gateway.parts.deliveries
        clock = deliveries._clock
        deliverer = Deliverer(deliveries, Poster(private=True), clock, draw=lambda low, _: low)
        try:
            yield Stage(gateway, deliverer, receiver, clock)
        finally:
            await deliverer.stop()
            # the tests of this module share a database, and another test's receiver may get this one's port
            async with gateway.database.connection() as connection:
                await connection.execute("UPDATE webhook SET deleted_at = now()")


@pytest.fixture
async def stage(database_url: str) -> AsyncIterator[Stage]:
    async with opened_stage(database_url, webhook_private_addresses=True) as opened:
        yield opened


async def test_every_event_is_delivered_once_signed_and_as_the_feed_shows_it(stage: Stage) -> None:
    await stage.file()
    webhook = await stage.register()
    declaration = await stage.file()
    await stage.deliver()
    await stage.deliver()
    expected = [event for event in await stage.feed() if event["declaration_id"] == declaration]
    assert len(expected) >= 2
    assert [one.event for one in stage.receiver.got] == [event | {"webhook": webhook["id"]} for event in expected]
    for one in stage.receiver.got:
        stage.verify(one, webhook["secret"])
        assert one.headers["content-type"] == "application/json"
    log = await stage.log(webhook)
    assert [one["webhook_id"] for one in log] == [one.id for one in reversed(stage.receiver.got)]
    assert {(one["state"], one["attempts"], one["http_status"]) for one in log} == {("delivered", 1, 204)}


async def test_a_refused_delivery_comes_again_under_the_same_id_by_the_schedule(stage: Stage) -> None:
    webhook = await stage.register(types=["state"])
    await stage.file()
    stage.receiver.answer = lambda _: 500
    await stage.deliver()
    first = stage.receiver.got[0]
    for number, wait in enumerate(SCHEDULE_SECONDS, start=2):
        await stage.deliver(after_seconds=wait - 1)
        assert len([one for one in stage.receiver.got if one.id == first.id]) == number - 1
        await stage.deliver(after_seconds=1)
        assert len([one for one in stage.receiver.got if one.id == first.id]) == number
    attempts = [one for one in stage.receiver.got if one.id == first.id]
    assert {one.body for one in attempts} == {first.body}
    assert len({one.headers["webhook-timestamp"] for one in attempts}) == len(attempts) == 10
    failed = (await stage.log(webhook, "&state=failed"))[-1]
    assert (failed["attempts"], failed["http_status"], failed["answer"]) == (10, 500, "said 500")


async def test_a_failure_is_made_good_later(stage: Stage) -> None:
    webhook = await stage.register()
    await stage.file()
    stage.receiver.answer = lambda _: 503
    await stage.deliver()
    assert {one["state"] for one in await stage.log(webhook)} == {"pending"}
    stage.receiver.answer = lambda _: 200
    await stage.deliver(after_seconds=6)
    assert {one["state"] for one in await stage.log(webhook)} == {"delivered"}


async def test_a_failing_event_holds_back_its_own_declaration_and_no_other(stage: Stage) -> None:
    await stage.register()
    stuck, free = await stage.file(), await stage.file()
    stage.receiver.answer = lambda one: 500 if one.event["declaration_id"] == stuck else 200
    await stage.deliver()
    events = await stage.feed()
    of_stuck = [event["seq"] for event in events if event["declaration_id"] == stuck]
    of_free = [event["seq"] for event in events if event["declaration_id"] == free]
    assert [one for one in stage.receiver.numbers() if one in of_stuck] == of_stuck[:1]
    assert [one for one in stage.receiver.numbers() if one in of_free] == of_free
    stage.receiver.answer = lambda _: 200
    await stage.deliver(after_seconds=6)
    assert [one for one in stage.receiver.numbers() if one in of_stuck] == [of_stuck[0], *of_stuck]


async def test_one_dead_endpoint_delays_no_other(stage: Stage) -> None:
    silent = asyncio.Event()

    async def say_nothing(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await silent.wait()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as server:
        dead = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        await stage.call("POST", "/v1/webhooks", {"url": dead})
        await stage.register()
        await stage.file()
        await stage.deliverer.pass_once()

        async def arrived() -> bool:
            return len(stage.receiver.got) >= 2

        await until(arrived)
        silent.set()
        await stage.deliverer.finish_lanes()


async def test_410_disables_the_endpoint_and_enabling_it_loses_nothing(stage: Stage) -> None:
    webhook = await stage.register()
    await stage.file()
    stage.receiver.answer = lambda _: 410
    await stage.deliver()
    met = len(stage.receiver.got)
    _, shown = await stage.call("GET", f"/v1/webhooks/{webhook['id']}")
    assert (shown["enabled"], shown["disabled_reason"]) == (False, "the receiver answered 410 Gone")
    await stage.file()
    stage.receiver.answer = lambda _: 200
    await stage.deliver(after_seconds=DAY)
    assert len(stage.receiver.got) == met
    assert (await stage.call("POST", f"/v1/webhooks/{webhook['id']}/test"))[0] == 409
    await stage.call("PATCH", f"/v1/webhooks/{webhook['id']}", {"enabled": True})
    await stage.deliver()
    assert sorted(stage.receiver.numbers()[met:]) == [event["seq"] for event in await stage.feed()]


async def test_retry_after_is_honoured_where_it_is_longer_than_the_schedule(stage: Stage) -> None:
    webhook = await stage.register(types=["state"])
    await stage.file()
    stage.receiver.answer = lambda _: web.Response(status=429, headers={"Retry-After": "120"})
    await stage.deliver()
    met = len(stage.receiver.got)
    await stage.deliver(after_seconds=119)
    assert len(stage.receiver.got) == met
    await stage.deliver(after_seconds=2)
    assert len(stage.receiver.got) > met
    assert (await stage.log(webhook))[-1]["attempts"] == 2


async def test_a_redirect_is_not_followed(stage: Stage) -> None:
    webhook = await stage.register(types=["state"])
    await stage.file()
    stage.receiver.answer = lambda _: web.Response(status=307, headers={"Location": "/elsewhere"})
    await stage.deliver()
    assert {one.path for one in stage.receiver.got} == {"/hook"}
    assert (await stage.log(webhook))[-1]["state"] == "pending"


async def test_of_a_long_answer_only_the_beginning_is_kept(stage: Stage) -> None:
    webhook = await stage.register(types=["state"])
    await stage.file()
    stage.receiver.answer = lambda _: web.Response(status=200, text="x" * 1_000_000)
    await stage.deliver()
    last = (await stage.log(webhook))[-1]
    assert (last["state"], last["answer"]) == ("delivered", "x" * ANSWER_BYTES)


async def test_an_attempt_that_was_killed_is_made_again_and_a_late_word_of_it_changes_no_decision(stage: Stage) -> None:
    webhook = await stage.register(types=["state"])
    await stage.file()
    deliveries = stage.gateway.parts.deliveries
    await deliveries.fan_out()
    (killed,) = await deliveries.claim(UUID(webhook["id"]), limit=1, visibility_seconds=VISIBILITY_SECONDS)
    await stage.deliver(after_seconds=VISIBILITY_SECONDS - 1)
    assert killed.message_id not in [one.id for one in stage.receiver.got]
    stage.receiver.answer = lambda _: 500
    await stage.deliver(after_seconds=2)
    assert killed.message_id in [one.id for one in stage.receiver.got]
    await deliveries.settle([Outcome(killed, delivered=False, error="stale")])
    assert (await stage.log(webhook))[-1]["state"] == "pending"
    late = Outcome(killed, delivered=True, http_status=200)
    await deliveries.settle([Outcome(killed, delivered=False, error="stale"), late])
    assert (await stage.log(webhook))[-1]["state"] == "delivered"


async def test_two_deliverers_send_nothing_twice(stage: Stage) -> None:
    await stage.register()
    other = Deliverer(stage.gateway.parts.deliveries, Poster(private=True), stage.clock)
    for _ in range(5):
        await stage.file()
    await asyncio.gather(stage.deliverer.pass_once(), other.pass_once())
    await asyncio.gather(stage.deliverer.finish_lanes(), other.finish_lanes())
    await stage.deliver()
    await other.stop()
    assert sorted(stage.receiver.numbers()) == [event["seq"] for event in await stage.feed()]


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


async def test_a_test_event_goes_the_way_of_all_others(stage: Stage) -> None:
    webhook = await stage.register(types=["state"])
    status, made = await stage.call("POST", f"/v1/webhooks/{webhook['id']}/test")
    assert (status, made["type"], made["seq"]) == (202, "test", None)
    await stage.deliver()
    stage.verify(stage.receiver.got[0], webhook["secret"])
    assert stage.receiver.got[0].id == made["webhook_id"]
    assert stage.receiver.got[0].event["webhook"] == webhook["id"]


async def test_a_delivery_can_be_asked_for_again(stage: Stage) -> None:
    webhook = await stage.register(types=["state"])
    await stage.file()
    await stage.deliver()
    first, met = (await stage.log(webhook))[-1], len(stage.receiver.got)
    path = f"/v1/webhooks/{webhook['id']}/deliveries/{first['id']}/redeliver"
    status, again = await stage.call("POST", path)
    assert (status, again["webhook_id"]) == (202, first["webhook_id"])
    assert again["id"] != first["id"]
    await stage.deliver()
    assert [one.id for one in stage.receiver.got[met:]] == [first["webhook_id"]]
    assert (await stage.call("POST", path.replace(first["id"], str(uuid4()))))[0] == 404


async def test_a_waiting_delivery_asked_for_again_is_not_sent_twice(stage: Stage) -> None:
    webhook = await stage.register(types=["state"])
    await stage.file()
    stage.receiver.answer = lambda _: 500
    await stage.deliver()
    met = len(stage.receiver.got)
    stage.receiver.answer = lambda _: 200
    waiting = (await stage.log(webhook, "&state=pending"))[-1]
    await stage.call("POST", f"/v1/webhooks/{webhook['id']}/deliveries/{waiting['id']}/redeliver")
    await stage.deliver()
    await stage.deliver(after_seconds=DAY)
    assert [one.id for one in stage.receiver.got[met:]].count(waiting["webhook_id"]) == 1
    assert {one["state"] for one in await stage.log(webhook)} == {"superseded", "delivered"}


async def test_a_replay_delivers_everything_after_a_number_again_under_the_same_ids(stage: Stage) -> None:
    webhook = await stage.register()
    await stage.file()
    await stage.deliver()
    before = {one.event["seq"]: one.id for one in stage.receiver.got}
    stage.receiver.answer = lambda _: 500
    await stage.file()
    await stage.deliver()
    stage.receiver.answer = lambda _: 200
    met = len(stage.receiver.got)
    assert (await stage.call("POST", f"/v1/webhooks/{webhook['id']}/replay?after=1")) == (202, {"after": 1})
    await stage.deliver()
    replayed = {one.event["seq"]: one.id for one in stage.receiver.got[met:]}
    assert sorted(stage.receiver.numbers()[met:]) == [event["seq"] for event in await stage.feed()][1:]
    assert all(replayed[seq] == name for seq, name in before.items() if seq > 1)
    assert (await stage.call("POST", f"/v1/webhooks/{webhook['id']}/replay"))[0] == 400


async def test_only_the_types_asked_for_are_delivered(stage: Stage) -> None:
    await stage.register(types=["state"])
    await stage.file()
    await stage.deliver()
    expected = [event["seq"] for event in await stage.feed() if event["type"] == "state"]
    assert sorted(stage.receiver.numbers()) == expected
    assert len(expected) < len(await stage.feed())


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


async def test_running_by_itself_it_delivers_at_a_wake_up_and_without_one(stage: Stage) -> None:
    await stage.register()
    stage.deliverer.start()
    await stage.file()

    async def arrived() -> bool:
        return sorted(stage.receiver.numbers()) == [event["seq"] for event in await stage.feed()]

    await until(arrived)
    await stage.file()
    stage.deliverer.wake()
    await until(arrived)


async def test_nothing_of_an_address_that_refuses_connections_is_lost(stage: Stage) -> None:
    webhook = await stage.register(types=["state"])
    _, changed = await stage.call("PATCH", f"/v1/webhooks/{webhook['id']}", {"url": "http://127.0.0.1:1/"})
    assert changed["url"] == "http://127.0.0.1:1/"
    await stage.file()
    await stage.deliver()
    assert (await stage.log(webhook))[-1]["error"] == "no connection could be made"
    await stage.call("PATCH", f"/v1/webhooks/{webhook['id']}", {"url": stage.receiver.url})
    await stage.deliver(after_seconds=6)
    assert (await stage.log(webhook))[-1]["state"] == "delivered"


async def test_reading_needs_the_scope_read_and_changing_the_scope_submit(stage: Stage) -> None:
    reader = await stage.gateway.make_trader(scopes=["read"])
    assert (await stage.call("GET", "/v1/webhooks", key=reader))[0] == 200
    assert (await stage.call("POST", "/v1/webhooks", {"url": stage.receiver.url}, key=reader))[0] == 403
