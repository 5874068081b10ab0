"""Kill -9 of the supervisor under load, which takes everything with it: nothing is lost, nothing acts twice."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from http import HTTPStatus
from pathlib import Path

import aiohttp
import pytest

from tests.end_to_end.chain import Chain, Client, client_of, running_chain
from tests.end_to_end.documents import Parcel

CONNECTIONS = 16
KILLS = 3
DIES_AFTER = 60
ENDS = {"registered", "released"}


@pytest.mark.timeout(300)
async def test_killing_the_supervisor_and_starting_again_loses_nothing(short_dir: Path) -> None:
    acknowledged: set[str] = set()
    for _ in range(KILLS):
        with running_chain(short_dir / "supervisor", sandbox_delay_ms="0-50") as chain:
            acknowledged |= await _file_until_killed(chain)
    with running_chain(short_dir / "supervisor", sandbox_delay_ms="0-50") as chain:
        async with client_of(chain) as client:
            assert len(acknowledged) > KILLS
            await _all_settle(client, acknowledged)
        effects = Counter((entry["agency"], entry["business_key"], entry["action"]) for entry in chain.effects())
        assert [key for key, count in effects.items() if count > 1] == []


async def _all_settle(client: Client, filed: set[str]) -> None:
    for declaration in sorted(filed):
        view = await client.until(declaration, lambda seen: seen["status"] in ENDS, seconds=180)
        assert not view["anomaly"]


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
                if len(filed) == DIES_AFTER:
                    os.kill(chain.pid, signal.SIGKILL)

    async with client_of(chain) as client:
        outcomes = await asyncio.gather(*(connection(client) for _ in range(CONNECTIONS)), return_exceptions=True)
    assert all(isinstance(outcome, (aiohttp.ClientError, OSError)) for outcome in outcomes), outcomes
    return filed
