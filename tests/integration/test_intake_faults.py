"""Filing while a step fails: what is acknowledged is stored, what is refused left nothing, the unknown is proven."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from uuid import UUID, uuid4

import asyncpg
import pytest

from singlewindow import failpoints
from singlewindow.errors import OutcomeUnknown, Unavailable
from singlewindow.ledger.doubtful_commit import find_committed
from tests.integration.ledger_stage import LedgerStage, ledger_stage, unit


@pytest.fixture
async def stage(database_url: str) -> AsyncIterator[LedgerStage]:
    async with ledger_stage(database_url) as opened:
        yield opened


@pytest.fixture
async def trader(stage: LedgerStage) -> UUID:
    return await stage.traders.create("Example Trading Co", ["9999000001"])


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    yield
    failpoints.arm("")


async def stored(stage: LedgerStage, number: str) -> int:
    async with stage.database.connection() as connection:
        count: int = await connection.fetchval("SELECT count(*) FROM declaration WHERE keys->>'number' = $1", number)
    return count


@pytest.mark.parametrize("point", ["F2", "F3"])
async def test_what_fails_before_commit_is_sent_leaves_nothing(stage: LedgerStage, trader: UUID, point: str) -> None:
    failpoints.arm(f"{point}:raise")
    with pytest.raises(Unavailable) as refused:
        await stage.file(trader, unit("order", point), key=point)
    assert not isinstance(refused.value, OutcomeUnknown)
    assert await stored(stage, point) == 0

    failpoints.arm("")
    filed = await stage.file(trader, unit("order", point), key=point)
    assert not filed.replayed


@pytest.mark.parametrize("point", ["F4", "F5"])
async def test_a_commit_without_an_answer_is_looked_up(stage: LedgerStage, trader: UUID, point: str) -> None:
    failpoints.arm(f"{point}:execute_and_timeout")
    filed = await stage.file(trader, unit("order", point), key=point)
    assert await stored(stage, point) == 1
    assert await stage.reader.receipt(trader, filed.message_id) == filed.receipt
    assert [lane for lane, _ in stage.announced] == ["match"]

    failpoints.arm("")
    again = await stage.file(trader, unit("order", point), key=point)
    assert again.receipt == filed.receipt


async def end_sessions(database_url: str) -> None:
    """Every session of the ledger's database but this one is ended by the server."""
    connection = await asyncpg.connect(database_url)
    await connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    await connection.close()


@pytest.mark.parametrize(("point", "kept"), [("F3", 0), ("F4", 1)])
async def test_a_session_ended_around_commit_leaves_all_or_nothing_and_the_sender_knows_which(
    stage: LedgerStage, trader: UUID, database_url: str, point: str, kept: int
) -> None:
    failpoints.arm(f"{point}:sleep:0.5")
    filing = asyncio.create_task(stage.file(trader, unit("order", f"ended-{point}"), key=f"ended-{point}"))
    while not failpoints.armed[point].reached:
        await asyncio.sleep(0.01)
    await end_sessions(database_url)
    if kept:
        assert not (await filing).replayed
    else:
        with pytest.raises(Unavailable) as refused:
            await filing
        assert not isinstance(refused.value, OutcomeUnknown)
    assert await stored(stage, f"ended-{point}") == kept


async def test_a_session_that_still_holds_the_transaction_is_ended_before_anybody_is_told(
    stage: LedgerStage, database_url: str
) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute("BEGIN")
    transaction = await connection.fetchval("SELECT pg_current_xact_id()::text")
    assert await find_committed(stage.database, transaction, [uuid4()]) == {}
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)):
        await connection.execute("COMMIT")


async def test_a_transaction_that_a_crashed_server_never_wrote_down_stored_nothing(stage: LedgerStage) -> None:
    async with stage.database.connection() as connection:
        newest = await connection.fetchval("SELECT pg_snapshot_xmax(pg_current_snapshot())::text")
    assert await find_committed(stage.database, str(int(newest) + 1_000_000), [uuid4()]) == {}


async def test_a_ledger_that_stays_away_leaves_the_outcome_unknown(
    stage: LedgerStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("singlewindow.ledger.doubtful_commit.PROOF_SECONDS", 0.3)
    await stage.database.close()
    with pytest.raises(OutcomeUnknown):
        await find_committed(stage.database, "1000", [uuid4()])
