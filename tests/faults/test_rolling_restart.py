"""Renewing every process under load: no request fails, none is left unknown, nothing waits for long."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from pathlib import Path

import aiohttp
import pytest

from tests.end_to_end.chain import Chain, Client, client_of, running_chain
from tests.end_to_end.documents import Parcel
from tests.faults.proof.processes import pids_of

RENEWALS = 2
CLIENTS = 8
PAUSE_SECONDS = 0.02


async def file_until(done: asyncio.Event, client: Client, outcomes: Counter[int | str]) -> None:
    """File one order after another, each answer counted by its status and each broken connection by its name."""
    while not done.is_set():
        try:
            answer = await client.call("POST", "/v1/declarations", Parcel().order().encode())
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            outcomes[type(error).__name__] += 1
        else:
            outcomes[answer.status] += 1
        await asyncio.sleep(PAUSE_SECONDS)


async def renew(chain: Chain) -> None:
    """Ask for a renewal, and wait until every gateway and worker is another process."""
    before = {*pids_of(chain, "serve"), *pids_of(chain, "work")}
    os.kill(chain.pid, signal.SIGUSR2)
    async with asyncio.timeout(90):
        while before & {*pids_of(chain, "serve"), *pids_of(chain, "work")}:
            await asyncio.sleep(0.1)


@pytest.mark.timeout(240)
async def test_a_rolling_restart_under_load_fails_no_request(short_dir: Path) -> None:
    with running_chain(short_dir / "rolling", sandbox_delay_ms="0-50") as chain:
        async with client_of(chain) as client:
            done, outcomes = asyncio.Event(), Counter[int | str]()
            load = [asyncio.create_task(file_until(done, client, outcomes)) for _ in range(CLIENTS)]
            for _ in range(RENEWALS):
                await renew(chain)
            done.set()
            await asyncio.gather(*load)
            assert set(outcomes) == {202}, outcomes
            assert outcomes[202] > CLIENTS * RENEWALS
        assert len(pids_of(chain, "serve")) == 1
