"""Pushes of agencies that only configuration knows: who may, how they are read, ordered, answered and refused."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import aiohttp
import pytest
from lxml import etree

from singlewindow.xsd.soap_faults import FaultReceived, open_reply
from tests.contract.declared_stage import SETS, consignments
from tests.contract.pushing_stage import ENVIRONMENT, PASSWORD, USER, news, pushing_harbour
from tests.integration.gateway_stage import GatewayStage, gateway_stage

TYPE = "application/soap+xml; charset=utf-8"
EARLY, LATE = "2026-11-23T10:00:00+01:00", "2026-11-23T09:30:00Z"
"""The second is half an hour later."""


@pytest.fixture
async def stage(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[GatewayStage]:
    monkeypatch.setenv(ENVIRONMENT, PASSWORD)
    pushing_harbour(tmp_path / "folders")
    (tmp_path / "agencies").mkdir()
    (tmp_path / "agencies" / "harbour").write_text("not-this-one")
    async with gateway_stage(
        database_url, agencies=tmp_path / "folders", message_sets=SETS, keys_dir=tmp_path
    ) as opened:
        yield opened


async def push(
    stage: GatewayStage,
    body: bytes,
    *,
    agency: str = "harbour",
    user: str = USER,
    password: str = PASSWORD,
    kind: str = TYPE,
) -> aiohttp.ClientResponse:
    headers = {"Content-Type": kind, "Authorization": aiohttp.encode_basic_auth(user, password)}
    return await stage.client.post(f"/soap/agencies/{agency}", data=body, headers=headers)


async def file(stage: GatewayStage) -> tuple[str, dict[str, UUID]]:
    """A declaration, and its tasks by agency."""
    receipt = json.loads(await (await stage.submit(consignments(f"R{uuid4().hex[:8]}"))).read())
    await stage.match_all()
    declaration = receipt["declarations"][0]["id"]
    rows = await stage.database.fetch("read_parts", [UUID(declaration)])
    return declaration, {row["agency"]: row["id"] for row in rows}


async def state(stage: GatewayStage, declaration: str, agency: str = "harbour") -> str:
    view = json.loads(await (await stage.client.get(f"/v1/declarations/{declaration}")).read())
    return str(next(part["state"] for part in view["parts"] if part["agency"] == agency))


async def quarantined(stage: GatewayStage) -> list[dict[str, Any]]:
    shown = json.loads(await (await stage.client.get("/v1/agencies/harbour/quarantine")).read())
    return list(shown["quarantine"])


async def test_a_push_is_read_and_answered_as_the_agencys_own_description_says(stage: GatewayStage) -> None:
    declaration, tasks = await file(stage)
    answer = await push(stage, news((tasks["harbour"], f"S-{declaration}", "BERTHED", EARLY)))
    body = await answer.read()
    assert answer.status == 200, body
    (taken,) = etree.fromstring(body).iterfind(".//{urn:example:tower}NewsTaken")
    assert [child.text for child in taken] == ["1", "thank you"]
    assert await state(stage, declaration) == "released"


@pytest.mark.parametrize(
    "more",
    [{"prefix": "other"}, {"extra": '<x:y xmlns:x="urn:x">z</x:y>'}, {"before": "\n  "}, {"before": "\ufeff"}],
    ids=["prefix", "extra", "white-space", "mark"],
)
async def test_an_untidy_push_is_read_all_the_same(stage: GatewayStage, more: dict[str, str]) -> None:
    declaration, tasks = await file(stage)
    answer = await push(stage, news((tasks["harbour"], f"S-{declaration}", "BERTHED", EARLY), **more))
    assert answer.status == 200, await answer.text()
    assert await state(stage, declaration) == "released"


async def test_a_late_older_word_never_overwrites_a_newer_one_and_a_repeat_changes_nothing(stage: GatewayStage) -> None:
    declaration, tasks = await file(stage)
    newer = news((tasks["harbour"], f"2-{declaration}", "BERTHED", LATE))
    older = news((tasks["harbour"], f"1-{declaration}", "WRONG", EARLY))
    for body in (newer, older, newer):
        assert (await push(stage, body)).status == 200
    assert await state(stage, declaration) == "released"
    shown = json.loads(await (await stage.client.get(f"/v1/declarations/{declaration}/responses")).read())
    assert len(shown["responses"]) == 2


@pytest.mark.parametrize(
    ("user", "password"), [(USER, "wrong"), ("harbour", PASSWORD), ("harbour", "not-this-one"), (USER, "")]
)
async def test_only_the_credential_of_the_description_opens_the_door(
    stage: GatewayStage, user: str, password: str
) -> None:
    assert (await push(stage, b"<x/>", user=user, password=password)).status == 401


async def test_without_its_variable_the_agency_does_not_get_in(
    stage: GatewayStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(ENVIRONMENT)
    assert (await push(stage, b"<x/>")).status == 401
    assert (await push(stage, b"<x/>", password="")).status == 401


async def test_an_agency_that_does_not_push_has_no_door(stage: GatewayStage, tmp_path: Path) -> None:
    (tmp_path / "agencies" / "fiscal").write_text("secret")
    assert (await push(stage, b"<x/>", agency="fiscal", user="fiscal", password="secret")).status == 401


async def test_news_of_another_agencys_task_is_refused_and_quarantined(stage: GatewayStage) -> None:
    declaration, tasks = await file(stage)
    body = news((tasks["fiscal"], f"S-{declaration}", "BERTHED", EARLY), (uuid4(), "S-0", "BERTHED", EARLY))
    with pytest.raises(FaultReceived) as refused:
        open_reply(await (await push(stage, body)).read())
    assert (refused.value.fault.code, refused.value.fault.retry) == ("foreign-task", "stop")
    assert await state(stage, declaration, "fiscal") != "released"
    entry = (await quarantined(stage))[0]
    assert (entry["source"], entry["bytes"]) == ("push", len(body))


DEEP = b"<a>" * 10_000 + b"</a>" * 10_000


@pytest.mark.parametrize(
    "body",
    [
        b"",
        DEEP,
        b'<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + news((uuid4(), "1", "&e;", EARLY))[21:],
        news().replace(b"urn:example:tower", b"urn:example:elsewhere"),
        news(),
        news((uuid4(), "1", "BERTHED", EARLY)).replace(b"News", b"Noise"),
        news((uuid4(), "1", "BERTHED", EARLY))[:-30],
    ],
    ids=["empty", "deep", "doctype", "namespace", "nothing", "element", "cut"],
)
async def test_hostile_and_unreadable_pushes_are_quarantined(stage: GatewayStage, body: bytes) -> None:
    with pytest.raises(FaultReceived) as refused:
        open_reply(await (await push(stage, body)).read())
    assert refused.value.fault.retry == "stop"
    entry = (await quarantined(stage))[0]
    kept = await (await stage.client.get(f"/v1/agencies/harbour/quarantine/{entry['id']}")).read()
    assert kept == body


async def test_a_notice_that_names_no_task_is_refused_and_the_others_are_taken(stage: GatewayStage) -> None:
    declaration, tasks = await file(stage)
    body = news((tasks["harbour"], f"S-{declaration}", "BERTHED", EARLY), (uuid4(), "nameless", "BERTHED", EARLY))
    body = body[: body.rindex(b"<n:id>") + 6] + b"whose?" + body[body.rindex(b"</n:id>") :]
    with pytest.raises(FaultReceived) as refused:
        open_reply(await (await push(stage, body)).read())
    assert "nameless" in refused.value.fault.text
    assert await state(stage, declaration) == "released"


async def test_an_agency_with_a_description_of_its_own_is_not_offered_ours(stage: GatewayStage) -> None:
    assert (await stage.client.get("/soap/agencies/harbour?wsdl")).status == 404


async def test_a_push_may_carry_its_envelope_as_mtom(stage: GatewayStage) -> None:
    declaration, tasks = await file(stage)
    envelope = news((tasks["harbour"], f"S-{declaration}", "BERTHED", EARLY))
    part = b'--b\r\nContent-Type: application/xop+xml; type="application/soap+xml"\r\n\r\n' + envelope + b"\r\n--b--"
    answer = await push(stage, part, kind='multipart/related; boundary=b; type="application/xop+xml"')
    assert answer.status == 200, await answer.text()
    assert await state(stage, declaration) == "released"
