"""Pressure: stalled clients, one trader's flood, a disk that fills up: all is told before work, others are served."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from singlewindow.gateway.disk_watch import DiskFull, DiskWatch, free_bytes
from singlewindow.gateway.parts import IN_FLIGHT
from tests.integration.gateway_stage import PATIENCE_SECONDS, GatewayStage, gateway_stage, order, until

PLACES = 8


@asynccontextmanager
async def stalled(stage: GatewayStage, count: int) -> AsyncIterator[list[asyncio.StreamReader]]:
    """So many submissions of the first trader whose bodies stop after their first byte."""
    host, port = stage.url.removeprefix("http://").split(":")
    head = (
        f"POST /v1/declarations HTTP/1.1\r\nHost: gw\r\nAuthorization: Bearer {stage.key}\r\n"
        "Content-Type: application/xml\r\nContent-Length: 1000\r\n\r\n<"
    )
    opened = [await asyncio.open_connection(host, int(port)) for _ in range(count)]
    for _, writer in opened:
        writer.write(head.encode())
    try:
        yield [reader for reader, _ in opened]
    finally:
        for _, writer in opened:
            writer.close()


async def test_stalled_bodies_of_one_trader_keep_no_other_out(database_url: str) -> None:
    async with gateway_stage(database_url, intake_limit=PLACES) as stage:
        other = await stage.make_trader("9999960001", "9999960002", "9999960003", "9999960004", "9999960005")
        async with stalled(stage, PLACES * 3) as readers:

            async def full() -> bool:
                return stage.application[IN_FLIGHT]._admitted == PLACES // 2

            await until(full)
            refused = await stage.submit(order())
            problem = json.loads(await refused.read())
            assert (refused.status, problem["code"]) == (429, "too-many-at-once")
            assert "Retry-After" in refused.headers
            for _ in range(5):
                assert (await stage.submit(order(), key=other)).status != 429
            turned_away = 0
            for reader in readers:
                try:
                    turned_away += b" 429 " in await asyncio.wait_for(reader.readline(), 0.2)
                except TimeoutError:
                    continue
            assert turned_away == PLACES * 3 - PLACES // 2

        async def free() -> bool:
            return stage.application[IN_FLIGHT]._admitted == 0

        await until(free)
        assert (await stage.submit(order())).status == 202


async def test_a_stalled_body_is_cut_off_and_its_place_is_free_again(database_url: str) -> None:
    async with (
        gateway_stage(database_url, intake_limit=2, body_timeout_seconds=0.3) as stage,
        stalled(stage, 1) as (reader,),
    ):
        answer = await asyncio.wait_for(reader.read(), PATIENCE_SECONDS)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert (await stage.submit(order())).status == 202


async def test_who_connects_and_says_nothing_is_cut_off(database_url: str) -> None:
    async with gateway_stage(database_url, header_timeout_seconds=0.3) as stage:
        host, port = stage.url.removeprefix("http://").split(":")
        mute = [await asyncio.open_connection(host, int(port)) for _ in range(200)]
        for reader, writer in mute:
            assert b" 408 " in await asyncio.wait_for(reader.read(), PATIENCE_SECONDS)
            writer.close()
        assert (await stage.submit(order())).status == 202


async def test_a_disk_that_is_nearly_full_takes_nothing_in(database_url: str) -> None:
    async with gateway_stage(database_url, disk_reserve_bytes=10**18) as stage:
        refused = await stage.submit(order())
        assert (refused.status, json.loads(await refused.read())["code"]) == (503, "disk-full")
        assert int(refused.headers["Retry-After"]) > 0
        assert (await stage.client.get("/v1/declarations")).status == 200


def test_the_watch_recovers_only_with_some_room_to_spare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    free = [2000, 999, 1100, 1250]
    monkeypatch.setattr("singlewindow.gateway.disk_watch.LOOK_SECONDS", 0.0)
    watch = DiskWatch(tmp_path, 1000, free=lambda _: free.pop(0))
    watch.check()
    for _ in range(2):
        with pytest.raises(DiskFull):
            watch.check()
    watch.check()


def test_a_folder_that_is_not_there_yet_is_measured_by_the_one_above_it(tmp_path: Path) -> None:
    assert free_bytes(tmp_path / "not" / "yet") > 0
