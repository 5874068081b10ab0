"""Migrations: only additions, applied once and whole, the same schema whichever way it was reached."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from importlib.resources import files

import asyncpg
import pytest

from singlewindow.errors import ConfigurationError
from singlewindow.ledger import migrating
from singlewindow.ledger.database import query
from singlewindow.ledger.migrating import concurrent_index, migrate, migrations
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
RELATIONS = """
SELECT relname, relkind::text, relpersistence::text, reloptions, pg_get_partkeydef(oid), pg_get_viewdef(oid)
FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1
"""
CODE = """
SELECT proname::text, pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
UNION ALL SELECT tgname::text, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1, 2
"""
NEXT = (
    "9999_next.sql",
    (
        "ALTER TABLE task ADD COLUMN colour text; ALTER TABLE message ADD COLUMN colour text;"
        "CREATE TABLE paint (id uuid PRIMARY KEY); CREATE INDEX task_by_colour ON task (colour);"
    ),
)
"""A migration of the version after this one."""

INDEX = ("9999_index.sql", "-- for a large table\nCREATE INDEX CONCURRENTLY task_by_age ON task (born_at);\n")

BREAKING = re.compile(
    r"\bDROP\s+(TABLE|COLUMN|INDEX|CONSTRAINT)|\bRENAME\b|\bALTER\s+COLUMN\b|\bTRUNCATE\b|\bDELETE\s+FROM\b",
    re.IGNORECASE,
)
NEW_AND_NOT_NULL = re.compile(r"ADD\s+COLUMN\s+[^,;]*NOT\s+NULL(?![^,;]*DEFAULT)(?<!DEFAULT)", re.IGNORECASE)


def holds_up_writers(statements: str) -> bool:
    """Whether an index is built on a table that may be large already."""
    own = {name.lower() for name in re.findall(r"CREATE\s+TABLE\s+(\w+)", statements, re.IGNORECASE)}
    indexed = re.findall(r"CREATE\s+(?:UNIQUE\s+)?INDEX\s+.*?\bON\s+(\w+)", statements, re.IGNORECASE | re.DOTALL)
    return not {name.lower() for name in indexed} <= own


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    opened = await asyncpg.connect(database_url)
    await opened.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    yield opened
    await opened.close()


async def schema(connection: asyncpg.Connection[asyncpg.Record]) -> list[tuple[object, ...]]:
    rows = [await connection.fetch(question) for question in (COLUMNS, INDEXES, CONSTRAINTS, RELATIONS, CODE)]
    return [tuple(row) for found in rows for row in found]


async def session_in(database_url: str, pattern: str) -> int:
    """The server process that runs a statement like this, once there is one."""
    watcher = await asyncpg.connect(database_url)
    try:
        async with asyncio.timeout(30):
            while True:
                found = await watcher.fetchval(
                    "SELECT pid FROM pg_stat_activity WHERE query LIKE $1 AND state = 'active'"
                    " AND pid <> pg_backend_pid() AND datname = current_database()",
                    pattern,
                )
                if found is not None:
                    return int(found)
                await asyncio.sleep(0.02)
    finally:
        await watcher.close()


async def end_session_in(database_url: str, pattern: str) -> None:
    pid = await session_in(database_url, pattern)
    killer = await asyncpg.connect(database_url)
    await killer.execute("SELECT pg_terminate_backend($1)", pid)
    await killer.close()


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


async def test_a_migration_whose_process_is_killed_half_way_leaves_nothing_and_runs_again(
    database_url: str, connection: asyncpg.Connection[asyncpg.Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    await migrate(database_url)
    before = await schema(connection)
    name, sql = NEXT
    monkeypatch.setattr(migrating, "migrations", lambda: [(name, sql + "SELECT pg_sleep(600);")])
    migration = asyncio.create_task(migrate(database_url))
    await end_session_in(database_url, "%pg_sleep(600)%")
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await migration
    assert await schema(connection) == before
    monkeypatch.setattr(migrating, "migrations", lambda: [NEXT])
    assert await migrate(database_url) == [name]


async def test_an_index_is_built_while_others_write_and_anew_after_its_builder_was_killed(
    database_url: str, connection: asyncpg.Connection[asyncpg.Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with ledger_stage(database_url) as stage:
        trader = await stage.traders.create("Example Trading Co", [])
        monkeypatch.setattr(migrating, "migrations", lambda: [INDEX])
        holder = connection.transaction()
        await holder.start()
        await connection.execute("LOCK TABLE task IN ROW EXCLUSIVE MODE")
        killed = asyncio.create_task(migrate(database_url))
        await end_session_in(database_url, "%INDEX CONCURRENTLY%")
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
            await killed
        both = asyncio.gather(migrate(database_url), migrate(database_url))
        await session_in(database_url, "%INDEX CONCURRENTLY%")
        await stage.file(trader, unit("order", "meanwhile"))
        await holder.rollback()
        assert sorted(await both) == [[], [INDEX[0]]]
        assert await connection.fetchval("SELECT indisvalid FROM pg_index WHERE indexrelid = 'task_by_age'::regclass")


async def test_every_statement_of_this_version_is_understood_by_the_next_ones_schema(
    database_url: str, connection: asyncpg.Connection[asyncpg.Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    await migrate(database_url)
    monkeypatch.setattr(migrating, "migrations", lambda: [NEXT, INDEX])
    assert await migrate(database_url) == [NEXT[0], INDEX[0]]
    names = re.findall(
        r"^-- name: (\w+)$", files("singlewindow.ledger").joinpath("queries.sql").read_text("utf-8"), re.MULTILINE
    )
    assert names
    for name in names:
        await connection.prepare(query(name))


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
    assert concurrent_index(sql) or not holds_up_writers(statements), name


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


def test_an_index_that_would_hold_up_writers_is_seen() -> None:
    assert holds_up_writers("CREATE UNIQUE INDEX task_by_colour ON task (colour);")
    assert not holds_up_writers("CREATE TABLE paint (id uuid); CREATE INDEX paint_id ON paint (id);")
    assert concurrent_index(INDEX[1]) == "task_by_age"
    assert concurrent_index(INDEX[1] + "ALTER TABLE task ADD COLUMN colour text;") is None
