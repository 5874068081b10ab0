"""Migrations: numbered SQL files, each applied once, in order, under one advisory lock."""

from __future__ import annotations

import asyncio
import hashlib
import re
from importlib.resources import files

import asyncpg
import structlog

from singlewindow.errors import ConfigurationError

LOCK = 7_331_001
"""Advisory lock that keeps two migrating processes apart."""

LOCK_MILLISECONDS = 2000
"""How long a migration waits for a table, and everybody who writes to it with it."""

PAUSE_SECONDS = 0.5
BUILD_SECONDS = 86_400.0
"""How long an index may take to build that nobody waits for."""

CONCURRENT_INDEX = re.compile(r"\s*CREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+(\w+)\s[^;]*;?\s*", re.IGNORECASE)

_log = structlog.get_logger(__name__)


async def migrate(dsn: str, *, timeout_seconds: float = 60.0) -> list[str]:
    """Bring the schema up to date while the version before may be running; returns the names applied now.

    A migration only adds. It gives way to whoever holds a table for long, and tries again. A file that is one `CREATE
    INDEX CONCURRENTLY` runs outside a transaction, so that a large table is written to meanwhile. A file changed after
    it was applied is refused with ConfigurationError.
    """
    connection = await asyncpg.connect(dsn, timeout=timeout_seconds, command_timeout=timeout_seconds)
    try:
        await _lock(connection)
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS migration"
            " (name text PRIMARY KEY, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        return [name for name, sql in migrations() if await _apply(connection, name, sql)]
    finally:
        await connection.close(timeout=timeout_seconds)


def migrations() -> list[tuple[str, str]]:
    """All migrations in order: name and SQL."""
    folder = files("singlewindow.ledger").joinpath("migrations")
    named = [(entry.name, entry.read_text("utf-8")) for entry in folder.iterdir() if entry.name.endswith(".sql")]
    return sorted(named)


def concurrent_index(sql: str) -> str | None:
    """The index that a migration builds without holding up writers, when that is all it does."""
    found = CONCURRENT_INDEX.fullmatch(re.sub(r"--[^\n]*", "", sql))
    return found[1] if found else None


async def _lock(connection: asyncpg.Connection) -> None:
    """Ask again and again: a statement that waits holds a snapshot, which an index built concurrently waits for."""
    while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", LOCK):  # noqa: ASYNC110 - PostgreSQL's lock
        await asyncio.sleep(PAUSE_SECONDS)


async def _apply(connection: asyncpg.Connection, name: str, sql: str) -> bool:
    digest = hashlib.sha256(sql.encode()).hexdigest()
    applied = await connection.fetchval("SELECT sha256 FROM migration WHERE name = $1", name)
    if applied is not None and applied != digest:
        raise ConfigurationError(f"migration {name} was changed after it was applied; restore it and add a new one")
    if applied is not None:
        return False
    if index := concurrent_index(sql):
        await _build(connection, index, sql)
        await _record(connection, name, digest)
        return True
    while not await _try(connection, name, sql, digest):
        _log.warning("migration_waits", name=name, reason="a table it changes is held by somebody else")
        await asyncio.sleep(PAUSE_SECONDS)
    return True


async def _build(connection: asyncpg.Connection, index: str, sql: str) -> None:
    """What an earlier build left when it was interrupted, valid or not, was never recorded and is built anew."""
    await connection.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {index}", timeout=BUILD_SECONDS)
    await connection.execute(sql, timeout=BUILD_SECONDS)


async def _try(connection: asyncpg.Connection, name: str, sql: str, digest: str) -> bool:
    """False when a table could not be had in time: who waits for a lock makes everybody behind it wait as well."""
    try:
        async with connection.transaction():
            await connection.execute(f"SET LOCAL lock_timeout = {LOCK_MILLISECONDS}")
            await connection.execute(sql)
            await _record(connection, name, digest)
    except asyncpg.LockNotAvailableError:
        return False
    return True


async def _record(connection: asyncpg.Connection, name: str, digest: str) -> None:
    await connection.execute("INSERT INTO migration (name, sha256) VALUES ($1, $2)", name, digest)
