"""Requests that are not lawful, not complete, or too much: each gets its own answer and the gateway stays up."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from singlewindow.gateway.parts import IN_FLIGHT
from tests.integration.gateway_stage import GatewayStage, gateway_stage, order, until, xml_headers

LIMIT = 200_000

ANSWERS = {
    "bare_lf": 400,
    "ce_double": 415,
    "ce_garbage": 400,
    "ce_unknown": 415,
    "cl_1tb": 413,
    "cl_neg": 400,
    "cl_plus": 400,
    "cl_te": 400,
    "dup_host": 400,
    "half_body": 408,
    "half_header": 408,
    "hdr_200": 431,
    "hdr_9k": 431,
    "http2_version": 505,
    "no_host": 400,
    "nul_header": 400,
    "obs_fold": 400,
    "space_colon": 400,
    "te_dup": 400,
    "te_xchunked": 400,
    "two_cl": 400,
}
"""The published requests by name, with the status each must get once it is authenticated."""


@pytest.fixture
async def stage(database_url: str) -> AsyncIterator[GatewayStage]:
    limits: dict[str, Any] = {"max_body_bytes": LIMIT, "header_timeout_seconds": 0.4, "body_timeout_seconds": 0.4}
    async with gateway_stage(database_url, **limits) as opened:
        yield opened
        # whatever happened, the gateway still files
        assert (await opened.submit(order())).status == 202


async def talk(stage: GatewayStage, request: bytes) -> bytes:
    """Everything the gateway says to these bytes until it closes; the sender sends nothing more."""
    host, port = stage.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(request)
        async with asyncio.timeout(15):
            return await reader.read()
    finally:
        writer.close()


def authorized(stage: GatewayStage, request: bytes) -> bytes:
    """The request with a key and a content type, so that it gets as far as its fault."""
    line, _, rest = request.partition(b"\r\n")
    if not line.startswith(b"POST /v1/declarations"):
        return request
    added = f"Authorization: Bearer {stage.key}\r\nContent-Type: application/xml\r\nConnection: close\r\n"
    return line + b"\r\n" + added.encode() + rest


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def problem_of(answer: bytes) -> dict[str, Any]:
    described: dict[str, Any] = json.loads(answer.partition(b"\r\n\r\n")[2])
    return described


@pytest.mark.parametrize("name", sorted(ANSWERS))
async def test_a_published_hostile_request_gets_its_status_and_a_closed_connection(
    stage: GatewayStage, shared_samples: Path, name: str
) -> None:
    request = (shared_samples / "bad-xml" / "generated_http" / f"{name}.http").read_bytes()
    answer = await talk(stage, authorized(stage, request))
    assert status_of(answer) == ANSWERS[name]
    assert problem_of(answer)["status"] == ANSWERS[name]


async def test_every_published_request_is_expected_here(shared_samples: Path) -> None:
    published = {path.stem for path in (shared_samples / "bad-xml" / "generated_http").glob("*.http")}
    assert published == set(ANSWERS)


async def test_a_parser_error_repeats_nothing_of_the_request(stage: GatewayStage) -> None:
    answer = await talk(stage, b"POST / HTTP/1.1\r\nHost: a\r\nX-CANARY\x00: secret-canary\r\n\r\n")
    assert status_of(answer) == 400
    assert b"canary" not in answer.lower()


async def test_a_broken_chunk_is_answered_400_before_the_body_deadline(database_url: str) -> None:
    async with gateway_stage(database_url, body_timeout_seconds=60) as stage:
        head = b"POST /v1/declarations HTTP/1.1\r\nHost: gw\r\nTransfer-Encoding: chunked\r\n\r\n"
        host, port = stage.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(authorized(stage, head + b"4\r\n<r/>\r\n"))

        async def is_being_read() -> bool:
            return stage.application[IN_FLIGHT]._admitted == 1

        await until(is_being_read)
        writer.write(b"ZZ\r\n")
        assert status_of(await asyncio.wait_for(reader.read(), 15)) == 400
        writer.close()


async def test_a_target_that_is_too_long_is_414(stage: GatewayStage) -> None:
    answer = await talk(stage, b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: gw\r\n\r\n")
    assert (status_of(answer), problem_of(answer)["code"]) == (414, "uri-too-long")


@pytest.mark.parametrize("length", [LIMIT + 1, 1_000_000_000])
async def test_a_body_over_the_limit_is_refused_from_its_header_alone(stage: GatewayStage, length: int) -> None:
    head = f"POST /v1/declarations HTTP/1.1\r\nHost: gw\r\nContent-Length: {length}\r\n\r\n"
    answer = await talk(stage, authorized(stage, head.encode()))
    assert (status_of(answer), problem_of(answer)["code"]) == (413, "too-large")
    assert b"Connection: close" in answer


async def test_a_chunked_body_over_the_limit_is_refused_too(stage: GatewayStage) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(LIMIT // 1000 + 1):
            yield b"<" + b"a" * 999

    response = await stage.client.post("/v1/declarations", data=chunks(), headers=xml_headers())
    assert response.status == 413


async def test_a_body_of_exactly_the_limit_is_read(stage: GatewayStage) -> None:
    body = order()
    padded = body + b" " * (LIMIT - len(body))
    assert (await stage.submit(padded)).status == 202


async def test_gzip_is_taken(stage: GatewayStage) -> None:
    body = order()
    response = await stage.submit(gzip.compress(body), Content_Encoding="gzip")
    assert response.status == 202
    assert json.loads(await response.read())["bytes"] == len(body)


async def test_a_gzip_bomb_is_refused(stage: GatewayStage) -> None:
    bomb = gzip.compress(b"<a>" + bytes(50_000_000))
    assert len(bomb) < LIMIT
    assert (await stage.submit(bomb, Content_Encoding="gzip")).status == 413


@pytest.mark.parametrize(
    "broken", [b"", b"hello", gzip.compress(b"<a/>")[:-4], gzip.compress(b"<a/>") + b"x", zlib.compress(b"<a/>")]
)
async def test_broken_gzip_is_refused(stage: GatewayStage, broken: bytes) -> None:
    response = await stage.submit(broken, Content_Encoding="gzip")
    assert (response.status, json.loads(await response.read())["code"]) == (400, "bad-content-encoding")


@pytest.mark.parametrize(
    "content_type",
    [
        "text/html",
        "multipart/form-data; boundary=x",
        "application/octet-stream",
        "application/xml; charset=utf-7",
        "application/xml; charset=ebcdic-cp-us",
        ";gbk*",
        "application/xml*0;wait*0²",
        "application/xml;charset*0*=\"''",
    ],
)
async def test_another_content_type_is_415(stage: GatewayStage, content_type: str) -> None:
    assert (await stage.submit(order(), Content_Type=content_type)).status == 415


async def test_a_missing_content_type_is_415(stage: GatewayStage) -> None:
    response = await stage.client.post("/v1/declarations", data=order(), skip_auto_headers=["Content-Type"])
    assert response.status == 415


@pytest.mark.parametrize(
    ("charset", "body"),
    [
        ("utf-16", b'<?xml version="1.0" encoding="UTF-8"?><a/>'),
        ("utf-8", "<a/>".encode("utf-16")),
        ("utf-8", b'<?xml version="1.0" encoding="GBK"?><a/>'),
    ],
)
async def test_a_charset_that_contradicts_the_document_is_400(stage: GatewayStage, charset: str, body: bytes) -> None:
    response = await stage.submit(body, Content_Type=f"application/xml; charset={charset}")
    assert (response.status, json.loads(await response.read())["code"]) == (400, "encoding-mismatch")


@pytest.mark.parametrize("charset", ["utf-8", "UTF8", '"utf-8"'])
async def test_a_charset_that_agrees_is_taken(stage: GatewayStage, charset: str) -> None:
    assert (await stage.submit(order(), Content_Type=f"text/xml; charset={charset}")).status == 202


@pytest.mark.parametrize("key", ["live", "wrong"])
async def test_a_client_that_expects_100_is_authenticated_before_it_is_told_to_go_on(
    stage: GatewayStage, key: str
) -> None:
    body = order()
    presented = stage.key if key == "live" else "sw_wrong"
    head = (
        f"POST /v1/declarations HTTP/1.1\r\nHost: gw\r\nAuthorization: Bearer {presented}\r\nExpect: 100-continue\r\n"
        f"Content-Type: application/xml\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    host, port = stage.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(head.encode())
    first = await asyncio.wait_for(reader.readline(), 15)
    if key == "live":
        assert first == b"HTTP/1.1 100 Continue\r\n"
        writer.write(body)
        await reader.readline()
        first = await asyncio.wait_for(reader.readline(), 15)
        assert first.startswith(b"HTTP/1.1 202 ")
    else:
        assert first.startswith(b"HTTP/1.1 401 ")
    writer.close()


async def test_a_connection_is_kept_for_the_next_request_and_its_clock_starts_anew(stage: GatewayStage) -> None:
    host, port = stage.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    for pause_seconds in (0.0, 0.6):
        # idle for longer than the deadline for headers: that clock only runs while a request is arriving
        await asyncio.sleep(pause_seconds)
        writer.write(b"GET /health/live HTTP/1.1\r\nHost: gw\r\n\r\n")
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 15)
        assert head.startswith(b"HTTP/1.1 200 ")
        await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]))
    writer.close()


async def test_an_unknown_path_and_a_wrong_method_are_problems(stage: GatewayStage) -> None:
    unknown = await stage.client.get("/v1/nothing")
    wrong = await stage.client.delete("/v1/declarations")
    assert (unknown.status, json.loads(await unknown.read())["code"]) == (404, "not-found")
    assert (wrong.status, json.loads(await wrong.read())["code"]) == (405, "method-not-allowed")
    assert "POST" in wrong.headers["Allow"]


async def test_no_published_bad_document_is_taken_or_breaks_anything(stage: GatewayStage, shared_samples: Path) -> None:
    folders = ("generated", "defusedxml", "payloadbox")
    documents = [path for folder in folders for path in sorted((shared_samples / "bad-xml" / folder).iterdir())]
    assert documents
    for document in documents:
        body = document.read_bytes()[: LIMIT + 1]
        response: aiohttp.ClientResponse = await stage.submit(body)
        assert 400 <= response.status < 500, (document.name, response.status, await response.read())
        assert json.loads(await response.read())["code"] != "internal"
