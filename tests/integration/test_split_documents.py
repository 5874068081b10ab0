"""Documents split over several messages (rule CEB-R93), and editions of one standard sharing their keys."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from singlewindow.ledger.submissions import Filed, Refusal
from singlewindow.messages.judgement import Unit
from tests.integration.ledger_stage import PARCELS, LedgerStage, ledger_stage, unit

EARLIER, LATER = (replace(PARCELS, name=f"ceb-{year}", family="ceb") for year in (2018, 2022))


@pytest.fixture
async def stage(database_url: str) -> AsyncIterator[LedgerStage]:
    async with ledger_stage(database_url, EARLIER, LATER) as opened:
        yield opened


@pytest.fixture
async def trader(stage: LedgerStage) -> UUID:
    return await stage.traders.create("Example Trading Co", ["9999000001"])


def part(document: str, number: int, count: int, **more: Any) -> Unit:
    """Part `number` of `count` of a consolidation."""
    split = unit("consolidation", document, ordinal=more.pop("ordinal", 1), content=f"{number}/{count}", **more)
    facts = {"msgCount": str(count), "msgSeqNo": str(number)}
    return replace(split, key={**split.key, "msgSeqNo": str(number)}, facts=facts)


def warnings(filed: Filed, *, entry: int = 0) -> list[tuple[str, str]]:
    entries = json.loads(filed.receipt)["declarations"]
    return [(warning["rule"], warning["value"]) for warning in entries[entry]["warnings"]]


async def stored_warnings(stage: LedgerStage, trader: UUID, declaration_id: UUID) -> list[str]:
    view = await stage.reader.declaration(trader, declaration_id)
    assert view is not None
    return [warning.get("rule") or warning["code"] for warning in view["warnings"]]


async def completions(stage: LedgerStage, trader: UUID, declaration_id: UUID) -> int:
    events = await stage.reader.events(trader, declaration_id)
    return sum(event["type"] == "parts_complete" for event in events)


async def test_ceb_r93_a_part_names_the_parts_that_are_missing(stage: LedgerStage, trader: UUID) -> None:
    assert warnings(await stage.file(trader, part("S1", 9, 9))) == [("CEB-R93", "1–8")]
    assert warnings(await stage.file(trader, part("S1", 4, 9))) == [("CEB-R93", "1–3, 5–8")]
    assert warnings(await stage.file(trader, part("S1u", 1, 1))) == []


async def test_ceb_r93_parts_in_one_message_miss_nothing(stage: LedgerStage, trader: UUID) -> None:
    filed = await stage.file(trader, part("S2", 1, 2), part("S2", 2, 2, ordinal=2))
    assert (warnings(filed), warnings(filed, entry=1)) == ([], [])


async def test_ceb_r93_the_last_missing_part_takes_the_others_warnings_back(stage: LedgerStage, trader: UUID) -> None:
    second = (await stage.file(trader, part("S3", 2, 2))).declaration_ids[0]
    await stage.match_all()
    assert await stored_warnings(stage, trader, second) == ["CEB-R93"]
    first = (await stage.file(trader, part("S3", 1, 2))).declaration_ids[0]
    await stage.match_all()
    assert await stored_warnings(stage, trader, second) == []
    assert [await completions(stage, trader, one) for one in (first, second)] == [1, 1]


async def test_ceb_r93_parts_that_come_at_the_same_moment_are_told_once(stage: LedgerStage, trader: UUID) -> None:
    await stage.match_all()
    filed = await asyncio.gather(*(stage.file(trader, part("S4", number, 3)) for number in (1, 2, 3)))
    claims = await stage.tasks.claim_due("match", limit=10, visibility_seconds=30)
    await asyncio.gather(*(stage.tasks.match([claim]) for claim in claims))
    for one in filed:
        assert await completions(stage, trader, one.declaration_ids[0]) == 1
        assert await stored_warnings(stage, trader, one.declaration_ids[0]) == []


async def test_ceb_r93_a_number_beyond_the_count_is_a_warning(stage: LedgerStage, trader: UUID) -> None:
    found = warnings(await stage.file(trader, part("S5", 3, 2)))
    assert found[0] == ("CEB-R93", "3")


async def test_ceb_r93_other_counts_among_the_parts_are_a_warning(stage: LedgerStage, trader: UUID) -> None:
    first = (await stage.file(trader, part("S6", 1, 2))).declaration_ids[0]
    found = warnings(await stage.file(trader, part("S6", 2, 3)))
    assert found[0] == ("CEB-R93", "2, 3")
    await stage.match_all()
    assert await completions(stage, trader, first) == 0


async def test_ceb_r93_a_rejected_part_is_missing_again(stage: LedgerStage, trader: UUID) -> None:
    first = (await stage.file(trader, part("S7", 1, 2))).declaration_ids[0]
    await stage.match_all()
    await stage.say(first, "rejected", "2026-01-01T00:00:00Z")
    assert warnings(await stage.file(trader, part("S7", 2, 2))) == [("CEB-R93", "1")]


async def test_a_part_that_is_all_here_does_not_send_the_others_before_their_own_look(
    stage: LedgerStage, trader: UUID
) -> None:
    await stage.file(trader, unit("inventory", "S8", ("waybill", "S8")))
    await stage.match_all()
    waiting = replace(part("S8c", 1, 2), joins=unit("x", "x", ("waybill", "S8")).joins)
    first = (await stage.file(trader, waiting)).declaration_ids[0]
    await stage.file(trader, part("S8c", 2, 2))
    claims = await stage.tasks.claim_due("match", limit=10, visibility_seconds=30)
    for claim in sorted(claims, key=lambda claim: claim.declaration_id == first):
        await stage.tasks.match([claim])
    assert await stage.status(trader, first) == "held"


async def test_an_inventory_of_one_edition_meets_a_cancellation_of_the_next(stage: LedgerStage, trader: UUID) -> None:
    inventory = await stage.file(trader, unit("inventory", "E1", ("order", "E1")), message_set="ceb-2018")
    await stage.match_all()
    await stage.tasks.send_held(trader, inventory.declaration_ids[0])
    await stage.say(inventory.declaration_ids[0], "accepted", "2026-01-01T00:00:00Z", invtNo="I-E1")
    await stage.match_all()
    cancellation = unit("cancellation", "E1", ("invtNo", "I-E1"))
    filed = await stage.file(trader, cancellation, message_set="ceb-2022")
    await stage.match_all()
    view = await stage.reader.declaration(trader, filed.declaration_ids[0])
    assert view is not None
    assert (view["target"], view["case_id"]) == (str(inventory.declaration_ids[0]),) * 2


async def test_editions_of_one_standard_share_business_keys_and_other_sets_do_not(
    stage: LedgerStage, trader: UUID
) -> None:
    await stage.file(trader, unit("order", "E2"), message_set="ceb-2018")
    with pytest.raises(Refusal):
        await stage.file(trader, unit("order", "E2", content="other"), message_set="ceb-2022")
    assert (await stage.file(trader, unit("order", "E2", content="other"))).declaration_ids
