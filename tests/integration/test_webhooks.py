"""Webhooks: every event reaches its endpoint at least once, signed, in each declaration's order, over any failure."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest
from aiohttp import web

from singlewindow.ledger.deliveries import Outcome
from singlewindow.queue.delivering import SCHEDULE_SECONDS, VISIBILITY_SECONDS, Deliverer
from singlewindow.queue.posting import ANSWER_BYTES, Poster
from tests.integration.gateway_stage import until
from tests.integration.webhook_stage import DAY, Stage, opened_stage


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
