from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio

from singlewindow.xsd.judge_pool import JudgePool
from singlewindow.xsd.parser import Refused
from tests.unit.ceb_messages import INVENTORY

INVALID = INVENTORY.replace(b"<ieFlag>E", b"<ieFlag>EE")


@pytest_asyncio.fixture
async def pool() -> AsyncIterator[JudgePool]:
    pool = JudgePool()
    yield pool
    await pool.close()


def children(parent: int | None = None) -> list[int]:
    """Process ids of a process's judge children, by default of this one's."""
    command = ["ps", "-o", "pid=,args=", "--ppid", str(parent or os.getpid())]
    found = subprocess.run(command, capture_output=True, check=False)
    return [int(line.split()[0]) for line in found.stdout.decode().splitlines() if "judge_child" in line]


async def test_a_killed_child_is_replaced_and_the_message_still_judged(pool: JudgePool) -> None:
    await pool.warm()
    for child in children():
        os.kill(child, 9)
    judgement = await pool.judge(INVALID)
    assert [problem.code for problem in judgement.units[0].problems] == ["xsd.length"]


async def test_children_that_died_while_they_waited_cost_no_message_its_explanation(pool: JudgePool) -> None:
    explained, _ = await asyncio.gather(pool.judge(INVALID), pool.judge(INVALID))
    waiting = list(pool._idle)
    assert len(waiting) == 2
    for child in children():
        os.kill(child, 9)
    async with asyncio.timeout(10):
        while any(child.alive for child in waiting):
            await asyncio.sleep(0.01)
    assert await pool.judge(INVALID) == explained


async def test_a_message_that_outlives_every_child_is_refused(pool: JudgePool) -> None:
    hasty = JudgePool(wall_seconds=0.0)
    with pytest.raises(Refused) as caught:
        await hasty.judge(b"<a/>")
    assert (caught.value.status, caught.value.code) == (422, "too-complex")
    assert children() == []


async def test_a_refusal_met_in_a_child_is_raised_here(pool: JudgePool) -> None:
    with pytest.raises(Refused) as caught:
        await pool.judge(b"<a>")
    assert (caught.value.status, caught.value.code, caught.value.line) == (400, "not-well-formed", 1)


async def test_a_caller_who_leaves_takes_the_child_along(pool: JudgePool) -> None:
    await pool.warm()
    (child,) = children()
    leaving = asyncio.create_task(pool.judge(INVALID))
    await asyncio.sleep(0)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    judgement = await pool.judge(INVALID)
    assert not judgement.units[0].valid
    assert child not in children()


async def test_no_child_is_left_after_closing(pool: JudgePool) -> None:
    await pool.judge(INVALID)
    await pool.close()
    assert children() == []


def test_a_child_ends_when_its_input_ends() -> None:
    ended = subprocess.run([sys.executable, "-m", "singlewindow.xsd.judge_child"], input=b"", check=True, timeout=30)
    assert ended.returncode == 0


PARENT = """
import asyncio, time
from singlewindow.xsd.judge_pool import JudgePool

async def main():
    await JudgePool().warm()
    print("warm", flush=True)
    time.sleep(60)

asyncio.run(main())
"""


def test_children_die_with_a_parent_that_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"warm\n"
        (child,) = children(parent.pid)
        parent.kill()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{child}").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not Path(f"/proc/{child}").exists()


MANIFEST = """
name = "slow"
title = "a pattern that explodes"
namespace = "urn:slow"
prefix = "s"
schema = "slow.xsd"
routes = []
statuses = {}
holding = {}
[kind.slow]
ends = ["accepted"]
[[root]]
name = "Slow"
direction = "request"
kind = "slow"
"""
SCHEMA = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:slow">
<xs:element name="Slow"><xs:simpleType><xs:restriction base="xs:string"><xs:pattern value="((a|b|ab)*)*c"/>
</xs:restriction></xs:simpleType></xs:element></xs:schema>"""


async def test_a_value_that_explodes_in_a_pattern_costs_a_child_and_is_judged_by_libxml2(tmp_path: Path) -> None:
    (tmp_path / "message-set.toml").write_text(MANIFEST)
    (tmp_path / "slow.xsd").write_text(SCHEMA)
    pool = JudgePool(tmp_path, wall_seconds=3.0)
    try:
        judgement = await pool.judge(b'<Slow xmlns="urn:slow">' + b"ab" * 40 + b"</Slow>")
    finally:
        await pool.close()
    assert judgement.truncated
    assert [problem.code for problem in judgement.units[0].problems] == ["xsd.value"]


async def test_a_trader_whose_messages_keep_every_child_busy_keeps_nobody_else_waiting(tmp_path: Path) -> None:
    (tmp_path / "message-set.toml").write_text(MANIFEST)
    (tmp_path / "slow.xsd").write_text(SCHEMA)
    pool, whose = JudgePool(tmp_path, wall_seconds=30.0), uuid4()
    slow = b'<Slow xmlns="urn:slow">' + b"ab" * 40 + b"</Slow>"
    flood = [asyncio.create_task(pool.judge(slow, whose=whose)) for _ in range(8)]
    try:
        await asyncio.sleep(0)
        judgement = await pool.judge(b'<Slow xmlns="urn:slow">c</Slow>', whose=uuid4())
        assert judgement.units[0].valid
        assert not any(one.done() for one in flood)
    finally:
        for one in flood:
            one.cancel()
        await asyncio.gather(*flood, return_exceptions=True)
        await pool.close()
