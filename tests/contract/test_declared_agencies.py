"""What agencies described by configuration are sent, and how their answers are taken."""

from __future__ import annotations

import gzip
import shutil
from base64 import b64decode
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from aiohttp import web
from lxml import etree

from singlewindow.adapters.declared.adapter import DeclaredAdapter
from singlewindow.adapters.declared.pace import Pace
from singlewindow.adapters.outcomes import ReplyRefused
from singlewindow.adapters.port import Call
from singlewindow.errors import AgencyError
from tests.contract.declared_stage import (
    AGENCIES,
    consignments,
    declared,
    fiscal_result,
    make_call,
    receipts,
    revenue_reply,
    submit,
    take_all,
    task_ids,
)
from tests.contract.wsdl_stub import Asked, Handler

XSI_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
SOAP11 = "http://schemas.xmlsoap.org/soap/envelope/"


def reply_with(status: int, body: bytes = b"", *, retry_after: str = "") -> Handler:
    headers = {"Retry-After": retry_after} if retry_after else {}

    async def handle(_request: web.Request) -> web.Response:
        return web.Response(status=status, body=body, headers=headers, content_type="text/xml")

    return handle


def fault(code: str, text: str, detail: str = "") -> Handler:
    body = (
        f'<e:Envelope xmlns:e="{SOAP11}"><e:Body><e:Fault><faultcode>e:{code}</faultcode>'
        f"<faultstring>{text}</faultstring><detail>{detail}</detail></e:Fault></e:Body></e:Envelope>"
    )
    return reply_with(500, body.encode())


async def refuse(adapter: DeclaredAdapter, call: Call) -> ReplyRefused:
    with pytest.raises(ReplyRefused) as raised:
        await submit(adapter, call)
    return raised.value


async def test_the_original_goes_compressed_in_a_string_of_soap_12() -> None:
    async with declared("fiscal", lambda _: fiscal_result("100")) as (adapter, stub):
        call = make_call("fiscal", "R1")
        await submit(adapter, call)
        (asked,) = stub.asked
    assert gzip.decompress(b64decode(asked.values)) == call.items[0].original
    assert etree.QName(asked.envelope).namespace == "http://www.w3.org/2003/05/soap-envelope"
    assert 'action="urn:example:fiscal:reception/receive"' in asked.headers["Content-Type"]


async def test_code_number_and_time_of_an_open_answer_become_a_state() -> None:
    async with declared("fiscal", lambda _: fiscal_result("100")) as (adapter, _):
        (answer,) = await submit(adapter, make_call("fiscal", "R1"))
    assert (answer.verdict, answer.code, answer.text) == ("acknowledged", "100", "words 100")
    assert answer.notice is not None
    (said,) = answer.notice.said
    assert (said.state, said.numbers, said.time) == ("released", {"protocol": "P-1"}, "2026-11-23T13:00:00.000000Z")


@pytest.mark.parametrize(("code", "verdict"), [("204", "rejected"), ("105", "retry"), ("999", "unknown")])
async def test_each_code_means_what_its_row_says(code: str, verdict: str) -> None:
    async with declared("fiscal", lambda _: fiscal_result(code)) as (adapter, _):
        (answer,) = await submit(adapter, make_call("fiscal", "R1"))
    assert answer.verdict == verdict


async def test_a_code_that_stops_stops_the_lane() -> None:
    async with declared("fiscal", lambda _: fiscal_result("108")) as (adapter, _):
        assert (await refuse(adapter, make_call("fiscal", "R1"))).stops_lane


async def test_the_record_names_the_original_by_its_hash() -> None:
    async with declared("fiscal", lambda _: fiscal_result("100")) as (adapter, _):
        call = make_call("fiscal", "R1")
        envelope = adapter.prepare(call)
    assert f"sha256:{call.items[0].sha256}".encode() in envelope.record
    assert len(envelope.record) < len(envelope.body)


async def test_preparing_twice_gives_the_same_envelope() -> None:
    async with declared("fiscal", lambda _: fiscal_result("100")) as (adapter, _):
        call = make_call("fiscal", "R1")
        assert adapter.prepare(call) == adapter.prepare(call)


async def test_a_batch_goes_in_one_rpc_call_and_is_answered_task_by_task() -> None:
    def answer(asked: Asked) -> dict[str, object]:
        taken = [{"id": entry.reference, "status": "TAKEN", "berth": "B7"} for entry in asked.values.cargo.entry]
        wrong = {"fault": [{"number": "W1", "words": "too heavy", "where": "Weight"}], "status": "WRONG"}
        return receipts(taken[2], taken[1] | wrong, taken[0])

    async with declared("harbour", answer) as (adapter, stub):
        call = make_call("harbour", "R1", "R2", "R3")
        answers = await submit(adapter, call)
        values = stub.asked[0].values
    assert [entry.reference for entry in values.cargo.entry] == [str(one) for one in task_ids(call)]
    assert [str(entry.weight) for entry in values.cargo.entry] == ["1.5", "2.5", "3.5"]
    assert {entry.document for entry in values.cargo.entry} == {consignments("R1", "R2", "R3")}
    assert [(one.task_id, one.verdict) for one in answers] == list(
        zip(task_ids(call), ["acknowledged", "rejected", "acknowledged"], strict=True)
    )
    assert answers[1].notice is not None
    (problem,) = answers[1].notice.said[0].errors
    assert (problem.code, problem.message, problem.pointer) == ("agency.harbour.W1", "too heavy", "Weight")


