"""What the benchmarks file is cleared, and `bench` measures a running gateway; their guard is a step of its own."""

from __future__ import annotations

import asyncio
import subprocess
import sys

from benchmarks.documents import RECIPES
from benchmarks.load import new_mark
from tests.end_to_end.chain import CHECKOUT, Chain, Client


def run(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A module of the checkout as a command, run to its end."""
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=110, check=False)


async def test_the_measured_export_goes_through_customs_inspection_and_one_carrier(trader: Client) -> None:
    declaration = await trader.file_one(RECIPES["road"]().document(1, new_mark()))
    view = await trader.until_status(declaration, "released")
    assert {part["agency"] for part in view["parts"]} == {"customs", "inspection", "road"}


async def test_bench_tells_what_a_running_gateway_acknowledges(chain: Chain) -> None:
    arguments = ["bench", chain.url, "--key", chain.api_key, "--seconds", "1", "--connections", "4"]
    ended = await asyncio.to_thread(run, "singlewindow", *arguments)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "acknowledged a second" in ended.stdout


def test_bench_files_nothing_on_another_machine_unless_told_to() -> None:
    ended = run("singlewindow", "bench", "http://192.0.2.1:8080", "--key", "sw_0", "--seconds", "1")
    assert ended.returncode == 3
    assert "--live" in ended.stderr
