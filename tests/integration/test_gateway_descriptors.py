"""A gateway process that may open only few files: it turns clients away, serves those it has, and recovers."""

from __future__ import annotations

import asyncio
import os
import resource
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from singlewindow.gateway.connections import OWN_DESCRIPTORS, WANTED_DESCRIPTORS, raise_descriptor_limit
from tests.end_to_end.chain import CHECKOUT
from tests.integration.gateway_stage import PATIENCE_SECONDS, GatewayStage, gateway_stage, order, until, xml_headers

DESCRIPTORS = 128
CLIENTS = 300


@asynccontextmanager
async def cramped_gateway(stage: GatewayStage, folder: Path, **settings: str) -> AsyncIterator[aiohttp.ClientSession]:
    """A gateway process over the stage's ledger with few descriptors, and a client that keeps one connection to it."""
    (folder / "keys").mkdir()
    (folder / "keys" / "pepper").write_bytes(b"pepper")
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    chosen = {"listen": address, "data_dir": str(folder), "disk_reserve_bytes": "0", **settings}
    limited = ["sh", "-c", f'ulimit -n {DESCRIPTORS} && exec "$@"', "sh"]
    process = subprocess.Popen(
        [*limited, sys.executable, "-m", "singlewindow", "serve"], cwd=CHECKOUT, stdout=subprocess.DEVNULL,
        env={**os.environ, **{f"SINGLEWINDOW_{name.upper()}": value for name, value in chosen.items()}},
    )  # fmt: skip
    headers = {"Authorization": f"Bearer {stage.key}"}
    one = aiohttp.TCPConnector(limit=1, keepalive_timeout=PATIENCE_SECONDS)
    try:
        async with aiohttp.ClientSession(f"http://{address}", headers=headers, connector=one) as client:
            await until(lambda: _is_ready(client))
            yield client
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)


async def _is_ready(client: aiohttp.ClientSession) -> bool:
    try:
        return (await client.get("/health/ready")).status == 200
    except aiohttp.ClientError:
        return False


async def submit(client: aiohttp.ClientSession) -> int:
    """Submit an order; the status."""
    async with client.post("/v1/declarations", data=order(), headers=xml_headers()) as answer:
        return answer.status


async def first_line(reader: asyncio.StreamReader) -> bytes:
    """What one who says nothing is told, b"" where that got lost in the hanging up."""
    try:
        return await asyncio.wait_for(reader.readline(), PATIENCE_SECONDS)
    except ConnectionResetError:
        return b""


async def test_a_process_with_few_descriptors_keeps_some_for_its_own_work_and_recovers(
    database_url: str, redis_url: str, tmp_path: Path
) -> None:
    settings = {"database_url": database_url, "redis_url": redis_url, "header_timeout_seconds": "3"}
    async with gateway_stage(database_url) as stage, cramped_gateway(stage, tmp_path, **settings) as client:
        assert await submit(client) == 202
        url = client._base_url
        assert url is not None
        idle = [await asyncio.open_connection(url.host, url.port) for _ in range(CLIENTS)]
        for _ in range(20):
            assert await submit(client) == 202
        told = [await first_line(reader) for reader, _ in idle]
        turned_away = sum(b" 503 " in line for line in told)
        assert turned_away >= CLIENTS - (DESCRIPTORS - OWN_DESCRIPTORS)
        # the others had their time to speak
        assert sum(b" 408 " in line for line in told) == CLIENTS - turned_away
        for _, writer in idle:
            writer.close()
        async with aiohttp.ClientSession(url, headers=client.headers) as newcomer:
            assert await submit(newcomer) == 202


def test_a_process_takes_the_descriptors_it_may_have() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    low = min(before[0], 200)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (low, before[1]))
        raise_descriptor_limit()
        wanted = WANTED_DESCRIPTORS if before[1] == resource.RLIM_INFINITY else min(WANTED_DESCRIPTORS, before[1])
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (wanted, before[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
