"""Authorities push their notices over SOAP: who may, what is stored, and what a repeat changes."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Literal
from uuid import UUID, uuid4
from xml.etree import ElementTree as ET

import aiohttp
import pytest

from singlewindow.xsd.soap_envelope import http_headers, open_envelope, soap_action
from singlewindow.xsd.soap_faults import FaultReceived, open_reply
from singlewindow.xsd.soap_notices import Notification, read_notification_reply, write_notification
from singlewindow.xsd.soap_replies import TaskNotice
from tests.integration.gateway_stage import GatewayStage, gateway_stage, order, order_answer, until

SECRET = "the-password-of-customs"
OTHERS = "the-password-of-the-others"


@pytest.fixture
async def stage(database_url: str, tmp_path: Path) -> AsyncIterator[GatewayStage]:
    (tmp_path / "agencies").mkdir()
    for agency in ("customs", "inspection", "road"):
        (tmp_path / "agencies" / agency).write_text(SECRET if agency == "customs" else OTHERS)
    async with gateway_stage(database_url, keys_dir=tmp_path) as opened:
        yield opened


async def quarantined(stage: GatewayStage, agency: str = "customs") -> list[dict[str, Any]]:
    shown = json.loads(await (await stage.client.get(f"/v1/agencies/{agency}/quarantine?limit=200")).read())
    return list(shown["quarantine"])


async def held_bytes(stage: GatewayStage, entry: dict[str, Any], agency: str = "customs") -> bytes:
    answer = await stage.client.get(f"/v1/agencies/{agency}/quarantine/{entry['id']}")
    assert answer.status == 200
    assert answer.content_type == "application/octet-stream"
    assert answer.headers["Content-Disposition"] == "attachment"
    return await answer.read()


async def push(
    stage: GatewayStage,
    body: bytes,
    *,
    agency: str = "customs",
    user: str = "customs",
    password: str = SECRET,
    version: Literal["1.1", "1.2"] = "1.1",
    **headers: str,
) -> aiohttp.ClientResponse:
    sent = http_headers(version, soap_action("Notify")) | headers
    sent["Authorization"] = aiohttp.encode_basic_auth(user, password)
    return await stage.client.post(f"/soap/agencies/{agency}", data=body, headers=sent)


def notify(*notices: TaskNotice, agency: str = "customs", version: Literal["1.1", "1.2"] = "1.1") -> bytes:
    return write_notification(Notification(agency, notices), call_id=uuid4(), version=version)


async def file_order(stage: GatewayStage) -> tuple[str, UUID, bytes]:
    body = order()
    receipt = json.loads(await (await stage.submit(body)).read())
    await stage.match_all()
    declaration = receipt["declarations"][0]["id"]
    return declaration, await stage.part_of(declaration), body


async def show(stage: GatewayStage, path: str) -> dict[str, object]:
    shown: dict[str, object] = json.loads(await (await stage.client.get(path)).read())
    return shown


@pytest.mark.parametrize("version", ["1.1", "1.2"])
async def test_a_pushed_notice_settles_its_declaration(stage: GatewayStage, version: Literal["1.1", "1.2"]) -> None:
    declaration, task, body = await file_order(stage)
    notice = TaskNotice(str(uuid4()), order_answer(body), task)
    response = await push(stage, notify(notice, version=version), version=version)
    assert response.status == 200, await response.text()
    assert read_notification_reply(open_envelope(await response.read())) == 1
    assert (await show(stage, f"/v1/declarations/{declaration}"))["status"] == "registered"


async def test_a_repeated_notice_is_accepted_and_changes_nothing(stage: GatewayStage) -> None:
    declaration, task, body = await file_order(stage)
    pushed = notify(TaskNotice(str(uuid4()), order_answer(body), task))
    first = await push(stage, pushed)
    events = await show(stage, f"/v1/declarations/{declaration}/events")
    second = await push(stage, pushed)
    assert (first.status, second.status) == (200, 200)
    assert read_notification_reply(open_envelope(await second.read())) == 1
    assert await show(stage, f"/v1/declarations/{declaration}/events") == events
    responses = await show(stage, f"/v1/declarations/{declaration}/responses")
    assert len(responses["responses"]) == 1  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("agency", "user", "password"),
    [
        ("customs", "customs", "wrong"),
        ("customs", "customs", ""),
        ("customs", "customs", OTHERS),
        ("customs", "road", OTHERS),
        ("road", "road", SECRET),
        ("customs", "road", SECRET),
        ("nobody", "nobody", SECRET),
    ],
)
async def test_a_wrong_agency_or_password_is_refused_before_the_body(
    stage: GatewayStage, agency: str, user: str, password: str
) -> None:
    response = await push(stage, b"<not-even-xml", agency=agency, user=user, password=password)
    assert response.status == 401
    assert response.headers["WWW-Authenticate"].startswith("Basic")


async def test_a_traders_key_opens_nothing_here(stage: GatewayStage) -> None:
    response = await stage.client.post("/soap/agencies/customs", data=b"<a/>", headers=http_headers("1.1"))
    assert response.status == 401


async def test_an_agency_cannot_speak_for_another(stage: GatewayStage) -> None:
    declaration, task, body = await file_order(stage)
    notice = TaskNotice(str(uuid4()), order_answer(body), task)
    response = await push(stage, notify(notice, agency="inspection"))
    with pytest.raises(FaultReceived) as refused:
        open_reply(await response.read())
    assert (response.status, refused.value.fault.retry) == (500, "stop")
    assert (await show(stage, f"/v1/declarations/{declaration}"))["status"] != "registered"


async def test_a_notice_about_another_agencys_task_is_refused_and_the_others_are_taken(stage: GatewayStage) -> None:
    declaration, task, body = await file_order(stage)
    foreign, _, _ = await file_order(stage)
    other = uuid4()
    pushed = notify(TaskNotice("N-1", order_answer(body), other), TaskNotice(f"N-{task}", order_answer(body), task))
    response = await push(stage, pushed)
    with pytest.raises(FaultReceived) as refused:
        open_reply(await response.read())
    assert (refused.value.fault.code, refused.value.fault.retry) == ("foreign-task", "stop")
    assert "N-1" in refused.value.fault.text
    assert (await show(stage, f"/v1/declarations/{declaration}"))["status"] == "registered"
    assert (await show(stage, f"/v1/declarations/{foreign}/responses"))["responses"] == []
    entry = (await quarantined(stage))[0]
    assert (entry["source"], entry["times"]) == ("push", 1)
    assert await held_bytes(stage, entry) == pushed


async def test_an_agency_changes_no_task_of_another_with_its_own_password(stage: GatewayStage) -> None:
    declaration, task, body = await file_order(stage)
    pushed = notify(TaskNotice(str(uuid4()), order_answer(body), task), agency="road")
    response = await push(stage, pushed, agency="road", user="road", password=OTHERS)
    with pytest.raises(FaultReceived) as refused:
        open_reply(await response.read())
    assert refused.value.fault.code == "foreign-task"
    assert (await show(stage, f"/v1/declarations/{declaration}"))["status"] != "registered"
    assert await held_bytes(stage, (await quarantined(stage, "road"))[0], "road") == pushed


DEEP = b"<a>" * 10_000 + b"</a>" * 10_000
BOMB = b'<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]><a>&b;</a>'
FOREIGN = b'<Envelope xmlns="urn:example:not-soap"><Body/></Envelope>'


@pytest.mark.parametrize("body", [b"", b"<a/>", b"<a", b"<!DOCTYPE a><a/>", BOMB, DEEP, FOREIGN, b"\xc3\x28<a/>"])
async def test_what_is_no_soap_is_answered_with_a_fault_and_quarantined(stage: GatewayStage, body: bytes) -> None:
    response = await push(stage, body)
    with pytest.raises(FaultReceived) as refused:
        open_reply(await response.read())
    assert refused.value.fault.retry == "stop"
    entry = (await quarantined(stage))[0]
    assert (entry["source"], entry["bytes"]) == ("push", len(body))
    assert await held_bytes(stage, entry) == body


async def test_the_same_bytes_again_are_counted_and_not_kept_twice(stage: GatewayStage) -> None:
    body = b"<unreadable>" + str(uuid4()).encode()
    await push(stage, body)
    await push(stage, body)
    entries = [entry for entry in await quarantined(stage) if await held_bytes(stage, entry) == body]
    assert [entry["times"] for entry in entries] == [2]


async def test_a_push_of_a_hundred_megabytes_is_refused_and_its_beginning_kept(stage: GatewayStage) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x" * 1_000_000

    headers = http_headers("1.1") | {"Authorization": aiohttp.encode_basic_auth("customs", SECRET)}
    try:
        async with stage.client.post("/soap/agencies/customs", data=endless(), headers=headers) as response:
            assert response.status == 413
    except aiohttp.ClientError:
        pass  # the connection was closed before everything was sent

    async def kept() -> bool:
        return (await quarantined(stage))[:1] != [] and (await quarantined(stage))[0]["reason"].startswith("too-large")

    await until(kept)
    entry = (await quarantined(stage))[0]
    assert entry["kept_bytes"] == 1_000_000


async def test_a_push_in_another_encoding_than_it_says_is_quarantined(stage: GatewayStage) -> None:
    body = b'<?xml version="1.0" encoding="GBK"?><a/>'
    answer = await push(stage, body, version="1.1", **{"Content-Type": "text/xml; charset=utf-8"})
    assert answer.status == 400
    entry = (await quarantined(stage))[0]
    assert entry["reason"].startswith("encoding-mismatch")
    assert await held_bytes(stage, entry) == body


async def test_a_bomb_of_gzip_is_refused_and_kept_as_it_came(stage: GatewayStage) -> None:
    body = gzip.compress(b" " * 100_000_000)
    answer = await push(stage, body, version="1.1", **{"Content-Encoding": "gzip"})
    assert answer.status == 413
    entry = (await quarantined(stage))[0]
    assert (entry["reason"].partition(":")[0], entry["bytes"]) == ("too-large", len(body))
    assert await held_bytes(stage, entry) == body


async def test_only_operators_see_the_quarantine(stage: GatewayStage) -> None:
    key = await stage.make_trader(scopes=("submit", "read"))
    answer = await stage.client.get("/v1/agencies/customs/quarantine", headers={"Authorization": f"Bearer {key}"})
    assert answer.status == 403
    assert (await stage.client.get("/v1/agencies/nobody/quarantine")).status == 404
    assert (await stage.client.get(f"/v1/agencies/customs/quarantine/{uuid4()}")).status == 404


async def test_a_soap_action_of_another_operation_is_refused(stage: GatewayStage) -> None:
    _, task, body = await file_order(stage)
    pushed = notify(TaskNotice(str(uuid4()), order_answer(body), task))
    response = await push(stage, pushed, SOAPAction='"urn:singlewindow:exchange:1/Submit"')
    with pytest.raises(FaultReceived):
        open_reply(await response.read())


async def test_while_the_ledger_is_away_the_agency_is_asked_to_send_again(stage: GatewayStage) -> None:
    _, task, body = await file_order(stage)
    await stage.database.close()
    response = await push(stage, notify(TaskNotice(str(uuid4()), order_answer(body), task)))
    with pytest.raises(FaultReceived) as refused:
        open_reply(await response.read())
    assert (refused.value.fault.retry, refused.value.fault.is_server) == ("resend", True)


async def test_a_document_nobody_can_read_is_not_taken_silently(stage: GatewayStage) -> None:
    _, task, _ = await file_order(stage)
    response = await push(stage, notify(TaskNotice(str(uuid4()), b"<Surprise/>", task)))
    with pytest.raises(FaultReceived):
        open_reply(await response.read())


async def test_the_service_describes_itself_at_its_own_address(stage: GatewayStage) -> None:
    response = await stage.client.get("/soap/agencies/customs?wsdl", headers={"Host": "evil.example"})
    description = ET.fromstring(await response.read())
    soap = ("{http://schemas.xmlsoap.org/wsdl/soap/}", "{http://schemas.xmlsoap.org/wsdl/soap12/}")
    addresses = {address.get("location") for name in soap for address in description.iter(f"{name}address")}
    assert addresses == {f"{stage.url}/soap/agencies/customs"}
    assert (await stage.client.get("/soap/agencies/nobody?wsdl")).status == 404


async def test_an_agency_without_a_password_never_gets_in(stage: GatewayStage, tmp_path: Path) -> None:
    (tmp_path / "agencies" / "customs").unlink()
    for password in ("", SECRET):
        assert (await push(stage, b"<x/>", password=password)).status == 401
    (tmp_path / "agencies" / "customs").write_text("changed")
    assert (await push(stage, b"<x/>", password="changed")).status == 500
