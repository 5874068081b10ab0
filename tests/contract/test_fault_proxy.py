"""Every fault of the proxy, seen by a raw client before an agency that counts what reaches it."""

from __future__ import annotations

import asyncio
import gzip
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import pytest

from singlewindow.adapters.fault_proxy import FaultProxy, draw_from, read_message
from singlewindow.adapters.faults import (
    CorruptCorrelation,
    Cut,
    Delay,
    Drip,
    DropReply,
    DuplicateRequest,
    Fault,
    ForeignTasks,
    HalfClose,
    Hold,
    HttpMessage,
    Malformed,
    Refuse,
    ResetAfterRequest,
    SoapFaultReply,
    Status,
)
from singlewindow.xsd.soap_envelope import MalformedSoap, SoapVersion, open_envelope
from singlewindow.xsd.soap_faults import FaultReceived, open_reply
from singlewindow.xsd.soap_replies import read_results
from tests.contract.agency_server import AgencyServer

SOON_SECONDS = 5.0
CALL, TASK = uuid4(), uuid4()
NAMESPACE = {"1.1": "http://schemas.xmlsoap.org/soap/envelope/", "1.2": "http://www.w3.org/2003/05/soap-envelope"}


def question(version: SoapVersion = "1.1") -> bytes:
    """AskStatus, which every agency answers with `retry` for a task it never saw."""
    return (
        f'<s:Envelope xmlns:s="{NAMESPACE[version]}" xmlns:e="urn:singlewindow:exchange:1"><s:Header><e:Correlation>'
        f"<e:callId>{CALL}</e:callId></e:Correlation></s:Header><s:Body><e:AskStatus><e:taskId>{TASK}</e:taskId>"
        "</e:AskStatus></s:Body></s:Envelope>"
    ).encode()


@dataclass
class Stage:
    proxy: FaultProxy
    agency: AgencyServer


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    agency = AgencyServer()
    where = urlsplit(await agency.start())
    async with FaultProxy(where.hostname or "", where.port or 0) as proxy:
        yield Stage(proxy, agency)
    await agency.stop()


