"""What came of many calls at once is settled in few transactions, and one bad word fails alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from singlewindow.ledger.outcomes import Word
from singlewindow.messages.judgement import ResponseUnit
from tests.integration.ledger_stage import LedgerStage, ledger_stage, unit

MANY = 30
TRANSACTIONS = (
    "SELECT count(DISTINCT xmin::text) AS transactions, count(*) AS words FROM response WHERE part_id = ANY($1)"
)


@pytest.fixture
async def stage(database_url: str) -> AsyncIterator[LedgerStage]:
    async with ledger_stage(database_url) as stage:
        yield stage


async def submitted(stage: LedgerStage) -> tuple[UUID, list[Word]]:
    """A trader with many orders at customs, and the word that registers each."""
    trader, mark = await stage.traders.create("Groups", [], all_codes=True), uuid4().hex[:8]
    orders = [unit("order", f"{mark}{number}", ordinal=number) for number in range(1, MANY + 1)]
    ids = (await stage.file(trader, *orders)).declaration_ids
    await stage.match_all()
    said = (ResponseUnit("any", "registered", "registered", "2026-01-01T00:00:01Z"),)
    parts = await stage.database.fetch("read_parts", list(ids))
    return trader, [Word("customs", part["id"], f"n-{part['id']}", said, b"<r/>", "push") for part in parts]


async def counted(stage: LedgerStage, words: list[Word]) -> tuple[int, int]:
    async with stage.database.connection() as connection:
        row = await connection.fetchrow(TRANSACTIONS, [word.part_id for word in words])
    assert row is not None
    return row["transactions"], row["words"]


async def test_words_that_come_together_share_transactions(stage: LedgerStage) -> None:
    trader, words = await submitted(stage)
    taken = await asyncio.gather(*(stage.tasks.take_words([word]) for word in words))
    assert taken == [1] * MANY
    transactions, rows = await counted(stage, words)
    assert rows == MANY
    assert transactions <= 3
    listed = await stage.reader.declarations(trader, limit=MANY)
    assert {view["status"] for view in listed} == {"registered"}


async def test_a_word_that_postgresql_refuses_takes_no_other_down(stage: LedgerStage) -> None:
    _, words = await submitted(stage)
    words[7] = replace(words[7], notice_id="no\x00text")
    told = await asyncio.gather(*(stage.tasks.take_words([word]) for word in words), return_exceptions=True)
    assert isinstance(told.pop(7), Exception)
    assert told == [1] * (MANY - 1)
    assert (await counted(stage, words))[1] == MANY - 1


async def test_each_hears_of_its_own_words_which_were_new_and_which_are_not_its_agencys(stage: LedgerStage) -> None:
    _, words = await submitted(stage)
    await stage.tasks.take_words(words[:2])
    foreign = replace(words[3], agency="road")
    again, new, strange = await asyncio.gather(
        stage.tasks.take_words(words[:2]), stage.tasks.take_words(words[2:3]), stage.tasks.take_pushed([foreign])
    )
    assert (again, new) == (0, 1)
    assert list(strange) == [foreign]
