"""Hearing: the feed without gaps, the live stream, and the bus between processes with and without Valkey."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import aiohttp
import pytest

from singlewindow.gateway.bus import Bus
from singlewindow.gateway.parts import STOPPING
from tests.integration.gateway_stage import PATIENCE_SECONDS, GatewayStage, gateway_stage, order, orders, until


@pytest.fixture
async def stage(database_url: str) -> AsyncIterator[GatewayStage]:
    async with gateway_stage(database_url) as opened:
        yield opened


async def read_page(stage: GatewayStage, after: int, limit: int) -> dict[str, Any]:
    response = await stage.client.get("/v1/events", params={"after": str(after), "limit": str(limit)})
    page: dict[str, Any] = json.loads(await response.read())
    return page


async def next_event(stream: aiohttp.ClientResponse) -> dict[str, Any]:
    """The next event of a stream, comments and its retry field left out."""
    while True:
        block = (await asyncio.wait_for(stream.content.readuntil(b"\n\n"), PATIENCE_SECONDS)).decode()
        fields = dict(line.split(": ", 1) for line in block.strip().splitlines() if not line.startswith(":"))
        if "data" in fields:
            return {**json.loads(fields["data"]), "last_event_id": int(fields["id"])}


async def test_pages_of_the_feed_have_no_gaps_however_many_file_at_once(stage: GatewayStage) -> None:
    await asyncio.gather(*(stage.submit(orders(order(), order())) for _ in range(20)))
    await stage.match_all()
    numbers: list[int] = []
    while (page := await read_page(stage, numbers[-1] if numbers else 0, 7))["events"]:
        numbers += [event["seq"] for event in page["events"]]
        assert page["next"] == numbers[-1]
    assert len(numbers) >= 40
    assert numbers == list(range(1, len(numbers) + 1))


async def test_the_stream_resumes_after_the_last_event_and_brings_what_comes(stage: GatewayStage) -> None:
    await stage.submit(orders(order(), order(), order()))
    async with stage.client.get("/v1/events/stream", headers={"Last-Event-ID": "2"}) as stream:
        assert stream.content_type == "text/event-stream"
        third = await next_event(stream)
        assert (third["seq"], third["last_event_id"]) == (3, 3)
        receipt = json.loads(await (await stage.submit(order())).read())
        fourth = await next_event(stream)
        assert (fourth["seq"], fourth["declaration_id"]) == (4, receipt["declarations"][0]["id"])


async def test_a_stream_ends_when_the_gateway_does(database_url: str) -> None:
    async with gateway_stage(database_url) as stage:
        stream = await stage.client.get("/v1/events/stream")
        reading = asyncio.create_task(stream.content.read())
        stage.application[STOPPING].set()
        assert b"retry:" in await asyncio.wait_for(reading, PATIENCE_SECONDS)


@pytest.mark.parametrize("last", ["x", "-1", "9" * 30])
async def test_a_last_event_id_that_is_no_number_is_refused(stage: GatewayStage, last: str) -> None:
    response = await stage.client.get("/v1/events/stream", headers={"Last-Event-ID": last})
    assert response.status == 400


async def test_news_of_a_trader_wake_its_waiters_in_another_process(redis_url: str) -> None:
    trader = uuid4()
    async with Bus(redis_url) as here, Bus(redis_url) as there:
        await until(lambda: connected(here, there))
        with there.subscribe(trader) as news, there.subscribe(uuid4()) as other:
            # the first ring may be the "look once" after connecting
            await news.wait(0)
            await other.wait(0)
            here.announce({trader})
            assert await news.wait(PATIENCE_SECONDS)
            assert not await other.wait(0.05)


async def connected(*buses: Bus) -> bool:
    return all(bus.connected for bus in buses)


async def test_news_before_the_wait_are_not_lost() -> None:
    bus, trader = Bus(None), uuid4()
    with bus.subscribe(trader) as news:
        bus.announce({trader})
        assert await news.wait(0)
        assert not await news.wait(0)
    assert bus.waiters == 0


@pytest.mark.parametrize("address", ["redis://127.0.0.1:1/0", "unix:///nowhere/valkey.sock"])
async def test_without_valkey_announcing_neither_blocks_nor_fails(address: str) -> None:
    trader = uuid4()
    async with Bus(address) as bus:
        with bus.subscribe(trader) as news:
            started = asyncio.get_running_loop().time()
            for _ in range(100):
                bus.announce({trader})
            assert asyncio.get_running_loop().time() - started < 0.5
            assert await news.wait(0)
        assert not bus.connected


async def test_a_silent_valkey_costs_a_publisher_no_more_than_its_budget() -> None:
    async def say_nothing(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(PATIENCE_SECONDS)
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    trader = uuid4()
    async with Bus(f"redis://127.0.0.1:{port}/0") as bus:
        with bus.subscribe(trader) as news:
            bus.announce({trader})
            assert await news.wait(0)
    server.close()


async def test_what_another_process_files_is_heard_through_valkey(database_url: str, redis_url: str) -> None:
    async with gateway_stage(database_url, redis_url) as stage, Bus(redis_url) as worker:
        await until(lambda: connected(stage.parts.bus, worker))
        with stage.parts.bus.subscribe(stage.trader) as news:
            await news.wait(0)
            worker.announce({stage.trader})
            assert await news.wait(PATIENCE_SECONDS)


async def test_valkey_flushed_or_cut_off_is_joined_again(redis_url: str) -> None:
    import redis.asyncio as valkey

    async with Bus(redis_url) as bus:
        await until(lambda: connected(bus))
        async with valkey.Redis.from_url(redis_url) as client:
            await client.client_kill_filter(_type="pubsub")

        async def cut_off() -> bool:
            return not bus.connected

        await until(cut_off)
        await until(lambda: connected(bus))


async def test_a_revoked_key_ends_the_streams_it_opened(stage: GatewayStage) -> None:
    key = await stage.parts.traders.create_key(stage.trader, ["read"])
    async with stage.client.get("/v1/events/stream", headers={"Authorization": f"Bearer {key}"}) as stream:
        await stream.content.readuntil(b"\n\n")
        live = await stage.parts.traders.authenticate(key)
        assert live is not None
        assert await stage.parts.traders.revoke_key(live.key_id)
        rest = await asyncio.wait_for(stream.content.read(), PATIENCE_SECONDS)
    assert b"error" not in rest
