"""Ending gateways under load, twice and by force in the middle of the drain, and workers in the middle of calls."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import asyncpg
import pytest

from tests.end_to_end.chain import Answer, Chain, Client, client_of, running_chain
from tests.end_to_end.documents import Parcel
from tests.faults.proof.processes import environment_of, pids_of, send_all

ROUNDS = 2
CLIENTS = 8
PAUSE_SECONDS = 0.02
RETURN_SECONDS = 60


class Book:
    """What became of each order filed: the ids that were promised, and the orders whose outcome nobody heard."""

    def __init__(self) -> None:
        self.promised: list[str] = []
        self.unknown: list[bytes] = []
        self.others: Counter[int] = Counter()

    async def file(self, client: Client, document: bytes) -> None:
        """File one order. A connection that breaks tells nothing of what became of it."""
        try:
            self._note(await client.call("POST", "/v1/declarations", document))
        except (aiohttp.ClientError, OSError, TimeoutError):
            self.unknown.append(document)

    def _note(self, answer: Answer) -> None:
        if answer.status == 202:
            self.promised.append(str(answer.json["declarations"][0]["id"]))
        else:
            self.others[answer.status] += 1


@pytest.fixture(scope="module")
def chain(short_dir: Path) -> Iterator[Chain]:
    with running_chain(short_dir / "ended", workers=2, sandbox_delay_ms="0-50") as started:
        yield started


@asynccontextmanager
async def load(client: Client) -> AsyncIterator[Book]:
    """Clients that file one order after another for the length of a block."""
    book, done = Book(), asyncio.Event()

    async def file_on() -> None:
        while not done.is_set():
            await book.file(client, Parcel().order().encode())
            await asyncio.sleep(PAUSE_SECONDS)

    filing = [asyncio.create_task(file_on()) for _ in range(CLIENTS)]
    yield book
    done.set()
    await asyncio.gather(*filing)


async def until_another_runs(chain: Chain, role: str, gone: int, count: int) -> None:
    async with asyncio.timeout(RETURN_SECONDS):
        while gone in pids_of(chain, role) or len(pids_of(chain, role)) < count:
            await asyncio.sleep(0.05)


async def until_customs_is_called(chain: Chain, count: int) -> None:
    """Wait until this many calls are under way; should their worker die, each must be due again within 30 seconds."""
    database = await asyncpg.connect(environment_of(chain, "SINGLEWINDOW_DATABASE_URL"))
    try:
        async with asyncio.timeout(RETURN_SECONDS):
            while await database.fetchval("SELECT count(*) FROM task WHERE lane = 'customs' AND attempt > 0") < count:
                await asyncio.sleep(0.05)
        assert await database.fetchval("SELECT bool_and(due_at <= now() + interval '30 s') FROM task WHERE attempt > 0")
    finally:
        await database.close()


def effects_are_single(chain: Chain) -> None:
    effects = Counter((effect["business_key"], effect["action"]) for effect in chain.effects())
    assert set(effects.values()) == {1}


@pytest.mark.timeout(180)
async def test_a_gateway_told_to_end_twice_fails_no_request(chain: Chain) -> None:
    async with client_of(chain) as client, load(client) as book:
        for _ in range(ROUNDS):
            ended = pids_of(chain, "serve")[0]
            for _ in range(2):
                os.kill(ended, signal.SIGTERM)
            await until_another_runs(chain, "serve", ended, 2)
    assert book.promised
    assert (book.others, book.unknown) == (Counter(), [])


@pytest.mark.timeout(180)
async def test_a_gateway_killed_while_it_drains_loses_nothing_it_promised(chain: Chain) -> None:
    async with client_of(chain) as client:
        async with load(client) as book:
            for _ in range(ROUNDS):
                killed = pids_of(chain, "serve")[0]
                os.kill(killed, signal.SIGTERM)
                await asyncio.sleep(PAUSE_SECONDS)
                send_all([killed] if killed in pids_of(chain, "serve") else [], signal.SIGKILL)
                await until_another_runs(chain, "serve", killed, 2)
        assert set(book.others) <= {503}
        unknown, book.unknown = book.unknown, []
        for document in (*unknown, *unknown):
            await book.file(client, document)
        assert book.unknown == []
        assert len(set(book.promised)) == len(book.promised) - len(unknown)
        for one in set(book.promised):
            await client.until_status(one, "registered")
    effects_are_single(chain)


@pytest.mark.timeout(180)
async def test_a_killed_workers_calls_are_made_again_and_take_effect_once(chain: Chain) -> None:
    async with client_of(chain) as client:
        sandbox = pids_of(chain, "sandbox")
        send_all(sandbox, signal.SIGSTOP)
        try:
            filed = [await client.file_one(Parcel().order()) for _ in range(5)]
            await until_customs_is_called(chain, len(filed))
            killed = pids_of(chain, "work")[0]
            os.kill(killed, signal.SIGKILL)
        finally:
            send_all(sandbox, signal.SIGCONT)
        for one in filed:
            await client.until_status(one, "registered")
    effects_are_single(chain)
