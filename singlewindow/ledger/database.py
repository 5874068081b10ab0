"""Connections to PostgreSQL with a deadline on every await, and its errors translated into ours."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, TypeAlias

import asyncpg
import orjson

from singlewindow.errors import Unavailable

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy
    from asyncpg.transaction import Transaction as AsyncpgTransaction

Connection: TypeAlias = "PoolConnectionProxy[asyncpg.Record]"
Transaction: TypeAlias = "AsyncpgTransaction"
Record = asyncpg.Record

_NAMED = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


@cache
def query(name: str) -> str:
    """The statement of this name in `queries.sql`."""
    return _queries()[name]


@cache
def _queries() -> dict[str, str]:
    text = files("singlewindow.ledger").joinpath("queries.sql").read_text("utf-8")
    parts = _NAMED.split(text)[1:]
    return dict(zip(parts[::2], (body.strip() for body in parts[1::2]), strict=True))


def json_text(value: Any) -> str:
    """JSON as text, for arrays of documents: asyncpg would take a list within a list for a second dimension."""
    return orjson.dumps(value).decode()


class Database:
    """A pool of connections. Every call raises Unavailable when PostgreSQL is away, frozen or full."""

    def __init__(self, dsn: str, *, connections: int, timeout_seconds: float) -> None:
        self._dsn = dsn
        self._connections = connections
        self._timeout = timeout_seconds
        self._pool: asyncpg.Pool | None = None

    async def open(self) -> None:
        """Connect; raises Unavailable while the server does not answer."""
        with _translated():
            async with asyncio.timeout(self._timeout * 2):
                self._pool = await asyncpg.create_pool(
                    self._dsn,
                    min_size=1,
                    max_size=self._connections,
                    command_timeout=self._timeout,
                    timeout=self._timeout,
                    init=_prepare_connection,
                    reset=_leave_session,
                    server_settings={"application_name": "singlewindow", "jit": "off"},
                )

    async def close(self) -> None:
        """Close within the deadline, by force when the server does not answer."""
        if self._pool is None:
            return
        pool, self._pool = self._pool, None
        try:
            async with asyncio.timeout(self._timeout):
                await pool.close()
        except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            pool.terminate()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection for single statements."""
        if self._pool is None:
            raise Unavailable("the ledger is not open")
        with _translated():
            connection = await self._pool.acquire(timeout=self._timeout)
            try:
                yield connection
            finally:
                await self._release(connection)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A READ COMMITTED transaction, committed on leaving and rolled back on any error."""
        async with self.connection() as connection, connection.transaction():
            yield connection

    async def fetch(self, name: str, *values: Any) -> list[Record]:
        """Run the named query; rows."""
        async with self.connection() as connection:
            rows: list[Record] = await connection.fetch(query(name), *values)
            return rows

    async def fetchrow(self, name: str, *values: Any) -> Record | None:
        """Run the named query; the first row or None."""
        async with self.connection() as connection:
            return await connection.fetchrow(query(name), *values)

    async def execute(self, name: str, *values: Any) -> None:
        """Run the named statement."""
        async with self.connection() as connection:
            await connection.execute(query(name), *values)

    async def _release(self, connection: Connection) -> None:
        if self._pool is None:
            connection.terminate()
            return
        try:
            await self._pool.release(connection, timeout=self._timeout)
        except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            connection.terminate()


async def _prepare_connection(connection: asyncpg.Connection[Any]) -> None:
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        encoder=lambda value: orjson.dumps(value).decode(),
        decoder=orjson.loads,
    )


async def _leave_session(_connection: asyncpg.Connection[Any]) -> None:
    """Nothing: what was open was rolled back before this is called, and no statement of ours leaves anything in a
    session. What asyncpg would send to undo that costs a round trip with every use, a fifth of a clearance's.
    """


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        # the last is what asyncpg says of a connection whose server died in the middle of a statement
        _heed_cancellation(error)
        raise Unavailable(f"the ledger does not answer ({type(error).__name__})") from error
    except (
        asyncpg.PostgresConnectionError,
        asyncpg.CannotConnectNowError,
        asyncpg.TooManyConnectionsError,
        asyncpg.OperatorInterventionError,
        asyncpg.InsufficientResourcesError,
        asyncpg.TransactionRollbackError,
        asyncpg.LockNotAvailableError,
    ) as error:
        _heed_cancellation(error)
        raise Unavailable(f"the ledger cannot serve now ({type(error).__name__})") from error


def _heed_cancellation(error: Exception) -> None:
    """Let a cancelled task end: what fails while it rolls back has taken the cancellation's place."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError from error
