"""A scenario played twice over real sockets: per key the same failures, answers and notices in the same order."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections import defaultdict
from pathlib import Path
from uuid import uuid4

import aiohttp
import pytest

from singlewindow.errors import AgencyError, ConfigurationError
from tests.integration.sandbox_stage import SingleWindow, Stage, eventually, four_legs, stage, status_of

SCENARIO = """
seed = "twice"
[delays.customs]
shortest_ms = 0
longest_ms = 50
[[outcomes]]
outcome = "reject"
share = 0.2
[[outcomes]]
outcome = "inspect"
share = 0.4
[weather.customs]
http_500 = 0.2
server_fault = 0.1
lost_reply = 0.2
duplicate_notices = 0.2
disordered_notices = 0.2
"""
KEYS = [f"STORY-{number}" for number in range(20)]


async def play(sandbox: Stage) -> dict[str, list[str]]:
    """File every key until it is answered, and listen until all is said."""
    told: dict[str, list[str]] = defaultdict(list)
    tasks = {key: uuid4() for key in KEYS}
    for key, task_id in tasks.items():
        answer = None
        while answer is None:
            try:
                answer = await sandbox.file("inventory", task_id, copNo=key)
            except AgencyError as error:
                told[key].append(f"unknown={error.outcome_unknown} {str(error)[:40]}")
        told[key].append(status_of(answer))
    ends = {"800", "100"}
    await eventually(lambda: all(ends & set(sandbox.window.said_to(task_id)) for task_id in tasks.values()))
    await eventually(lambda: sandbox.lines("delivered")[-1]["number"] == len(sandbox.lines("issued")) >= len(KEYS) * 2)
    return {key: told[key] + sandbox.window.said_to(task_id) for key, task_id in tasks.items()}


async def test_two_runs_tell_the_same_story(tmp_path: Path) -> None:
    stories = []
    for number in range(2):
        folder, window = tmp_path / str(number), SingleWindow()
        folder.mkdir()
        scenario = folder / "scenario.toml"
        scenario.write_text(SCENARIO, "utf-8")
        async with stage(folder, window, await window.start(), scenario=scenario) as sandbox:
            stories.append(await play(sandbox))
        await window.stop()
    assert stories[0] == stories[1]
    said = [one for story in stories[0].values() for one in story]
    assert {"100", "300", "800"} <= set(said)
    assert any("HTTP 500" in one for one in said)
    assert any(one.startswith("unknown=True") for one in said)


async def test_a_scenario_with_a_mistake_keeps_the_sandbox_from_starting(tmp_path: Path) -> None:
    scenario = tmp_path / "wrong.toml"
    scenario.write_text("[weather.sea]\nrain = 1\n", "utf-8")
    with pytest.raises(ConfigurationError, match=r"wrong\.toml: weather\.sea\.rain"):
        async with stage(tmp_path, SingleWindow(), "http://127.0.0.1:9", scenario=scenario):
            pass


async def test_the_command_plays_a_scenario_and_names_its_mistakes(tmp_path: Path) -> None:
    scenario = tmp_path / "scenario.toml"
    environment = os.environ | {
        "SINGLEWINDOW_DATA_DIR": str(tmp_path), "SINGLEWINDOW_AGENCIES_URL": "http://127.0.0.1:0",
    }  # fmt: skip

    async def run() -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "singlewindow", "sandbox", "--scenario", str(scenario),
            env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip

    scenario.write_text("[delays.sea]\nlongest_ms = 5\n", "utf-8")
    output, _ = await (wrong := await run()).communicate()
    assert wrong.returncode == 3
    assert b"delays.sea.shortest_ms" in output.replace(b"\n", b"")
    scenario.write_text("seed = 12345\n", "utf-8")
    playing = await run()
    assert playing.stdout is not None
    async with asyncio.timeout(30):
        while not (found := re.search(rb"http://127\.0\.0\.1:\d+", await playing.stdout.readline())):
            assert playing.returncode is None
    async with aiohttp.ClientSession() as client, client.get(f"{found[0].decode()}/sandbox/scenario") as reply:
        assert await reply.json() == {"seed": 12345}
    playing.terminate()
    await playing.communicate()
    assert playing.returncode == 0


async def test_a_scenario_lets_legs_move_by_themselves(tmp_path: Path, window: SingleWindow) -> None:
    scenario = tmp_path / "scenario.toml"
    scenario.write_text('[[outcomes]]\noutcome = "moves"\naction = "release"\nleg = 3\n', "utf-8")
    original, released, staying = four_legs("MOVE-ON-1"), uuid4(), uuid4()
    async with stage(tmp_path, window, await window.start(), scenario=scenario) as sandbox:
        for leg, task_id in ((2, staying), (3, released)):
            await sandbox.send("sea", "ExportDeclaration", original, action="book", leg=leg)
            await sandbox.send("sea", "ExportDeclaration", original, task_id=task_id, action="release", leg=leg)
        await window.hear(released, "departed", "arrived")
        assert window.said_to(staying) == []