class Client:
    """One connection that speaks HTTP by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def connect(cls, stage: Stage) -> Client:
        return cls(*await asyncio.open_connection("127.0.0.1", stage.proxy.port, limit=100_000_000))

    async def send(self, body: bytes) -> None:
        head = (("Host", "agency"), ("Content-Type", "text/xml"))
        self.writer.write(HttpMessage("POST /agency HTTP/1.1", head, body).to_bytes())
        await self.writer.drain()

    async def ask(self, body: bytes | None = None) -> HttpMessage:
        await self.send(body or question())
        async with asyncio.timeout(SOON_SECONDS):
            return await read_message(self.reader)

    async def read_all(self) -> bytes:
        async with asyncio.timeout(SOON_SECONDS):
            return await self.reader.read()


async def ask(stage: Stage, fault: Fault | None, body: bytes | None = None) -> HttpMessage:
    stage.proxy.fault = fault
    client = await Client.connect(stage)
    try:
        return await client.ask(body)
    finally:
        client.writer.close()


async def read_under(stage: Stage, fault: Fault) -> bytes:
    stage.proxy.fault = fault
    client = await Client.connect(stage)
    await client.send(question())
    try:
        return await client.read_all()
    finally:
        client.writer.close()


async def test_without_a_fault_requests_pass_over_one_connection(stage: Stage) -> None:
    client = await Client.connect(stage)
    for _ in range(3):
        (result,) = read_results(open_reply((await client.ask()).body))
        assert result.task_id == TASK
    client.writer.close()
    assert stage.proxy.counts == {"Pass": 3}


async def test_a_chunked_request_is_passed_on_whole(stage: Stage) -> None:
    client = await Client.connect(stage)
    body = question()
    parts = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:7], body[7:]))
    client.writer.write(
        b"POST /agency HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + parts + b"0\r\n\r\n"
    )
    reply = await read_message(client.reader)
    client.writer.close()
    assert reply.start == "HTTP/1.1 200 OK"
    assert stage.agency.requests[0][1] == body


async def test_refuse_breaks_off_new_and_idle_connections(stage: Stage) -> None:
    client = await Client.connect(stage)
    await client.ask()
    stage.proxy.fault = Refuse()
    with pytest.raises(ConnectionResetError):
        await client.read_all()
    with pytest.raises((ConnectionResetError, BrokenPipeError)):
        await read_under(stage, Refuse())
    assert stage.proxy.counts["Refuse"] == 1
    assert len(stage.agency.requests) == 1


async def test_unreachable_means_that_nobody_listens_until_it_is_over(stage: Stage) -> None:
    async with stage.proxy.unreachable():
        with pytest.raises(ConnectionRefusedError):
            await Client.connect(stage)
    assert (await ask(stage, None)).start == "HTTP/1.1 200 OK"


@pytest.mark.parametrize(("fault", "reached"), [(ResetAfterRequest(), 0), (DropReply(), 1)])
async def test_a_reset_comes_before_or_after_the_service_has_acted(stage: Stage, fault: Fault, reached: int) -> None:
    with pytest.raises(ConnectionResetError):
        await read_under(stage, fault)
    assert len(stage.agency.requests) == reached


@pytest.mark.parametrize("sent_bytes", [0, 40])
async def test_half_close_ends_the_reply_and_leaves_the_connection(stage: Stage, sent_bytes: int) -> None:
    assert len(await read_under(stage, HalfClose(sent_bytes))) == sent_bytes
    assert len(stage.agency.requests) == 1


@pytest.mark.parametrize("processed", [True, False])
async def test_hold_never_answers(stage: Stage, *, processed: bool) -> None:
    stage.proxy.fault = Hold(processed=processed)
    client = await Client.connect(stage)
    await client.send(question())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await client.reader.read()
    client.writer.close()
    assert len(stage.agency.requests) == int(processed)


async def test_delay_answers_late(stage: Stage) -> None:
    loop = asyncio.get_running_loop()
    started = loop.time()
    assert (await ask(stage, Delay(0.2))).start == "HTTP/1.1 200 OK"
    assert loop.time() - started >= 0.2


async def test_drip_sends_the_whole_reply_in_drops(stage: Stage) -> None:
    stage.proxy.fault = Drip(20_000)
    client = await Client.connect(stage)
    await client.send(question())
    assert len(await client.reader.read(65_536)) <= 1000
    client.writer.close()
    assert read_results(open_reply((await ask(stage, Drip(20_000))).body))


async def test_cut_ends_after_so_many_bytes_of_either_side(stage: Stage) -> None:
    assert len(await read_under(stage, Cut(60))) == 60
    assert (await read_under(stage, Cut(-1))).endswith(b"</soap:Envelope")


async def test_a_duplicated_request_reaches_the_service_twice(stage: Stage) -> None:
    reply = await ask(stage, DuplicateRequest())
    assert reply.start == "HTTP/1.1 200 OK"
    assert [body for _, body in stage.agency.requests] == [question()] * 2


async def test_a_corrupt_correlation_changes_the_call_and_not_the_task(stage: Stage) -> None:
    message = open_reply((await ask(stage, CorruptCorrelation())).body)
    assert message.call_id not in (None, CALL)
    assert [result.task_id for result in read_results(message)] == [TASK]


async def test_foreign_tasks_change_the_tasks_and_not_the_call(stage: Stage) -> None:
    message = open_reply((await ask(stage, ForeignTasks())).body)
    assert message.call_id == CALL
    (result,) = read_results(message)
    assert isinstance(result.task_id, UUID)
    assert result.task_id != TASK


@pytest.mark.parametrize("status", [500, 502, 429, 401, 302, 413])
async def test_a_status_is_answered_before_anything_is_processed(stage: Stage, status: int) -> None:
    assert (await ask(stage, Status(status))).start.startswith(f"HTTP/1.1 {status} ")
    assert stage.agency.requests == []


async def test_a_status_can_say_when_to_come_back_and_where_to_go(stage: Stage) -> None:
    assert (await ask(stage, Status(503, retry_after_seconds=7))).header("Retry-After") == "7"
    assert (await ask(stage, Status(302))).header("Location").endswith("/elsewhere")


@pytest.mark.parametrize("version", ["1.1", "1.2"])
@pytest.mark.parametrize("fault", [SoapFaultReply("client"), SoapFaultReply("server", status=200)])
async def test_a_fault_speaks_the_requests_soap(stage: Stage, version: SoapVersion, fault: SoapFaultReply) -> None:
    reply = await ask(stage, fault, question(version))
    assert reply.start.startswith(f"HTTP/1.1 {fault.status} ")
    with pytest.raises(FaultReceived) as raised:
        open_reply(reply.body)
    assert raised.value.fault.role == fault.role
    assert stage.agency.requests == []


@pytest.mark.parametrize("kind", ["html", "empty", "truncated", "namespace", "doctype"])
async def test_a_malformed_reply_is_no_soap(stage: Stage, kind: str) -> None:
    reply = await ask(stage, Malformed(kind))  # type: ignore[arg-type]
    assert reply.start == "HTTP/1.1 200 OK"
    with pytest.raises(MalformedSoap):
        open_envelope(reply.body)
    assert len(stage.agency.requests) == 1


async def test_huge_replies_and_bombs_are_large(stage: Stage) -> None:
    assert len((await ask(stage, Malformed("huge"))).body) > 20_000_000
    bomb = await ask(stage, Malformed("gzip-bomb"))
    assert bomb.header("Content-Encoding") == "gzip"
    assert len(gzip.decompress(bomb.body)) > 100 * len(bomb.body)


async def test_the_same_seed_draws_the_same_faults(stage: Stage) -> None:
    mixture = [(None, 3.0), (Status(503), 1.0), (Status(500), 1.0)]
    seen = []
    for _ in range(2):
        stage.proxy.plan(draw_from(mixture, seed=7))
        client = await Client.connect(stage)
        seen.append([(await client.ask()).start for _ in range(20)])
        client.writer.close()
    assert seen[0] == seen[1]
    assert len({*seen[0]}) == 3
    assert sum(stage.proxy.counts.values()) == 40


async def test_what_passed_is_observed(stage: Stage) -> None:
    await ask(stage, Status(429, retry_after_seconds=1))
    await ask(stage, DuplicateRequest())
    refused, doubled = stage.proxy.observed
    assert (refused.fault, refused.forwarded, doubled.fault, doubled.forwarded) == ("Status", 0, "DuplicateRequest", 2)
    assert refused.request.body == question()
    assert re.match(rb"HTTP/1.1 429 .*\r\nRetry-After: 1\r\n", refused.answered, re.DOTALL)