async def test_a_task_that_a_batch_does_not_answer_is_unknown() -> None:
    async with declared("harbour", lambda _: receipts()) as (adapter, _):
        answers = await submit(adapter, make_call("harbour", "R1", "R2"))
    assert {answer.verdict for answer in answers} == {"unknown"}


async def test_a_task_answered_twice_and_differently_is_unknown() -> None:
    def answer(asked: Asked) -> dict[str, object]:
        task = asked.values.cargo.entry[0].reference
        return receipts({"id": task, "status": "TAKEN"}, {"id": task, "status": "WRONG"})

    async with declared("harbour", answer) as (adapter, _):
        assert [one.verdict for one in await submit(adapter, make_call("harbour", "R1"))] == ["unknown"]


@pytest.mark.parametrize(
    ("text", "temporary", "unknown"),
    [("RESEND: busy", True, False), ("something broke", True, True)],
)
async def test_a_fault_means_what_its_row_says_and_else_what_soap_says(
    text: str, *, temporary: bool, unknown: bool
) -> None:
    async with declared("harbour", take_all) as (adapter, stub):
        stub.reply_next(fault("Server", text))
        failure = await refuse(adapter, make_call("harbour", "R1"))
    assert (failure.temporary, failure.outcome_unknown) == (temporary, unknown)


async def test_a_fault_that_blames_the_document_rejects_a_single_task_and_parts_a_batch() -> None:
    async with declared("harbour", take_all) as (adapter, stub):
        stub.reply_next(fault("Server", "NO RESEND: bad weight"))
        (answer,) = await submit(adapter, make_call("harbour", "R1"))
        stub.reply_next(fault("Server", "NO RESEND: bad weight"))
        failure = await refuse(adapter, make_call("harbour", "R1", "R2"))
    assert (answer.verdict, answer.text) == ("rejected", "NO RESEND: bad weight")
    assert (failure.temporary, failure.outcome_unknown) == (False, False)


async def test_a_fault_named_by_its_detail_may_mean_that_the_agency_has_it_already() -> None:
    async with declared("harbour", take_all) as (adapter, stub):
        stub.reply_next(fault("Client", "again", '<h:duplicateFault xmlns:h="urn:h"/>'))
        assert [one.verdict for one in await submit(adapter, make_call("harbour", "R1"))] == ["acknowledged"]


async def test_an_http_status_means_what_its_row_says() -> None:
    async with declared("harbour", take_all) as (adapter, stub):
        stub.reply_next(reply_with(202))
        assert [one.verdict for one in await submit(adapter, make_call("harbour", "R1"))] == ["acknowledged"]
        stub.reply_next(reply_with(503, retry_after="7"))
        failure = await refuse(adapter, make_call("harbour", "R1"))
    assert (failure.temporary, failure.outcome_unknown, failure.retry_after_seconds) == (True, False, 7.0)


@pytest.mark.parametrize("body", [b"", b"<html>", b"<a/>", b'<!DOCTYPE a><a xmlns="x"/>', b"\x00" * 10])
async def test_what_is_no_soap_leaves_the_outcome_unknown(body: bytes) -> None:
    async with declared("harbour", take_all) as (adapter, stub):
        stub.reply_next(reply_with(200, body))
        failure = await refuse(adapter, make_call("harbour", "R1"))
    assert (failure.temporary, failure.outcome_unknown, failure.body) == (True, True, body)


async def test_the_agency_is_asked_task_by_task_and_an_unknown_one_is_answered_with_retry() -> None:
    known = uuid4()

    def answer(asked: Asked) -> dict[str, object]:
        return receipts({"id": asked.values.id, "status": "TAKEN" if asked.values.id == str(known) else "UNKNOWN"})

    async with declared("harbour", answer) as (adapter, stub):
        answers = await adapter.ask((known, uuid4()))
    assert [one.verdict for one in answers] == ["acknowledged", "retry"]
    assert [asked.operation for asked in stub.asked] == ["ask", "ask"]


