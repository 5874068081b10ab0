"""What a sandbox knows after it was killed, and what it says again."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from singlewindow.errors import ConfigurationError
from tests.integration.sandbox_stage import (
    SingleWindow,
    Stage,
    ask_control,
    connected,
    eventually,
    four_legs,
    stage,
    status_of,
)


class SandboxProcess:
    """The sandbox in a process of its own, to be killed."""

    PROGRAM = (
        "import asyncio, sys\n"
        "from singlewindow.adapters.sandbox.serving import run_sandbox\n"
        "from singlewindow.settings import load_settings\n"
        "ready = lambda url: print(url, flush=True)\n"
        "asyncio.run(run_sandbox(load_settings(), notify_url=sys.argv[1], ready=ready))\n"
    )

    def __init__(self, data_dir: Path, window_url: str) -> None:
        self._environment = os.environ | {
            "SINGLEWINDOW_DATA_DIR": str(data_dir),
            "SINGLEWINDOW_AGENCIES_URL": "http://127.0.0.1:0",
            "SINGLEWINDOW_SANDBOX_DELAY_MS": "0-20",
        }
        self._window_url = window_url

    async def start(self) -> str:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", self.PROGRAM, self._window_url,
            env=self._environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        assert self._process.stdout is not None
        async with asyncio.timeout(30):
            # the log may come first
            while not (line := await self._process.stdout.readline()).startswith(b"http"):
                assert line, "the sandbox ended"
        return line.decode().strip()

    async def end(self, how: signal.Signals) -> int:
        if self._process.returncode is None:
            self._process.send_signal(how)
        return await asyncio.wait_for(self._process.wait(), 15)


@pytest.fixture
async def process(tmp_path: Path, window: SingleWindow) -> AsyncIterator[SandboxProcess]:
    process = SandboxProcess(tmp_path, await window.start())
    yield process
    await process.end(signal.SIGKILL)


async def test_after_a_kill_nothing_is_forgotten_and_nothing_acts_twice(
    tmp_path: Path, window: SingleWindow, process: SandboxProcess
) -> None:
    window.away = True
    inventory, cancelled, inspected = uuid4(), uuid4(), uuid4()
    waybill = {"logisticsCode": "9999960004", "logisticsNo": "WB-K"}
    original = four_legs("KILL-1")

    async with connected(await process.start(), tmp_path, window) as before:
        first = await before.file("inventory", inventory, copNo="KILL-1", **waybill)
        await before.file("inventory", cancelled, copNo="KILL-2")
        await before.send("inspection", "ExportDeclaration", original, task_id=inspected, action="inspect")
        await eventually(lambda: window.refused > 0)
        async with asyncio.timeout(10):
            while not (pulled := await before.adapters["inspection"].pull(""))[0]:
                await asyncio.sleep(0.01)
    await process.end(signal.SIGKILL)
    with (tmp_path / "sandbox" / "effects.jsonl").open("ab") as journal:
        journal.write(b'{"kind":"effect","agency":"cust')

    window.away = False
    async with connected(await process.start(), tmp_path, window) as after:
        await window.hear(inventory, "120", "399", "800")
        await window.hear(cancelled, "120", "399", "800")
        assert await after.file("inventory", inventory, copNo="KILL-1", **waybill) == first
        assert status_of(await after.file("inventory", copNo="KILL-1", **waybill)) == "-604001"
        await after.file("departure", copNo="KILL-3", **waybill)
        await window.hear(inventory, "120", "399", "800", "899")
        assert await after.adapters["inspection"].pull("") == pulled
        assert [line["fields"].get("copNo") for line in after.lines()] == ["KILL-1", "KILL-2", None, "KILL-3"]
    assert await process.end(signal.SIGTERM) == 0


async def test_bookings_and_movements_survive_a_restart(tmp_path: Path, window: SingleWindow) -> None:
    url = await window.start()
    release, original = uuid4(), four_legs("KEPT-1")
    async with stage(tmp_path, window, url) as before:
        await before.send("sea", "ExportDeclaration", original, action="book", leg=3)
        await before.send("sea", "ExportDeclaration", original, task_id=release, action="release", leg=3)
        window.away = True
        await ask_control(before, "movements", {"agency": "sea", "lrn": "KEPT-1", "leg": 3, "event": "departed"})
    window.away = False
    async with stage(tmp_path, window, url) as after:
        await window.hear(release, "departed")
        await ask_control(after, "movements", {"agency": "sea", "lrn": "KEPT-1", "leg": 3, "event": "arrived"})
        await window.hear(release, "departed", "arrived")


async def test_two_sandboxes_do_not_share_a_journal(tmp_path: Path, sandbox: Stage) -> None:
    with pytest.raises(ConfigurationError, match="another sandbox"):
        async with stage(tmp_path, sandbox.window, "http://127.0.0.1:9"):
            pass


async def test_what_was_delivered_is_not_pushed_again_after_an_orderly_restart(
    tmp_path: Path, window: SingleWindow
) -> None:
    url = await window.start()
    task_id, later = uuid4(), uuid4()
    async with stage(tmp_path, window, url) as before:
        await before.file("inventory", task_id, copNo="CALM-1")
        await window.hear(task_id, "120", "399", "800")
        await eventually(lambda: len(before.lines("delivered")) > 0 and before.lines("delivered")[-1]["number"] == 3)
    async with stage(tmp_path, window, url) as after:
        await after.file("order", later, orderNo="CALM-2")
        await window.hear(later, "120")
        await window.hear(task_id, "120", "399", "800")


async def test_notices_wait_until_the_single_window_is_back(sandbox: Stage) -> None:
    sandbox.window.away = True
    task_id: UUID = uuid4()
    await sandbox.file("order", task_id, orderNo="BACK-1")
    await eventually(lambda: sandbox.window.refused >= 2)
    sandbox.window.away = False
    await sandbox.window.hear(task_id, "120")
