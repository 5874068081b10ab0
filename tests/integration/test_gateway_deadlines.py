"""The gateway's own clocks: headers, bodies and idle connections have their time, whatever a client drips."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from singlewindow.gateway.parts import CONNECTIONS
from tests.integration.gateway_stage import PATIENCE_SECONDS, GatewayStage, gateway_stage, order, until

LIVE = b"GET /health/live HTTP/1.1\r\nHost: gw\r\n\r\n"
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def connected(stage: GatewayStage) -> AsyncIterator[Connection]:
    """One connection to the gateway."""
    host, port = stage.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        yield reader, writer
    finally:
        writer.close()


def head(stage: GatewayStage, length: int, *more: str) -> bytes:
    """The head of a submission whose body has so many bytes."""
    lines = (
        "POST /v1/declarations HTTP/1.1\r\nHost: gw",
        f"Authorization: Bearer {stage.key}",
        f"Content-Type: application/xml\r\nContent-Length: {length}",
        *more,
    )
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


async def drip(writer: asyncio.StreamWriter, data: bytes, *, pause_seconds: float) -> None:
    """Send byte by byte until everything is sent or the other side hangs up."""
    for position in range(len(data)):
        if writer.is_closing():
            return
        writer.write(data[position : position + 1])
        await asyncio.sleep(pause_seconds)


async def answered(reader: asyncio.StreamReader) -> bytes:
    """Everything the gateway says until it hangs up, also on who is still sending."""
    told = b""
    with suppress(ConnectionResetError):
        async with asyncio.timeout(PATIENCE_SECONDS):
            while piece := await reader.read(65_536):
                told += piece
    return told


async def read_one(reader: asyncio.StreamReader) -> bytes:
    """One answer, whose connection stays open."""
    told = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE_SECONDS)
    length = int(told.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    return told + await reader.readexactly(length)


def problem_of(answer: bytes) -> tuple[int, str, str]:
    """Status, code and detail."""
    problem = json.loads(answer.partition(b"\r\n\r\n")[2])
    return problem["status"], problem["code"], problem["detail"]


@pytest.mark.parametrize("requests_before", [0, 1])
async def test_headers_that_drip_are_cut_off_at_their_deadline(database_url: str, requests_before: int) -> None:
    async with gateway_stage(database_url, header_timeout_seconds=0.5) as stage, connected(stage) as (reader, writer):
        for _ in range(requests_before):
            writer.write(LIVE)
            await read_one(reader)
        began = time.monotonic()
        dripping = asyncio.create_task(drip(writer, LIVE[:-2] + b"X-Slow: " + b"a" * 4000, pause_seconds=0.02))
        answer = await answered(reader)
        assert time.monotonic() - began >= 0.45
        dripping.cancel()
        assert problem_of(answer)[:2] == (408, "request-timeout")


async def test_headers_begun_behind_a_request_in_work_have_their_deadline_too(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # so that it is not the clock of idle connections that ends this one
    monkeypatch.setattr("singlewindow.gateway.limits.KEEPALIVE_SECONDS", 3 * PATIENCE_SECONDS)
    async with gateway_stage(database_url, header_timeout_seconds=0.5) as stage, connected(stage) as (reader, writer):
        body = order()
        writer.write(head(stage, len(body), "Prefer: wait=2") + body)

        async def waits() -> bool:
            return stage.parts.bus.waiters == 1

        await until(waits)
        writer.write(LIVE[:10])
        answer = await answered(reader)
        # the answer under way is whole, and nothing else follows it
        assert answer.startswith(b"HTTP/1.1 202 ")
        assert answer.count(b"HTTP/1.1 ") == 1
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["declarations"]


async def test_a_long_wait_without_further_headers_outlives_their_deadline(database_url: str) -> None:
    async with gateway_stage(database_url, header_timeout_seconds=0.3) as stage, connected(stage) as (reader, writer):
        body = order()
        writer.write(head(stage, len(body), "Prefer: wait=1") + body[:100])
        await asyncio.sleep(0.1)
        writer.write(body[100:])
        assert (await read_one(reader)).startswith(b"HTTP/1.1 202 ")
        writer.write(LIVE)
        assert (await read_one(reader)).startswith(b"HTTP/1.1 200 ")


async def test_a_body_that_stalls_is_answered_before_the_deadline_of_bodies(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("singlewindow.gateway.body.PACE_SECONDS", 0.3)
    async with gateway_stage(database_url, body_timeout_seconds=600) as stage, connected(stage) as (reader, writer):
        writer.write(head(stage, 1000) + b"<")
        status, code, detail = problem_of(await answered(reader))
        assert (status, code) == (408, "request-timeout")
        assert "1000 bytes a second" in detail


async def test_a_body_below_the_least_rate_is_cut_off_although_it_never_stops(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("singlewindow.gateway.body.PACE_SECONDS", 0.5)
    async with gateway_stage(database_url, body_timeout_seconds=600) as stage, connected(stage) as (reader, writer):
        writer.write(head(stage, 100_000))
        dripping = asyncio.create_task(drip(writer, b" " * 100_000, pause_seconds=0.02))
        assert problem_of(await answered(reader))[:2] == (408, "request-timeout")
        dripping.cancel()


async def test_a_body_above_the_least_rate_is_read_to_its_end(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("singlewindow.gateway.body.PACE_SECONDS", 0.5)
    async with gateway_stage(database_url) as stage, connected(stage) as (reader, writer):
        body = order() + b" " * 20_000
        writer.write(head(stage, len(body)))
        for start in range(0, len(body), 1500):
            writer.write(body[start : start + 1500])
            await asyncio.sleep(0.1)
        assert (await read_one(reader)).startswith(b"HTTP/1.1 202 ")


async def test_a_fast_body_without_end_meets_the_deadline(database_url: str) -> None:
    async with gateway_stage(database_url, body_timeout_seconds=0.5) as stage, connected(stage) as (reader, writer):
        writer.write(head(stage, 10_000_000) + b" " * 100_000)
        assert problem_of(await answered(reader))[2] == "the body was not complete within 0.5 seconds"


async def test_a_thousand_idle_connections_are_let_go_and_others_served_meanwhile(database_url: str) -> None:
    async with gateway_stage(database_url, header_timeout_seconds=3.0, connections_per_address=0) as stage:
        host, port = stage.url.removeprefix("http://").split(":")
        idle = [await asyncio.open_connection(host, int(port)) for _ in range(1000)]
        assert (await stage.submit(order())).status == 202

        async def gone() -> bool:
            return stage.application[CONNECTIONS].open <= 1

        await until(gone)
        for reader, writer in idle:
            assert b" 408 " in await answered(reader)
            writer.close()
