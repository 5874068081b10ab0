"""Filing into a real PostgreSQL: receipts, repeats, conflicts, attempts and group commit."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from singlewindow.errors import SingleWindowError
from singlewindow.ledger.submissions import KeyReused, Refusal
from tests.integration.ledger_stage import LedgerStage, ledger_stage, unit


@pytest.fixture
async def stage(database_url: str) -> AsyncIterator[LedgerStage]:
    async with ledger_stage(database_url) as opened:
        yield opened


@pytest.fixture
async def trader(stage: LedgerStage) -> UUID:
    return await stage.traders.create("Example Trading Co", ["9999000001"])


def verdicts(receipt: bytes) -> list[str]:
    return [entry["verdict"] for entry in json.loads(receipt)["declarations"]]


async def test_a_filed_message_is_found_with_its_receipt(stage: LedgerStage, trader: UUID) -> None:
    filed = await stage.file(trader, unit("order", "A1"))
    assert verdicts(filed.receipt) == ["received"]
    assert await stage.reader.receipt(trader, filed.message_id) == filed.receipt


async def test_the_same_bytes_again_replay_the_first_receipt(stage: LedgerStage, trader: UUID) -> None:
    first = await stage.file(trader, unit("order", "A2"))
    again = await stage.file(trader, unit("order", "A2"))
    assert again.replayed
    assert again.receipt == first.receipt


async def test_the_same_content_in_other_bytes_is_a_duplicate(stage: LedgerStage, trader: UUID) -> None:
    first = await stage.file(trader, unit("order", "A3"))
    again = await stage.file(trader, unit("order", "A3"), body=b"other bytes")
    entry = json.loads(again.receipt)["declarations"][0]
    assert (entry["verdict"], entry["of"]) == ("duplicate", str(first.declaration_ids[0]))


async def test_ceb_r90_other_content_under_a_taken_key_is_a_conflict(stage: LedgerStage, trader: UUID) -> None:
    await stage.file(trader, unit("order", "A4"))
    with pytest.raises(Refusal) as refused:
        await stage.file(trader, unit("order", "A4", content="changed"))
    assert (refused.value.status, refused.value.code) == (409, "conflict")


async def test_an_idempotency_key_replays_only_the_same_bytes(stage: LedgerStage, trader: UUID) -> None:
    first = await stage.file(trader, unit("order", "A5"), key="k1")
    assert (await stage.file(trader, unit("order", "A5"), key="k1")).receipt == first.receipt
    with pytest.raises(KeyReused):
        await stage.file(trader, unit("order", "A5b"), key="k1")


async def test_a_refused_message_consumes_no_key(stage: LedgerStage, trader: UUID) -> None:
    await stage.file(trader, unit("order", "A6"))
    with pytest.raises(Refusal):
        await stage.file(trader, unit("order", "A6", content="x"), key="k2")
    assert not (await stage.file(trader, unit("order", "A6c"), key="k2")).replayed


async def test_units_of_one_message_under_one_key_are_repeats_or_conflicts(stage: LedgerStage, trader: UUID) -> None:
    filed = await stage.file(
        trader, unit("order", "A7"), unit("order", "A7", ordinal=2), unit("order", "A7", ordinal=3, content="x")
    )
    assert verdicts(filed.receipt) == ["received", "duplicate", "conflict"]


async def test_a_saved_declaration_frees_its_key_for_the_next_attempt(stage: LedgerStage, trader: UUID) -> None:
    draft = await stage.file(trader, unit("order", "A8", intent="save"))
    sent = await stage.file(trader, unit("order", "A8", content="final"))
    entry = json.loads(sent.receipt)["declarations"][0]
    assert verdicts(draft.receipt) == ["saved"]
    assert (entry["verdict"], entry["supersedes"]) == ("received", str(draft.declaration_ids[0]))


async def test_a_rejected_declaration_may_be_filed_again_under_its_key(stage: LedgerStage, trader: UUID) -> None:
    first = await stage.file(trader, unit("order", "A9"))
    await stage.match_all()
    await stage.say(first.declaration_ids[0], "rejected", "2026-01-01T00:00:00Z")
    second = await stage.file(trader, unit("order", "A9", content="corrected"))
    view = await stage.reader.declaration(trader, second.declaration_ids[0])
    assert view is not None
    assert view["supersedes"] == str(first.declaration_ids[0])


async def test_fifty_at_once_under_one_key_store_one_message(stage: LedgerStage, trader: UUID) -> None:
    filed = await asyncio.gather(*(stage.file(trader, unit("order", "B1"), key="same") for _ in range(50)))
    assert len({result.receipt for result in filed}) == 1
    assert len(await stage.reader.declarations(trader, key="B1")) == 1


async def test_many_at_once_number_the_feed_without_gaps(stage: LedgerStage, trader: UUID) -> None:
    other = await stage.traders.create("Example Forwarding Co", [])
    filings = [stage.file(owner, unit("order", f"{owner}-{n}")) for n in range(100) for owner in (trader, other)]
    await asyncio.gather(*filings)
    feed = await stage.reader.feed(other, after=0, limit=1000)
    assert [event["seq"] for event in feed] == list(range(1, 101))


async def test_another_trader_sees_nothing(stage: LedgerStage, trader: UUID) -> None:
    other = await stage.traders.create("Example Forwarding Co", [])
    filed = await stage.file(trader, unit("order", "B2"))
    assert await stage.reader.declaration(other, filed.declaration_ids[0]) is None
    assert await stage.reader.receipt(other, filed.message_id) is None
    assert await stage.reader.document(other, filed.declaration_ids[0]) is None


async def test_another_traders_document_is_not_named_in_a_conflict(stage: LedgerStage, trader: UUID) -> None:
    other = await stage.traders.create("Example Forwarding Co", [])
    await stage.file(trader, unit("order", "B3"))
    with pytest.raises(Refusal) as refused:
        await stage.file(other, unit("order", "B3", content="x"))
    assert "with" not in refused.value.entries[0]


async def test_a_row_that_postgresql_refuses_aborts_no_strangers_request(stage: LedgerStage, trader: UUID) -> None:
    bad = unit("order", "Z\x00Z")
    outcomes = await asyncio.gather(
        *(stage.file(trader, unit("order", f"Z{number}")) for number in range(20)),
        stage.file(trader, bad),
        *(stage.file(trader, unit("order", f"Y{number}")) for number in range(20)),
        return_exceptions=True,
    )
    failed = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    assert len(failed) == 1
    assert len(await stage.reader.declarations(trader, key="Z7")) == 1


async def test_a_change_names_its_target_and_never_conflicts(stage: LedgerStage, trader: UUID) -> None:
    first = await stage.file(trader, unit("order", "V1"))
    change = await stage.file(trader, unit("order", "V1", action="change", content="new"))
    view = await stage.reader.declaration(trader, change.declaration_ids[0])
    assert view is not None
    assert view["target"] == str(first.declaration_ids[0])
    stranger = await stage.traders.create("Example Stranger Co", [])
    theirs = await stage.file(stranger, unit("order", "V1", action="change", content="evil"))
    view = await stage.reader.declaration(stranger, theirs.declaration_ids[0])
    assert view is not None
    assert view["target"] is None


async def test_a_repeat_of_a_conflict_in_one_message_is_a_conflict_too(stage: LedgerStage, trader: UUID) -> None:
    await stage.file(trader, unit("order", "TW"))
    twins = (unit("order", "TW", content="x"), unit("order", "TW", content="x", ordinal=2))
    with pytest.raises(Refusal) as refused:
        await stage.file(trader, *twins)
    assert [entry["verdict"] for entry in refused.value.entries] == ["conflict", "conflict"]


async def test_changing_back_to_an_earlier_content_is_a_change_like_any_other(stage: LedgerStage, trader: UUID) -> None:
    await stage.file(trader, unit("order", "BK"))
    for number, content in enumerate(("v2", "v3", "v2")):
        change = unit("order", "BK", action="change", content=content)
        filed = await stage.file(trader, change, body=f"change {number}".encode())
        assert verdicts(filed.receipt) == ["received"]


async def test_the_writer_outlives_a_batch_that_fails_in_every_way(stage: LedgerStage, trader: UUID) -> None:
    await stage.database.close()
    with pytest.raises(SingleWindowError):
        await stage.file(trader, unit("order", "WR"))
    await stage.database.open()
    assert verdicts((await stage.file(trader, unit("order", "WR"))).receipt) == ["received"]


async def test_taking_over_a_freed_key_names_no_other_traders_document(stage: LedgerStage, trader: UUID) -> None:
    other = await stage.traders.create("Example Forwarding Co", [])
    await stage.file(trader, unit("order", "TK", intent="save"))
    taken = await stage.file(other, unit("order", "TK", content="x"))
    assert "supersedes" not in json.loads(taken.receipt)["declarations"][0]