async def test_notices_are_pulled_by_cursor_and_read() -> None:
    task = uuid4()
    page = receipts(
        {"serial": "7", "id": str(task), "status": "BERTHED", "berth": "B7", "decided": "2026-11-23T10:00:00Z"},
        {"serial": "8", "id": "not ours", "status": "TAKEN"},
        upTo="9",
    )
    async with declared("harbour", lambda _: page) as (adapter, stub):
        (first, second), cursor = await adapter.pull("6", limit=5)
    assert (stub.asked[0].values.since, stub.asked[0].values.most, cursor) == ("6", 5, "9")
    assert (first.notice_id, first.task_id) == ("7", task)
    assert (first.said[0].state, first.said[0].numbers) == ("released", {"berth": "B7"})
    assert (second.notice_id, second.task_id) == ("8", None)
    assert b"not ours" in (second.document or b"")


async def test_rpc_encoded_parts_are_typed_and_carry_mapped_and_derived_values() -> None:
    async with declared("revenue", lambda _: revenue_reply(0)) as (adapter, stub):
        call = make_call("revenue", "R1")
        (answer,) = await submit(adapter, call)
        (asked,) = stub.asked
    (wrapper,) = asked.envelope.iterfind(f"{{{SOAP11}}}Body/*")
    types = {part.tag: str(part.get(XSI_TYPE)).partition(":")[2] for part in wrapper}
    assert types == {"caller": "string", "reference": "string", "weight": "decimal", "xml": "string"}
    assert wrapper.get(f"{{{SOAP11}}}encodingStyle") == "http://schemas.xmlsoap.org/soap/encoding/"
    assert [wrapper.findtext(name) for name in ("caller", "reference", "weight")] == ["SINGLEWINDOW", "R1-1", "1.5"]
    assert wrapper.findtext("xml") == '<Entry of="R1"/>'
    assert asked.envelope.findtext(f"{{{SOAP11}}}Header/{{*}}Trace/{{*}}call") == str(call.call_id)
    assert answer.notice is not None
    assert (answer.verdict, answer.notice.said[0].numbers) == ("acknowledged", {"entry": "E-0"})


async def test_references_within_an_encoded_reply_are_followed() -> None:
    async with declared("revenue", lambda _: revenue_reply(17, by_reference=True)) as (adapter, _):
        (answer,) = await submit(adapter, make_call("revenue", "R1"))
    assert (answer.verdict, answer.code, answer.text) == ("rejected", "17", "words")


async def test_an_agency_without_a_status_operation_cannot_be_asked() -> None:
    async with declared("revenue", lambda _: revenue_reply(0)) as (adapter, _):
        with pytest.raises(AgencyError) as raised:
            await adapter.ask((uuid4(),))
    assert raised.value.temporary is False


async def test_a_message_that_gives_no_request_is_refused_for_good_and_nothing_is_sent() -> None:
    async with declared("revenue", lambda _: revenue_reply(0)) as (adapter, stub):
        call = make_call("revenue", "R1")
        (item,) = call.items
        beyond = replace(item, tasks=(replace(item.tasks[0], ordinal=2),))
        with pytest.raises(AgencyError, match="number 2") as raised:
            adapter.prepare(replace(call, items=(beyond,)))
    assert (raised.value.temporary, stub.asked) == (False, [])


async def test_the_same_words_of_the_same_task_have_the_same_id() -> None:
    async with declared("fiscal", lambda _: fiscal_result("100")) as (adapter, _):
        call, other = make_call("fiscal", "R1"), make_call("fiscal", "R1")
        answers = [await submit(adapter, one) for one in (call, call, other)]
    first, second, third = [answer.notice.notice_id for (answer,) in answers if answer.notice]
    assert first == second
    assert first != third


async def test_notices_that_an_agency_pushes_are_read_by_the_same_table(tmp_path: Path) -> None:
    shutil.copytree(AGENCIES / "harbour", tmp_path / "harbour")
    text = (tmp_path / "harbour" / "agency.toml").read_text("utf-8").replace('"pulled"', '"pushed"')
    (tmp_path / "harbour" / "agency.toml").write_text(text, "utf-8")
    adapter, task = DeclaredAdapter(tmp_path / "harbour", agencies_url="http://127.0.0.1:1"), uuid4()
    row = f"<receipt><serial>7</serial><id>{task}</id><status>BERTHED</status></receipt>"
    told = f'<h:told xmlns:h="urn:h"><receipts>{row}</receipts></h:told>'
    (notice,) = adapter.read_pushed(f'<e:Envelope xmlns:e="{SOAP11}"><e:Body>{told}</e:Body></e:Envelope>'.encode())
    assert (notice.notice_id, notice.task_id, notice.said[0].state) == ("7", task, "released")
    assert adapter.pulls is False


async def test_calls_keep_to_the_agencys_rate() -> None:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    pace = Pace(0.5, 3, clock=lambda: 100.0, sleep=sleep)
    for _ in range(4):
        await pace.keep()
    assert waited == [2.0, 4.0, 6.0]
    assert max(waited) <= pace.longest_wait_seconds
