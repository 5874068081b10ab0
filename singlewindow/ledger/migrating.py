"""Migrations: numbered SQL files, each applied once, in order, under one advisory lock."""

from __future__ import annotations

import hashlib
from importlib.resources import files

import asyncpg

from singlewindow.errors import ConfigurationError

LOCK = 7_331_001
"""Advisory lock that keeps two migrating processes apart."""


async def migrate(dsn: str, *, timeout_seconds: float = 60.0) -> list[str]:
    """Bring the schema up to date; returns the names applied now. A file changed after it was applied is refused."""
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
    async with connection.transaction():
        await connection.execute(sql)
        await connection.execute("INSERT INTO migration (name, sha256) VALUES ($1, $2)", name, digest)
    return True
