"""Kill -9 of each kind of process, several times each, under load: nothing is lost, nothing acts twice."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections import Counter
from http import HTTPStatus
from pathlib import Path

import aiohttp
import pytest

from tests.end_to_end.chain import Chain, Client, client_of, running_chain
from tests.end_to_end.documents import Parcel

SUBMISSIONS = 2000
CONNECTIONS = 16
KILLS_EACH = 3
VICTIMS = ("serve", "work", "sandbox", "postgres", "valkey")
SUPERVISOR_DIES_AFTER = 60
ENDS = {"registered", "released"}


def pids_of(chain: Chain, victim: str) -> list[int]:
    """The process ids of one kind, among the chain's own children."""
    processes = (entry for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return [int(entry.name) for entry in processes if _parent(entry) == chain.pid and victim in _role(entry)]


def _parent(entry: Path) -> int:
    try:
        return int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, ValueError):
        return 0


def _role(entry: Path) -> str:
    try:
        words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return ""
    return words[3] if "singlewindow" in words[1:3] else Path(words[0]).name


@pytest.mark.timeout(300)
async def test_killing_the_supervisor_and_starting_again_loses_nothing(short_dir: Path) -> None:
    acknowledged: set[str] = set()
    for _ in range(KILLS_EACH):
        with running_chain(short_dir / "supervisor", sandbox_delay_ms="0-50") as chain:
            acknowledged |= await _file_until_killed(chain)
    with running_chain(short_dir / "supervisor", sandbox_delay_ms="0-50") as chain:
        async with client_of(chain) as client:
            assert len(acknowledged) > KILLS_EACH
            await _all_settle(client, acknowledged)
        effects = Counter((entry["agency"], entry["business_key"], entry["action"]) for entry in chain.effects())
        assert [key for key, count in effects.items() if count > 1] == []


async def _file_until_killed(chain: Chain) -> set[str]:
    """File parcels until the supervisor, killed in the middle, has taken everything with it; what was acknowledged."""
    filed: set[str] = set()

    async def connection(client: Client) -> None:
        while True:
            parcel = Parcel()
            for document in (parcel.order(), parcel.waybill(), parcel.inventory()):
                answer = await client.call("POST", "/v1/declarations", document.encode())
                if answer.status == HTTPStatus.ACCEPTED:
                    filed.add(answer.json["declarations"][0]["id"])
                if len(filed) == SUPERVISOR_DIES_AFTER:
                    os.kill(chain.pid, signal.SIGKILL)

    async with client_of(chain) as client:
        outcomes = await asyncio.gather(*(connection(client) for _ in range(CONNECTIONS)), return_exceptions=True)
    assert all(isinstance(outcome, (aiohttp.ClientError, OSError)) for outcome in outcomes), outcomes
    return filed
