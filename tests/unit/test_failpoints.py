"""Failpoints: what a setting arms, and what happens when a step is reached."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import singlewindow
from singlewindow import failpoints
from singlewindow.errors import ConfigurationError

SOURCES = Path(singlewindow.__file__).parent


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    yield
    failpoints.arm("")


def test_every_failpoint_stands_somewhere_and_none_is_unknown() -> None:
    reached = {
        name
        for path in SOURCES.rglob("*.py")
        for name in re.findall(r'failpoints\.reach\("(\w+)"\)', path.read_text("utf-8"))
    }
    assert reached == set(failpoints.STEPS)


async def test_nothing_happens_while_none_is_armed() -> None:
    for name in failpoints.STEPS:
        await failpoints.reach(name)


async def test_a_failpoint_acts_at_every_nth_time() -> None:
    failpoints.arm("F5:raise@3")
    await failpoints.reach("F5")
    await failpoints.reach("F5")
    with pytest.raises(failpoints.FailpointError):
        await failpoints.reach("F5")
    await failpoints.reach("F5")


async def test_several_are_armed_at_once_and_only_the_one_reached_acts() -> None:
    failpoints.arm("F0:raise, W3:execute_and_timeout:1")
    await failpoints.reach("F1")
    with pytest.raises(failpoints.FailpointTimeout):
        await failpoints.reach("W3")
    failpoints.arm("W3:execute_and_timeout:0")
    await failpoints.reach("W3")


@pytest.mark.parametrize(("action", "code"), [("kill", -signal.SIGKILL), ("exit", failpoints.EXIT_CODE)])
def test_a_process_dies_where_it_is_told_to(action: str, code: int) -> None:
    program = (
        "import asyncio, sys; from singlewindow import failpoints;"
        f"failpoints.arm('N2:{action}'); asyncio.run(failpoints.reach('N2')); sys.exit(3)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == code


@pytest.mark.parametrize(
    "setting", ["F9:kill", "F1", "F1:explode", "F1:kill:5", "F1:sleep:soon", "F1:kill@often", ":kill"]
)
def test_a_setting_that_cannot_be_read_is_refused(setting: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(repr(setting))):
        failpoints.arm(setting)


def test_failpoints_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "points").write_text("F5:kill@20\n", "utf-8")
    failpoints.arm(f"@{tmp_path / 'points'}")
    assert failpoints.armed["F5"].every == 20
    with pytest.raises(ConfigurationError, match="cannot read"):
        failpoints.arm(f"@{tmp_path / 'none'}")
