"""The control API over HTTP: notices that are invented, stories that are forgotten, calls that are listed."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import pytest

from singlewindow.adapters.sandbox.control import CALLS
from tests.integration.sandbox_stage import SingleWindow, Stage, ask_control, eventually, four_legs, stage, status_of


async def test_every_call_is_listed_with_what_it_does(sandbox: Stage) -> None:
    status, told = await ask_control(sandbox, "")
    assert status == 200
    assert isinstance(told, dict)
    assert [one["call"] for one in told["calls"]] == [f"{call.method} /sandbox/{call.path}" for call in CALLS]
    assert all(one["does"] for one in told["calls"])


async def test_a_notice_is_invented_for_a_task(sandbox: Stage) -> None:
    task_id = uuid4()
    await sandbox.declare("INVENT-1", task_id=task_id)
    await sandbox.window.hear(task_id, "registered", "accepted", "released")
    wanted = {"agency": "customs", "task_id": str(task_id), "status": "detained", "code": "14", "text": "why"}
    assert (await ask_control(sandbox, "notices", wanted))[0] == 202
    heard = (await sandbox.window.hear(task_id, "registered", "accepted", "released", "detained"))[-1]
    assert (heard.values["Code"], heard.values["Text"], heard.values["LRN"]) == ("14", "why", "INVENT-1")


async def test_a_notice_is_invented_for_a_key_and_comes_twice(sandbox: Stage) -> None:
    task_id = uuid4()
    await sandbox.file("inventory", task_id, copNo="INVENT-2")
    await sandbox.window.hear(task_id, "120", "399", "800")
    wanted = {"agency": "customs", "key": "INVENT-2", "status": "500", "code": "2310", "duplicate": True}
    assert (await ask_control(sandbox, "notices", wanted | {"delay_seconds": 0.1}))[0] == 202
    first, second = (await sandbox.window.hear(task_id, "120", "399", "800", "500", "500"))[-2:]
    assert first.notice_id == second.notice_id
    assert "2310" in first.values["returnInfo"]


@pytest.mark.parametrize(
    ("wanted", "status"),
    [
        ({"agency": "customs", "task_id": "unknown", "status": "800"}, 404),
        ({"agency": "customs", "key": "unknown", "status": "800"}, 404),
        ({"agency": "customs", "status": "800"}, 400),
        ({"agency": "seaside", "key": "any", "status": "800"}, 400),
        ({"agency": "customs", "key": "any"}, 400),
    ],
)
async def test_a_notice_about_nothing_is_refused(sandbox: Stage, wanted: dict[str, Any], status: int) -> None:
    assert (await ask_control(sandbox, "notices", wanted))[0] == status


async def test_invented_notices_survive_a_restart(tmp_path: Path, window: SingleWindow) -> None:
    url, task_id = await window.start(), uuid4()
    async with stage(tmp_path, window, url) as before:
        await before.file("order", task_id, orderNo="INVENT-3")
        await window.hear(task_id, "120")
        window.away = True
        await ask_control(before, "notices", {"agency": "customs", "task_id": str(task_id), "status": "300"})
    window.away = False
    async with stage(tmp_path, window, url):
        await window.hear(task_id, "120", "300")


async def test_a_reset_frees_keys_and_keeps_effects_and_answers(tmp_path: Path, window: SingleWindow) -> None:
    url, first, second = await window.start(), uuid4(), uuid4()
    async with stage(tmp_path, window, url) as sandbox:
        answer = await sandbox.file("inventory", first, copNo="RESET-1")
        await sandbox.window.hear(first, "120", "399", "800")
        assert (await ask_control(sandbox, "reset", method="POST"))[0] == 204
        assert await sandbox.file("inventory", first, copNo="RESET-1") == answer
        assert status_of(await sandbox.file("inventory", second, copNo="RESET-1")) == "2"
        await sandbox.window.hear(second, "120", "399", "800")
        assert [line["task_id"] for line in sandbox.lines()] == [str(first), str(second)]
        # it must be known to be delivered before the journal is read again
        await eventually(lambda: sandbox.lines("delivered")[-1]["number"] == 6)
    async with stage(tmp_path, window, url) as after:
        _, effects = await ask_control(after, "effects?key=RESET-1")
        assert isinstance(effects, dict)
        assert [count["count"] for count in effects["counts"]] == [2]
        assert status_of(await after.file("inventory", copNo="RESET-1")) == "-604001"


async def test_a_reset_with_effects_empties_the_journal_and_keeps_numbers_rising(
    tmp_path: Path, window: SingleWindow
) -> None:
    url, first, second = await window.start(), uuid4(), uuid4()
    original = four_legs("RESET-2")
    async with stage(tmp_path, window, url) as sandbox:
        await sandbox.send("inspection", "ExportDeclaration", original, task_id=first, action="inspect")
        cursor = ""
        while not cursor or cursor == "0":
            _, cursor = await sandbox.adapters["inspection"].pull("")
        assert (await ask_control(sandbox, "reset?effects=true", method="POST"))[0] == 204
        assert sandbox.lines() == []
        assert [line["effects"] for line in sandbox.lines("reset")] == [True]
    async with stage(tmp_path, window, url) as after:
        assert await after.adapters["inspection"].pull(cursor) == ((), cursor)
        await after.send("inspection", "ExportDeclaration", original, task_id=second, action="inspect")
        found: tuple[Any, ...] = ()
        while not found:
            found, _ = await after.adapters["inspection"].pull(cursor)
        assert [one.task_id for one in found] == [second]
        assert b"000002" in found[0].document, "the certificate's number follows the one before the reset"


async def test_a_reset_begins_the_weather_of_the_scenario_anew(tmp_path: Path, window: SingleWindow) -> None:
    scenario = tmp_path / "scenario.toml"
    scenario.write_text("seed = 1\n[weather.sea]\nhttp_500 = 0.5\n", "utf-8")
    async with stage(tmp_path, window, await window.start(), scenario=scenario) as sandbox:
        _, told = await ask_control(sandbox, "scenario")
        assert told == {"seed": 1, "weather": {"sea": {"http_500": 0.5}}}
        _, before = await ask_control(sandbox, "weather")
        await ask_control(sandbox, "weather", method="DELETE")
        await ask_control(sandbox, "reset", method="POST")
        assert (await ask_control(sandbox, "weather"))[1] == before


async def test_what_is_no_json_is_refused(sandbox: Stage) -> None:
    async with aiohttp.ClientSession() as client, client.put(f"{sandbox.url}/sandbox/weather", data=b"{") as reply:
        assert reply.status == 400
