"""Migrations: numbered SQL files, each applied once, in order, under one advisory lock."""

from __future__ import annotations

import asyncio
import hashlib
from importlib.resources import files

import asyncpg

from singlewindow.errors import ConfigurationError

LOCK = 7_331_001
"""Advisory lock that keeps two migrating processes apart."""


LOCK_MILLISECONDS = 2000
"""How long a migration waits for a table, and everybody who writes to it with it."""

PAUSE_SECONDS = 0.5


async def migrate(dsn: str, *, timeout_seconds: float = 60.0) -> list[str]:
    """Bring the schema up to date while the version before may be running; returns the names applied now.

    A migration only adds. It gives way to whoever holds a table for long, and tries again. A file changed after it was
    applied is refused with ConfigurationError.
    """
    connection = await asyncpg.connect(dsn, timeout=timeout_seconds, command_timeout=timeout_seconds)
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", LOCK)
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


async def _apply(connection: asyncpg.Connection, name: str, sql: str) -> bool:
    digest = hashlib.sha256(sql.encode()).hexdigest()
    applied = await connection.fetchval("SELECT sha256 FROM migration WHERE name = $1", name)
    if applied is not None and applied != digest:
        raise ConfigurationError(f"migration {name} was changed after it was applied; restore it and add a new one")
    if applied is not None:
        return False
    while True:
        if await _try(connection, name, sql, digest):
            return True
        await asyncio.sleep(PAUSE_SECONDS)


async def _try(connection: asyncpg.Connection, name: str, sql: str, digest: str) -> bool:
    """False when a table could not be had in time: who waits for a lock makes everybody behind it wait as well."""
    try:
        async with connection.transaction():
            await connection.execute(f"SET LOCAL lock_timeout = {LOCK_MILLISECONDS}")
            await connection.execute(sql)
            await connection.execute("INSERT INTO migration (name, sha256) VALUES ($1, $2)", name, digest)
    except asyncpg.LockNotAvailableError:
        return False
    return True
