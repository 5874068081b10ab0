"""Every way in which a SOAP exchange goes wrong on the wire, and what it is taken for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from uuid import uuid4

import pytest
from aiohttp import web

from singlewindow.adapters import wire
from singlewindow.adapters.outcomes import ReplyRefused
from singlewindow.adapters.port import Adapter
from singlewindow.errors import AgencyError
from singlewindow.xsd.soap_envelope import NAMESPACES, SoapMessage, open_envelope
from singlewindow.xsd.soap_faults import SoapFault
from singlewindow.xsd.soap_replies import TaskResult, write_results
from tests.contract.agency_server import AgencyServer, fault_response
from tests.contract.customs import make_customs
from tests.contract.test_adapters import fail_to_submit, make_call, submit, task_ids

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def reply_with(response: Callable[[], web.Response]) -> Handler:
    async def handle(_request: web.Request) -> web.Response:
        return response()

    return handle


def answer_with(write: Callable[[SoapMessage], bytes]) -> Handler:
    async def handle(request: web.Request) -> web.Response:
        return web.Response(body=write(open_envelope(await request.read())))

    return handle


SOAP = NAMESPACES["1.1"].encode()
TEMPORARY_UNKNOWN = (True, True)
TEMPORARY_KNOWN = (True, False)
STOP = (False, False)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (202, TEMPORARY_UNKNOWN),
        (301, STOP),
        (302, STOP),
        (307, STOP),
        (400, STOP),
        (401, STOP),
        (403, STOP),
        (404, STOP),
        (408, TEMPORARY_KNOWN),
        (413, STOP),
        (429, TEMPORARY_KNOWN),
        (500, TEMPORARY_UNKNOWN),
        (502, TEMPORARY_UNKNOWN),
        (503, TEMPORARY_KNOWN),
    ],
)
async def test_a_status_without_an_answer_is_classified(
    server: AgencyServer, adapter: Adapter, status: int, expected: tuple[bool, bool]
) -> None:
    server.reply_next(reply_with(lambda: web.Response(status=status, headers={"Location": "/agency"}, text="no")))
    failure = await fail_to_submit(adapter, make_call())
    assert (failure.temporary, failure.outcome_unknown) == expected
    assert isinstance(failure, ReplyRefused)
    assert (failure.status, failure.body) == (status, b"no")
    assert len(server.requests) == 1


async def test_an_answer_under_an_error_status_is_not_taken(server: AgencyServer, adapter: Adapter) -> None:
    call = make_call()

    async def fail_with_results(request: web.Request) -> web.Response:
        results = [TaskResult(task_id, "acknowledged") for task_id in task_ids(call)]
        return web.Response(status=500, body=write_results(open_envelope(await request.read()), results))

    server.reply_next(fail_with_results)
    assert (await fail_to_submit(adapter, call)).outcome_unknown


@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_is_honoured(server: AgencyServer, adapter: Adapter, status: int) -> None:
    server.reply_next(reply_with(lambda: web.Response(status=status, headers={"Retry-After": "7"})))
    assert (await fail_to_submit(adapter, make_call())).retry_after_seconds == 7


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Sat, 01 Jan 2300 00:00:00 GMT", 3600.0),
        ("99999999999999999999", 3600.0),
        ("soon", None),
        ("Wed, 99 Foo 2015 07:28:00 GMT", None),
        ("Wed, 21 Oct 2015 07:28:999999999999999999999 GMT", None),
    ],
)
async def test_retry_after_is_bounded_and_may_be_a_date(
    server: AgencyServer, adapter: Adapter, value: str, expected: float | None
) -> None:
    server.reply_next(reply_with(lambda: web.Response(status=503, headers={"Retry-After": value})))
    assert (await fail_to_submit(adapter, make_call())).retry_after_seconds == expected


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (SoapFault("x", "x", role="client"), STOP),
        (SoapFault("x", "x", role="server"), TEMPORARY_UNKNOWN),
        (SoapFault("x", "x", role="must-understand"), STOP),
        (SoapFault("x", "x", role="client", retry="resend"), TEMPORARY_KNOWN),
        (SoapFault("x", "x", role="server", retry="stop"), STOP),
    ],
)
@pytest.mark.parametrize("status", [200, 500])
async def test_a_fault_is_classified_by_its_flag_and_then_by_its_role(
    server: AgencyServer, adapter: Adapter, fault: SoapFault, expected: tuple[bool, bool], status: int
) -> None:
    def respond() -> web.Response:
        response = fault_response(fault, "1.1")
        response.set_status(status)
        return response

    server.reply_next(reply_with(respond))
    failure = await fail_to_submit(adapter, make_call())
    assert (failure.temporary, failure.outcome_unknown) == expected


async def test_a_fault_says_when_to_send_again(server: AgencyServer, adapter: Adapter) -> None:
    fault = SoapFault("busy", "night shift", retry="resend", retry_after_seconds=30)
    server.reply_next(reply_with(lambda: fault_response(fault, "1.1")))
    failure = await fail_to_submit(adapter, make_call())
    assert failure.retry_after_seconds == 30
    assert "busy night shift" in failure.detail


@pytest.mark.parametrize(
    "body",
    [
        b"<html><body>Service moved</body></html>",
        b"",
        b"\x00\x01",
        b"<e:Envelope xmlns:e='urn:other'><e:Body/></e:Envelope>",
        b"<!DOCTYPE x [<!ENTITY a 'b'>]><e:Envelope xmlns:e='%b'/>" % SOAP,
        b"<e:Envelope xmlns:e='%b'><e:Body><x xmlns='urn:other'/></e:Body></e:Envelope>" % SOAP,
        b"<e:Envelope xmlns:e='%b'><e:Body/></e:Envelope>" % SOAP,
    ],
    ids=["html", "empty", "binary", "foreign-envelope", "doctype", "foreign-body", "empty-body"],
)
async def test_a_reply_that_is_no_soap_of_ours_leaves_the_outcome_unknown(
    server: AgencyServer, adapter: Adapter, body: bytes
) -> None:
    server.reply_next(reply_with(lambda: web.Response(body=body, content_type="text/xml")))
    failure = await fail_to_submit(adapter, make_call())
    assert (failure.temporary, failure.outcome_unknown) == TEMPORARY_UNKNOWN
    assert isinstance(failure, ReplyRefused)
    assert failure.body == body


async def test_a_reply_that_repeats_the_request_is_no_answer(server: AgencyServer, adapter: Adapter) -> None:
    async def echo(request: web.Request) -> web.Response:
        return web.Response(body=await request.read())

    server.reply_next(echo)
    assert (await fail_to_submit(adapter, make_call())).outcome_unknown


async def test_a_reply_cut_in_its_middle_leaves_the_outcome_unknown(server: AgencyServer, adapter: Adapter) -> None:
    async def cut(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b"<?xml version='1.0'?><soap:Envelope")
        assert request.transport is not None
        request.transport.close()
        return response

    server.reply_next(cut)
    failure = await fail_to_submit(adapter, make_call())
    assert (failure.temporary, failure.outcome_unknown) == TEMPORARY_UNKNOWN


async def test_a_huge_reply_is_cut_off(server: AgencyServer, adapter: Adapter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "REPLY_LIMIT_BYTES", 100_000)
    server.reply_next(reply_with(lambda: web.Response(body=b" " * 5_000_000)))
    failure = await fail_to_submit(adapter, make_call())
    assert (failure.temporary, failure.outcome_unknown) == TEMPORARY_UNKNOWN
    assert isinstance(failure, ReplyRefused)
    assert len(failure.body) <= wire._KEPT_BYTES


async def test_a_compressed_reply_is_refused_unopened(server: AgencyServer, adapter: Adapter) -> None:
    server.reply_next(reply_with(lambda: web.Response(body=b"bomb", headers={"Content-Encoding": "gzip"})))
    assert (await fail_to_submit(adapter, make_call())).outcome_unknown


async def test_a_refused_connection_is_no_unknown_outcome(unused_tcp_port: int) -> None:
    adapter = make_customs(f"http://127.0.0.1:{unused_tcp_port}/agency")
    failure = await fail_to_submit(adapter, make_call())
    await adapter.close()
    assert (failure.temporary, failure.outcome_unknown) == TEMPORARY_KNOWN


async def test_an_address_that_is_no_url_stops_the_task() -> None:
    adapter = make_customs("http://[not a url")
    failure = await fail_to_submit(adapter, make_call())
    await adapter.close()
    assert failure.temporary is False


async def test_a_task_of_another_call_is_dropped_and_ours_is_unknown(server: AgencyServer, adapter: Adapter) -> None:
    call, foreign = make_call(2), uuid4()
    first, second = task_ids(call)
    results = [TaskResult(foreign, "acknowledged"), TaskResult(second, "rejected", code="E1", text="why")]
    server.reply_next(answer_with(lambda message: write_results(message, results)))
    answers = await submit(adapter, call)
    assert [(answer.task_id, answer.verdict) for answer in answers] == [(first, "unknown"), (second, "rejected")]


async def test_a_task_answered_twice_and_differently_is_unknown(server: AgencyServer, adapter: Adapter) -> None:
    call = make_call()
    results = [TaskResult(task_ids(call)[0], verdict) for verdict in ("acknowledged", "rejected")]
    server.reply_next(answer_with(lambda message: write_results(message, results)))
    assert [answer.verdict for answer in await submit(adapter, call)] == ["unknown"]


async def test_one_unreadable_result_spoils_no_other(server: AgencyServer, adapter: Adapter) -> None:
    call = make_call(2)
    results = [TaskResult(task_id, "acknowledged") for task_id in task_ids(call)]
    server.reply_next(
        answer_with(lambda message: write_results(message, results).replace(b"acknowledged", b"perhaps", 1))
    )
    assert [answer.verdict for answer in await submit(adapter, call)] == ["unknown", "acknowledged"]


async def test_a_reply_that_correlates_with_another_call_answers_nothing(
    server: AgencyServer, adapter: Adapter
) -> None:
    call = make_call()

    def misdirect(message: SoapMessage) -> bytes:
        reply = write_results(message, [TaskResult(task_id, "acknowledged") for task_id in task_ids(call)])
        return reply.replace(str(call.call_id).encode(), str(uuid4()).encode())

    server.reply_next(answer_with(misdirect))
    assert [answer.verdict for answer in await submit(adapter, call)] == ["unknown"]


async def test_a_notice_that_cannot_be_read_is_not_skipped(server: AgencyServer, adapter: Adapter) -> None:
    server.reply_next(answer_with(lambda message: write_results(message, [])))
    with pytest.raises(AgencyError) as raised:
        await adapter.pull("")
    assert raised.value.temporary


async def test_a_cancelled_call_stays_cancelled(server: AgencyServer, adapter: Adapter) -> None:
    server.fail_next("slow")
    call = make_call()
    task = asyncio.create_task(submit(adapter, call))
    while not server.requests:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize(
    ("status", "stops_lane"), [(301, True), (400, False), (401, True), (403, True), (404, True), (413, False)]
)
async def test_credentials_and_address_are_no_documents_fault(
    server: AgencyServer, adapter: Adapter, status: int, *, stops_lane: bool
) -> None:
    server.reply_next(reply_with(lambda: web.Response(status=status, text="no")))
    assert (await fail_to_submit(adapter, make_call())).stops_lane == stops_lane


async def test_a_fault_under_a_status_that_refuses_us_stops_the_lane(server: AgencyServer, adapter: Adapter) -> None:
    async def refuse(_request: web.Request) -> web.Response:
        fault = fault_response(SoapFault("auth", "who are you?", role="client"), "1.1")
        return web.Response(status=401, body=fault.body, headers={"Content-Type": "text/xml"})

    server.reply_next(refuse)
    assert (await fail_to_submit(adapter, make_call())).stops_lane
