"""Positive controls: a proof is only believed when it fails where a promise is broken on purpose."""

from __future__ import annotations

import asyncio
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from singlewindow.ledger import database
from singlewindow.ledger.outcomes import Claim, Decision
from tests.faults.proof.books import read_books
from tests.faults.proof.invariants import Case, check, old_attempts_decide_nothing
from tests.faults.proof.ledgers import Evidence
from tests.faults.proof.nemesis import inflict
from tests.faults.proof.system import proof
from tests.integration.ledger_stage import LedgerStage, ledger_stage, unit

BROKEN = Path(__file__).parent / "proof" / "broken"
LATE_SECONDS = 60.0
"""Controls are about loss and repetition; how fast a broken system answers is not looked at."""


def broken(case: Case) -> set[str]:
    """The invariants that do not hold, by their number."""
    return {breach.invariant.split()[0] for breach in check(case)}


@pytest.mark.timeout(150)
async def test_control_commits_that_wait_for_no_disk_lose_what_was_acknowledged(short_dir: Path) -> None:
    async with proof(short_dir / "asleep", seed=1, rate=60) as trial, trial.chain() as target:
        connection = await asyncpg.connect(target.database_url)
        await connection.execute("ALTER DATABASE singlewindow SET synchronous_commit = off")
        await connection.execute("ALTER SYSTEM SET wal_writer_delay = '10s'")
        await connection.execute("SELECT pg_reload_conf()")
        await connection.close()
        await inflict(target, "end-sessions")
        async with trial.loaded(target) as load:
            # how much is not on disk at the moment of a kill is chance: with three of them something is
            for acknowledged in (150, 300, 450):
                while load.acknowledged.total() < acknowledged:
                    await asyncio.sleep(0.1)
                await inflict(target, "kill-postgres")
        await trial.come_to_rest(target, seconds=1)
        assert "I1" in broken(await trial.case(target, answer_seconds=LATE_SECONDS))


@pytest.mark.timeout(150)
async def test_control_without_deduplication_what_is_sent_again_is_stored_again(short_dir: Path) -> None:
    environment = {"PYTHONPATH": str(BROKEN), "SINGLEWINDOW_FAILPOINT": "F5:kill@30"}
    async with proof(short_dir / "twice", seed=1, rate=30) as trial, trial.chain(environment) as target:
        async with trial.loaded(target) as load:
            while load.acknowledged.total() < 150:
                await asyncio.sleep(0.1)
        await trial.come_to_rest(target, seconds=10)
        assert {"I1", "I4"} <= broken(await trial.case(target, answer_seconds=LATE_SECONDS))


@pytest.mark.parametrize("binding", ["bound", "unbound"])
async def test_control_decisions_not_bound_to_their_attempt_are_seen(
    database_url: str, monkeypatch: pytest.MonkeyPatch, binding: str
) -> None:
    async with ledger_stage(database_url) as stage:
        trader = await stage.traders.create("Example Trading Co", ["9999000001"])
        await stage.file(trader, unit("order", f"stale-{binding}"))
        await stage.match_all()
        if binding == "unbound":
            unbound = database.query("end_own_tasks").replace("AND task.attempt = r.attempt", "")
            monkeypatch.setitem(database._queries(), "end_own_tasks", unbound)
            database.query.cache_clear()
        await decide_late(stage)
        monkeypatch.undo()
        database.query.cache_clear()
        breaches = list(old_attempts_decide_nothing(await case_of(stage, database_url)))
        assert bool(breaches) is (binding == "unbound")


async def decide_late(stage: LedgerStage) -> None:
    """A worker stops, another takes its task over, and the first wakes up and gives the task up."""
    (stale,) = await stage.tasks.claim_due("customs", limit=1, visibility_seconds=0)
    (fresh,) = await stage.tasks.claim_due("customs", limit=1, visibility_seconds=30)
    calls = [await begin_call(stage, claim) for claim in (stale, fresh)]
    late = Decision(stale, "dead_letter", "no answer")
    await stage.tasks.end_call(calls[0], http_status=None, reply=None, error="late", words=(), decisions=[late])


async def begin_call(stage: LedgerStage, claim: Claim) -> UUID:
    exchange = stage.ids.next()
    sender = (await stage.tasks.describe([claim]))[0].sender
    await stage.tasks.begin_exchange(
        exchange, agency="customs", action="declare", sender=sender, request=b"<r/>", claims=[claim]
    )
    return exchange


async def case_of(stage: LedgerStage, database_url: str) -> Case:
    """A case of the books alone."""
    key = stage.signer.public_key
    return Case(Evidence([], [], [], [], []), await read_books(database_url), key, Path("/nowhere"), (), {})
