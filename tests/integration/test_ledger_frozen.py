"""A PostgreSQL that falls silent in a transaction: everybody hears in time, and who is told to end ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlsplit

from singlewindow.errors import Unavailable
from singlewindow.ledger.database import Database
from tests.integration.gateway_stage import PATIENCE_SECONDS

TIMEOUT_SECONDS = 0.5


class Wire:
    """A wire to PostgreSQL on which nothing travels while it is `cut`, and nobody hangs up."""

    def __init__(self, database_url: str) -> None:
        self._socket = f"{parse_qs(urlsplit(database_url).query)['host'][0]}/.s.PGSQL.5432"
        self._whole = asyncio.Event()
        self._whole.set()

    def cut(self) -> None:
        self._whole.clear()

    def mend(self) -> None:
        self._whole.set()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_unix_connection(self._socket)
        await asyncio.gather(self._pass_on(reader, back), self._pass_on(there, writer), return_exceptions=True)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            await self._whole.wait()
            writer.write(data)
        writer.close()


@asynccontextmanager
async def wired(database_url: str) -> AsyncIterator[tuple[Wire, Database]]:
    """A ledger at the other end of a wire."""
    wire = Wire(database_url)
    server = await asyncio.start_server(wire.carry, "127.0.0.1", 0)
    port, name = server.sockets[0].getsockname()[1], urlsplit(database_url).path
    database = Database(
        f"postgresql://singlewindow@127.0.0.1:{port}{name}", connections=2, timeout_seconds=TIMEOUT_SECONDS
    )
    await database.open()
    try:
        yield wire, database
    finally:
        wire.mend()
        await database.close()
        server.close()


async def write_for_ever(database: Database, told: list[str]) -> None:
    """Like every worker: transactions, whatever becomes of one of them."""
    while True:
        try:
            async with database.transaction() as connection:
                told.append("begun")
                await connection.fetch("SELECT pg_sleep(0.1)")
        except Unavailable:
            told.append("away")


@asynccontextmanager
async def working(database: Database, told: list[str]) -> AsyncIterator[None]:
    """A worker from its first transaction on, told to end when the block is left: it must."""
    worker = asyncio.create_task(write_for_ever(database, told))
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not told:
            await asyncio.sleep(0.005)
    yield
    worker.cancel()
    await asyncio.wait({worker}, timeout=PATIENCE_SECONDS)
    assert worker.cancelled()


async def test_a_worker_that_is_told_to_end_while_postgresql_is_silent_ends(database_url: str) -> None:
    told: list[str] = []
    async with wired(database_url) as (wire, database), working(database, told):
        wire.cut()


async def test_who_is_not_told_to_end_hears_that_it_is_away_and_goes_on(database_url: str) -> None:
    told: list[str] = []
    async with wired(database_url) as (wire, database), working(database, told):
        async with asyncio.timeout(PATIENCE_SECONDS):
            wire.cut()
            while "away" not in told:
                await asyncio.sleep(0.005)
            wire.mend()
            while told[-1] != "begun":
                await asyncio.sleep(0.005)
