"""Replies that cannot be read: kept with their bytes, tied to the call and its tasks, and the work goes on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from aiohttp import web

from singlewindow.ledger.quarantine import KEPT_BYTES, KEPT_PER_AGENCY, Quarantine, Unreadable
from singlewindow.queue.pulling import Puller
from singlewindow.xsd.soap_envelope import NAMESPACES
from tests.integration.agency_lane_stage import LaneStage, lane_stage, replying, until

SOAP = NAMESPACES["1.1"]
BOMB = b'<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]><a>&b;</a>'
HOSTILE = {
    "doctype": b'<!DOCTYPE a SYSTEM "http://127.0.0.1:9/x"><a/>',
    "bomb": BOMB,
    "deep": b"<a>" * 10_000 + b"</a>" * 10_000,
    "encoding": b'<?xml version="1.0" encoding="UTF-8"?><a>\xc3\x28</a>',
    "unknown encoding": b'<?xml version="1.0" encoding="EBCDIC-37"?><a/>',
    "namespace": b'<Envelope xmlns="urn:example:not-soap"><Body/></Envelope>',
    "foreign content": (
        f'<s:Envelope xmlns:s="{SOAP}"><s:Body><DeclareResponse xmlns="urn:x"/></s:Body></s:Envelope>'.encode()
    ),
    "cut": f'<s:Envelope xmlns:s="{SOAP}"><s:Body>'.encode(),
    "page": b"<html><body>Welcome</body></html>",
    "nothing": b"",
}


@pytest.fixture
async def stage(database_url: str) -> AsyncIterator[LaneStage]:
    async with lane_stage(database_url) as opened:
        yield opened


@pytest.mark.parametrize("body", HOSTILE.values(), ids=list(HOSTILE))
async def test_a_reply_that_cannot_be_read_is_kept_with_its_call_and_its_tasks_and_the_work_goes_on(
    stage: LaneStage, body: bytes
) -> None:
    stage.server.reply_next(replying(body))
    trader, declarations = await stage.file(1)
    await stage.until_status(trader, declarations, "submitted")
    entry = (await stage.quarantined())[0]
    assert await stage.quarantine.read("customs", UUID(entry["id"])) == body
    assert (entry["source"], entry["http_status"], entry["bytes"]) == ("answer", 200, len(body))
    rows = await stage.ledger.database.fetch("read_parts", declarations)
    assert entry["task_ids"] == [str(rows[0]["id"])]
    exchanges = await stage.ledger.database.fetch("declaration_exchanges", declarations[0])
    assert entry["exchange_id"] == str(exchanges[0]["id"])
    assert bytes(exchanges[0]["reply"]) == body
    assert set(stage.server.effects.values()) == {1}


async def test_a_reply_of_a_hundred_megabytes_is_cut_off_and_its_beginning_kept(stage: LaneStage) -> None:
    async def flood(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/xml"})
        await response.prepare(request)
        for _ in range(100):
            await response.write(b"x" * 1_000_000)
        return response

    stage.server.reply_next(flood)
    trader, declarations = await stage.file(1)
    await stage.until_status(trader, declarations, "submitted")
    entry = (await stage.quarantined())[0]
    assert entry["kept_bytes"] == KEPT_BYTES
    assert 16_000_000 < entry["bytes"] < 20_000_000
    exchange, *_ = await stage.ledger.database.fetch("declaration_exchanges", declarations[0])
    assert len(exchange["reply"]) == KEPT_BYTES


@pytest.mark.parametrize(("content_type", "times"), [("text/html", 0), ("text/xml", 1)])
async def test_an_error_page_is_no_riddle_and_broken_xml_is(stage: LaneStage, content_type: str, times: int) -> None:
    body = f"<oops {content_type}".encode()
    stage.server.reply_next(replying(body, status=503, content_type=content_type))
    trader, declarations = await stage.file(1)
    await stage.until_status(trader, declarations, "submitted")
    held = [await stage.quarantine.read("customs", UUID(entry["id"])) for entry in await stage.quarantined()]
    assert held.count(body) == times


async def test_a_page_of_notices_that_cannot_be_read_is_kept(stage: LaneStage) -> None:
    puller = Puller(stage.ledger.tasks, stage.adapter, stage.parts.read_response, stage.quarantine)
    for _ in range(50):
        stage.server.reply_next(replying(b"<no-notices/>"))
    puller.start()

    async def kept() -> bool:
        return any(entry["source"] == "pull" for entry in await stage.quarantined())

    await until(kept)
    await puller.stop()


async def test_the_quarantine_of_an_agency_does_not_grow_without_end(stage: LaneStage) -> None:
    quarantine = Quarantine(stage.ledger.database, stage.ledger.ids)
    for number in range(KEPT_PER_AGENCY + 5):
        await quarantine.keep(Unreadable("flooder", "push", "no XML", str(number).encode()))
    entries = await quarantine.list("flooder", limit=1000)
    assert len(entries) == KEPT_PER_AGENCY
    assert await quarantine.read("flooder", UUID(entries[0]["id"])) == str(KEPT_PER_AGENCY + 4).encode()
    assert await quarantine.read("customs", UUID(entries[0]["id"])) is None


@pytest.mark.parametrize("before", ["", "\ufeff", " \r\n\t", "\ufeff\n"], ids=["bare", "mark", "space", "both"])
async def test_an_untidy_reply_is_read_all_the_same(stage: LaneStage, before: str) -> None:
    """White space and a mark at the start, other prefixes, and elements that nobody expects."""
    count = len(await stage.quarantined())

    async def answer(request: web.Request) -> web.Response:
        text = (await request.read()).decode()
        task = text.partition("taskId>")[2].partition("<")[0]
        return web.Response(
            body=f'{before}<?xml version="1.0" encoding="UTF-8"?>\n<Q:Envelope xmlns:Q="{SOAP}" xmlns:e="urn:e">'
            f"<Q:Header><e:h/></Q:Header><e:more/><Q:Body>\n "
            f'<z:DeclareResponse xmlns:z="urn:singlewindow:exchange:1"><e:x>1</e:x>'
            f"<z:result><e:y/><z:taskId> {task} </z:taskId><z:verdict>\nacknowledged\n</z:verdict><e:z/></z:result>"
            "</z:DeclareResponse></Q:Body></Q:Envelope>".encode(),
            content_type="text/xml",
        )

    stage.server.reply_next(answer)
    trader, declarations = await stage.file(1)
    await stage.until_status(trader, declarations, "submitted")
    assert len(stage.server.requests) == 1
    assert len(await stage.quarantined()) == count
