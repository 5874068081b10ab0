"""Migrations: only additions, applied once and whole, the same schema whichever way it was reached."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

import asyncpg
import pytest

from singlewindow.errors import ConfigurationError
from singlewindow.ledger import migrating
from singlewindow.ledger.migrating import migrate, migrations
from tests.integration.ledger_stage import ledger_stage, unit

COLUMNS = """
SELECT table_name, column_name, data_type, is_nullable, column_default
FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2
"""
INDEXES = "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1, 2"
CONSTRAINTS = """
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2
"""
NEXT = (
    "9999_next.sql",
    (
        "ALTER TABLE task ADD COLUMN colour text; ALTER TABLE message ADD COLUMN colour text;"
        "CREATE TABLE paint (id uuid PRIMARY KEY); CREATE INDEX task_by_colour ON task (colour);"
    ),
)
"""A migration of the version after this one."""

BREAKING = re.compile(
    r"\bDROP\s+(TABLE|COLUMN|INDEX|CONSTRAINT)|\bRENAME\b|\bALTER\s+COLUMN\b|\bTRUNCATE\b|\bDELETE\s+FROM\b",
    re.IGNORECASE,
)
NEW_AND_NOT_NULL = re.compile(r"ADD\s+COLUMN\s+[^,;]*NOT\s+NULL(?![^,;]*DEFAULT)(?<!DEFAULT)", re.IGNORECASE)


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    opened = await asyncpg.connect(database_url)
    await opened.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    yield opened
    await opened.close()


async def schema(connection: asyncpg.Connection[asyncpg.Record]) -> list[tuple[object, ...]]:
    rows = [await connection.fetch(question) for question in (COLUMNS, INDEXES, CONSTRAINTS)]
    return [tuple(row) for found in rows for row in found]


async def test_one_at_a_time_leads_to_the_same_schema_as_all_at_once(
    database_url: str, connection: asyncpg.Connection[asyncpg.Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    every = migrations()
    assert await migrate(database_url) == [name for name, _ in every]
    at_once = await schema(connection)
    await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    for count in range(1, len(every) + 1):
        monkeypatch.setattr(migrating, "migrations", lambda count=count: every[:count])
        assert len(await migrate(database_url)) == 1
    assert await schema(connection) == at_once


async def test_several_processes_at_once_apply_each_migration_once(
    database_url: str, connection: asyncpg.Connection[asyncpg.Record]
) -> None:
    applied = await asyncio.gather(*(migrate(database_url) for _ in range(5)))
    assert sorted(name for names in applied for name in names) == [name for name, _ in migrations()]


async def test_a_migration_that_is_interrupted_leaves_nothing_and_runs_again(
    database_url: str, connection: asyncpg.Connection[asyncpg.Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    await migrate(database_url)
    before = await schema(connection)
    name, sql = NEXT
    monkeypatch.setattr(migrating, "migrations", lambda: [(name, sql + "SELECT 1 / 0;")])
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(database_url)
    assert await schema(connection) == before
    monkeypatch.setattr(migrating, "migrations", lambda: [NEXT])
    assert await migrate(database_url) == [name]


async def test_the_version_before_goes_on_working_while_a_migration_runs(
    database_url: str, connection: asyncpg.Connection[asyncpg.Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with ledger_stage(database_url) as stage:
        trader = await stage.traders.create("Example Trading Co", [])
        await stage.file(trader, unit("order", "before"))
        monkeypatch.setattr(migrating, "migrations", lambda: [NEXT])
        meanwhile = asyncio.gather(*(stage.file(trader, unit("order", f"during-{n}")) for n in range(50)))
        assert await migrate(database_url) == [NEXT[0]]
        await meanwhile
        await stage.file(trader, unit("order", "after"))
        await stage.match_all()
        assert len(await stage.tasks.claim_due("customs", limit=100, visibility_seconds=30)) == 52


async def test_a_migration_gives_way_to_who_holds_a_table_and_tries_again(
    database_url: str, connection: asyncpg.Connection[asyncpg.Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    await migrate(database_url)
    monkeypatch.setattr(migrating, "migrations", lambda: [NEXT])
    monkeypatch.setattr(migrating, "LOCK_MILLISECONDS", 100)
    holder = connection.transaction()
    await holder.start()
    await connection.execute("LOCK TABLE task IN ROW EXCLUSIVE MODE")
    migration = asyncio.create_task(migrate(database_url))
    reader = await asyncpg.connect(database_url)
    for _ in range(5):
        await reader.fetchval("SELECT count(*) FROM task", timeout=5)
    assert not migration.done()
    await holder.rollback()
    assert await migration == [NEXT[0]]
    await reader.close()


async def test_a_migration_changed_after_it_was_applied_is_refused(
    database_url: str, connection: asyncpg.Connection[asyncpg.Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    await migrate(database_url)
    name, sql = migrations()[0]
    monkeypatch.setattr(migrating, "migrations", lambda: [(name, sql + "\n")])
    with pytest.raises(ConfigurationError, match=name):
        await migrate(database_url)


UNRELEASED = {"0002_checkpoints.sql"}
"""Takes a default away, and came before the first version that anybody ran."""


@pytest.mark.parametrize(("name", "sql"), [one for one in migrations()[1:] if one[0] not in UNRELEASED])
def test_a_migration_takes_nothing_from_the_version_that_still_runs(name: str, sql: str) -> None:
    statements = re.sub(r"--[^\n]*", "", sql)
    assert not BREAKING.search(statements), name
    assert not NEW_AND_NOT_NULL.search(statements), name


@pytest.mark.parametrize(
    "sql",
    [
        "ALTER TABLE task DROP COLUMN lane",
        "ALTER TABLE task RENAME lane TO road",
        "ALTER TABLE task ALTER COLUMN lane TYPE int",
        "DROP INDEX task_due",
        "ALTER TABLE task ADD COLUMN colour text NOT NULL",
    ],
)
def test_what_would_break_it_is_seen(sql: str) -> None:
    assert BREAKING.search(sql) or NEW_AND_NOT_NULL.search(sql)
