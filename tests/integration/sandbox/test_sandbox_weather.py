"""The sandbox's weather over real sockets: each fault before or after its effect, and every request on disk."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest

from singlewindow.errors import AgencyError
from tests.integration.sandbox_stage import Stage, ask_control, eventually, four_legs, status_of


async def put_weather(sandbox: Stage, seed: str = "", **agencies: dict[str, Any]) -> Any:
    status, told = await ask_control(sandbox, "weather", {"seed": seed, "agencies": agencies}, method="PUT")
    assert status == 200, told
    return told


async def calm(sandbox: Stage) -> None:
    assert (await ask_control(sandbox, "weather", method="DELETE"))[0] == 200


@pytest.mark.parametrize(
    ("fault", "reason"),
    [("http_500", "HTTP 500"), ("http_503", "HTTP 503"), ("server_fault", "SOAP Fault")],
)
async def test_a_refused_call_has_no_effect_and_is_on_disk(sandbox: Stage, fault: str, reason: str) -> None:
    await put_weather(sandbox, customs={fault: 1})
    task_id = uuid4()
    with pytest.raises(AgencyError, match=reason) as failure:
        await sandbox.file("order", task_id, orderNo="REFUSED-1")
    assert failure.value.temporary
    assert sandbox.lines() == []
    assert [line["task_id"] for line in sandbox.lines("request")] == [str(task_id)]
    await calm(sandbox)
    assert status_of(await sandbox.file("order", task_id, orderNo="REFUSED-1")) == "2"
    assert len(sandbox.lines()) == 1


async def test_retry_after_is_as_long_as_the_weather_says(sandbox: Stage) -> None:
    await put_weather(sandbox, customs={"http_503": 1, "retry_after_seconds": 7})
    with pytest.raises(AgencyError) as failure:
        await sandbox.file("order")
    assert failure.value.retry_after_seconds == 7


@pytest.mark.parametrize("fault", ["malformed_reply", "lost_reply", "half_closed"])
async def test_a_reply_that_does_not_arrive_had_its_effect_once(sandbox: Stage, fault: str) -> None:
    await put_weather(sandbox, customs={fault: 1})
    task_id = uuid4()
    for _ in range(2):
        with pytest.raises(AgencyError) as failure:
            await sandbox.file("order", task_id, orderNo="UNKNOWN-1")
        assert failure.value.outcome_unknown
        assert len(sandbox.lines()) == 1
    await calm(sandbox)
    assert status_of(await sandbox.file("order", task_id, orderNo="UNKNOWN-1")) == "2"
    assert [len(sandbox.lines(kind)) for kind in ("effect", "request")] == [1, 3]


async def test_every_form_of_a_malformed_reply_is_met(sandbox: Stage) -> None:
    await put_weather(sandbox, customs={"malformed_reply": 1})
    reasons = set()
    for number in range(24):
        with pytest.raises(AgencyError) as failure:
            await sandbox.file("order", orderNo=f"FORM-{number}")
        assert failure.value.outcome_unknown
        reasons.add(str(failure.value))
    assert len(reasons) >= 4, reasons


async def test_a_slow_call_is_answered_after_its_seconds(sandbox: Stage) -> None:
    await put_weather(sandbox, customs={"slow": 1, "slow_seconds": 0.5})
    loop = asyncio.get_running_loop()
    started = loop.time()
    await sandbox.file("order")
    assert loop.time() - started >= 0.5


async def test_notices_come_twice_in_reverse_order_and_late(sandbox: Stage) -> None:
    weather = {"duplicate_notices": 1, "disordered_notices": 1, "late_notices": 1, "late_seconds": 0.5}
    await put_weather(sandbox, customs=weather)
    loop, task_id = asyncio.get_running_loop(), uuid4()
    started = loop.time()
    await sandbox.file("inventory", task_id, copNo="ASTRAY-1")
    await eventually(lambda: len(sandbox.window.said_to(task_id)) >= 6)
    assert loop.time() - started >= 0.5
    said = sandbox.window.said_to(task_id)
    assert sorted(said) == ["120", "120", "399", "399", "800", "800"]
    assert said.index("800") < said.index("399") < said.index("120")
    assert len({one.notice_id for one in sandbox.window.heard}) == 3


async def test_during_an_outage_nothing_is_taken_and_nothing_said(sandbox: Stage) -> None:
    before, during = uuid4(), uuid4()
    await put_weather(sandbox, customs={"late_notices": 1, "late_seconds": 0.2})
    await sandbox.file("order", before, orderNo="BEFORE-1")
    hour = {"from_seconds": 0, "for_seconds": 3600}
    status, told = await ask_control(sandbox, "outages", {"customs": [hour]}, method="PUT")
    assert status == 200
    assert isinstance(told, dict)
    assert told["outages"]["customs"][0]["for_seconds"] <= 3600
    with pytest.raises(AgencyError):
        await sandbox.file("order", during, orderNo="DURING-1")
    await sandbox.send("sea", "ExportDeclaration", four_legs("OTHERS-WORK"), action="book", leg=3)
    await eventually(lambda: len(sandbox.lines("issued")) > 0)
    assert sandbox.window.said_to(before) == []
    assert str(during) not in {line["task_id"] for line in sandbox.lines("request")}, "it was never read"
    await ask_control(sandbox, "outages", {"all": []}, method="PUT")
    await sandbox.window.hear(before, "120")
    assert status_of(await sandbox.file("order", during, orderNo="DURING-1")) == "2"


async def test_an_outage_ends_by_itself(sandbox: Stage) -> None:
    await put_weather(sandbox, customs={"outages": [{"from_seconds": 0, "for_seconds": 1.5}]})
    refused, answer = 0, None
    async with asyncio.timeout(30):
        while answer is None:
            try:
                answer = await sandbox.file("order", orderNo="WINDOW-1")
            except AgencyError:
                refused += 1
                await asyncio.sleep(0.05)
    assert refused > 0
    assert status_of(answer) == "2"


async def test_beyond_its_load_an_agency_asks_for_patience(sandbox: Stage) -> None:
    await put_weather(sandbox, customs={"load": [{"documents_per_second": 0.5}], "retry_after_seconds": 2})
    assert status_of(await sandbox.file("order", orderNo="LOAD-1")) == "2"
    with pytest.raises(AgencyError, match="HTTP 503") as failure:
        await sandbox.file("order", orderNo="LOAD-2")
    assert failure.value.retry_after_seconds == 2


async def test_magic_words_about_transport_win_over_the_weather(sandbox: Stage) -> None:
    await put_weather(sandbox, customs={"http_500": 1})
    with pytest.raises(AgencyError, match="FAULT in the reference"):
        await sandbox.file("order", orderNo="FAULT-9")


async def test_every_request_of_a_task_is_written_with_its_call(sandbox: Stage) -> None:
    task_id: UUID = uuid4()
    original = four_legs("COUNTED-1")
    await sandbox.send("sea", "ExportDeclaration", original, task_id=task_id, action="book", leg=3)
    await sandbox.send("sea", "ExportDeclaration", original, task_id=task_id, action="book", leg=3)
    await sandbox.adapters["sea"].ask((task_id,))
    lines = sandbox.lines("request")
    assert [(line["agency"], line["action"], line["task_id"]) for line in lines] == [
        ("sea", "book", str(task_id)), ("sea", "book", str(task_id)), ("sea", "status", str(task_id)),
    ]  # fmt: skip
    assert len({line["call_id"] for line in lines[:2]}) == 2
    assert all(UUID(line["call_id"]) for line in lines[:2])
    assert len(sandbox.lines()) == 1


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"agencies": {"seaside": {}}}, "seaside"),
        ({"agencies": {"sea": {"http_500": 1.5}}}, "agencies.sea.http_500"),
        ({"agencies": {"sea": {"rain": 1}}}, "agencies.sea.rain"),
        ({"agencies": {"sea": {"http_500": 0.6, "lost_reply": 0.6}}}, "more than 1"),
    ],
)
async def test_weather_that_cannot_be_is_refused_by_name(sandbox: Stage, body: dict[str, Any], place: str) -> None:
    status, told = await ask_control(sandbox, "weather", body, method="PUT")
    assert status == 400
    assert place in str(told)
