"""Changes, deletions and older messages through the ledger (rule CEB-R91: appTime)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from singlewindow.ledger.submissions import Filed, Refusal
from tests.integration.ledger_stage import LedgerStage, ledger_stage, unit

NOON, ONE, TWO = "20260101120000", "20260101130000", "20260101140000"


@pytest.fixture
async def stage(database_url: str) -> AsyncIterator[LedgerStage]:
    async with ledger_stage(database_url) as opened:
        yield opened


@pytest.fixture
async def trader(stage: LedgerStage) -> UUID:
    return await stage.traders.create("Example Trading Co", ["9999000001"])


async def file_order(
    stage: LedgerStage, trader: UUID, number: str, app_time: str, *, content: str = "", action: str = "new"
) -> Filed:
    """An order of this appTime; its bytes hold the time, its content hash does not."""
    order = unit("order", number, content=content, action=action, facts={"app_time": app_time, "total": content})
    return await stage.file(trader, order, body=f"{number}{app_time}{content}{action}".encode())


async def accept(stage: LedgerStage, declaration_id: UUID, time: str) -> None:
    await stage.match_all()
    await stage.say(declaration_id, "registered", time)


async def refused(stage: LedgerStage, trader: UUID, number: str, app_time: str, **more: str) -> Refusal:
    with pytest.raises(Refusal) as caught:
        await file_order(stage, trader, number, app_time, **more)
    return caught.value


async def test_ceb_r91_a_change_older_than_the_version_in_force_is_never_sent(stage: LedgerStage, trader: UUID) -> None:
    first = (await file_order(stage, trader, "R1", ONE)).declaration_ids[0]
    refusal = await refused(stage, trader, "R1", NOON, content="older", action="change")
    error = refusal.entries[0]["errors"][0]
    assert (refusal.status, refusal.entries[0]["verdict"]) == (409, "conflict")
    assert (error["code"], error["rule"], error["value"]) == ("rule.CEB-R91", "CEB-R91", NOON)
    assert ONE in error["allowed"]
    assert refusal.entries[0]["with"] == str(first)
    assert "earlier" in refusal.detail
    assert error["message_zh"]


async def test_ceb_r91_a_newer_change_is_taken_and_becomes_the_version_in_force(
    stage: LedgerStage, trader: UUID
) -> None:
    first = (await file_order(stage, trader, "R2", NOON)).declaration_ids[0]
    await accept(stage, first, "2026-01-01T04:00:00Z")
    change = (await file_order(stage, trader, "R2", TWO, content="newer", action="change")).declaration_ids[0]
    await accept(stage, change, "2026-01-01T06:00:00Z")
    rows = await stage.database.fetch("read_facts", [first])
    assert (rows[0]["facts"]["total"], rows[0]["facts"]["app_time"]) == ("newer", TWO)
    assert (await refused(stage, trader, "R2", ONE, content="between", action="change")).status == 409


async def test_ceb_r91_a_change_under_way_counts_too(stage: LedgerStage, trader: UUID) -> None:
    await file_order(stage, trader, "R3", NOON)
    await file_order(stage, trader, "R3", TWO, content="newer", action="change")
    assert (await refused(stage, trader, "R3", ONE, action="delete")).status == 409


async def test_ceb_r91_filing_again_after_a_rejection_must_not_be_older(stage: LedgerStage, trader: UUID) -> None:
    first = (await file_order(stage, trader, "R4", ONE)).declaration_ids[0]
    await stage.match_all()
    await stage.say(first, "rejected", "2026-01-01T05:00:00Z")
    assert (await refused(stage, trader, "R4", NOON, content="mended")).entries[0]["errors"][0]["rule"] == "CEB-R91"
    again = await file_order(stage, trader, "R4", TWO, content="mended")
    assert json.loads(again.receipt)["declarations"][0]["supersedes"] == str(first)


async def test_a_refused_older_change_leaves_no_trace_of_its_key(stage: LedgerStage, trader: UUID) -> None:
    await file_order(stage, trader, "R5", ONE)
    for _ in range(2):
        refusal = await refused(stage, trader, "R5", NOON, content="older", action="change")
        assert refusal.entries[0]["verdict"] == "conflict"


async def test_the_same_time_and_equal_content_with_a_newer_one_are_taken_as_ever(
    stage: LedgerStage, trader: UUID
) -> None:
    first = await file_order(stage, trader, "R6", NOON, content="same")
    again = json.loads((await file_order(stage, trader, "R6", ONE, content="same")).receipt)["declarations"][0]
    assert (again["verdict"], again["of"]) == ("duplicate", str(first.declaration_ids[0]))
    change = await file_order(stage, trader, "R6", NOON, content="changed", action="change")
    assert change.declaration_ids


async def test_another_traders_newer_version_refuses_nobody(stage: LedgerStage, trader: UUID) -> None:
    stranger = await stage.traders.create("Example Stranger Co", [])
    await file_order(stage, trader, "R7", TWO)
    change = await file_order(stage, stranger, "R7", NOON, content="theirs", action="change")
    assert change.declaration_ids


async def test_a_drafts_time_counts_for_nothing(stage: LedgerStage, trader: UUID) -> None:
    draft = unit("order", "R8", intent="save", facts={"app_time": TWO})
    await stage.file(trader, draft)
    assert (await file_order(stage, trader, "R8", NOON, content="final")).declaration_ids


async def test_an_accepted_deletion_frees_the_key_for_a_later_filing(stage: LedgerStage, trader: UUID) -> None:
    first = (await file_order(stage, trader, "R9", NOON)).declaration_ids[0]
    await accept(stage, first, "2026-01-01T04:00:00Z")
    delete = (await file_order(stage, trader, "R9", ONE, action="delete")).declaration_ids[0]
    await accept(stage, delete, "2026-01-01T05:00:00Z")
    assert await stage.status(trader, first) == "cancelled"
    again = await file_order(stage, trader, "R9", TWO, content="anew")
    assert json.loads(again.receipt)["declarations"][0]["supersedes"] == str(first)


async def test_ceb_r94_a_deletion_of_what_was_never_filed_here_is_passed_on_with_a_warning(
    stage: LedgerStage, trader: UUID
) -> None:
    filed = await file_order(stage, trader, "R10", NOON, action="delete")
    entry = json.loads(filed.receipt)["declarations"][0]
    assert [(warning["code"], entry["verdict"]) for warning in entry["warnings"]] == [("rule.CEB-R94", "received")]
    await stage.match_all()
    view = await stage.reader.declaration(trader, filed.declaration_ids[0])
    assert view is not None
    assert [part["state"] for part in view["parts"]] == ["pending"]


async def test_a_change_of_what_is_still_held_waits_until_that_is_sent(stage: LedgerStage, trader: UUID) -> None:
    inventory = unit("inventory", "R11", ("order", "R11"), ("waybill", "R11"))
    held = (await stage.file(trader, inventory)).declaration_ids[0]
    await stage.match_all()
    change = (await stage.file(trader, unit("inventory", "R11", action="change", content="x"))).declaration_ids[0]
    await stage.match_all()
    view = await stage.reader.declaration(trader, change)
    assert view is not None
    assert (view["status"], view["waiting_for"]) == (
        "held",
        [{"kind": "inventory", "key": {"number": "R11"}, "state": "held", "until": "submitted"}],
    )
    await stage.tasks.send_held(trader, held)
    await stage.match_all()
    view = await stage.reader.declaration(trader, change)
    assert view is not None
    assert [part["state"] for part in view["parts"]] == ["pending"]


async def test_a_change_filed_with_what_it_changes_follows_it_at_once(stage: LedgerStage, trader: UUID) -> None:
    order = unit("order", "R12")
    change = unit("order", "R12", action="change", content="x", ordinal=2)
    filed = await stage.file(trader, order, change)
    await stage.match_all()
    assert [await stage.status(trader, one) for one in filed.declaration_ids] == ["received", "received"]
    claims = await stage.tasks.claim_due("customs", limit=1000, visibility_seconds=30)
    assert {claim.declaration_id for claim in claims} >= set(filed.declaration_ids)


async def test_an_accepted_change_lets_others_find_its_target_by_the_new_number(
    stage: LedgerStage, trader: UUID
) -> None:
    inventory = unit("inventory", "R13", ("waybill", "R13-old"))
    target = (await stage.file(trader, inventory)).declaration_ids[0]
    await stage.match_all()
    await stage.tasks.send_held(trader, target)
    moved = unit("inventory", "R13", ("waybill", "R13-new"), action="change", content="x")
    change = (await stage.file(trader, moved)).declaration_ids[0]
    await stage.match_all()
    await stage.say(change, "closed", "2026-01-01T00:00:00Z")
    bundle = (await stage.file(trader, unit("consolidation", "R13", ("waybill", "R13-new")))).declaration_ids[0]
    await stage.match_all()
    view = await stage.reader.declaration(trader, bundle)
    assert view is not None
    assert view["case_id"] == str(target)


async def test_an_accepted_change_of_equal_content_amends_nothing(stage: LedgerStage, trader: UUID) -> None:
    target = (await file_order(stage, trader, "R14", NOON, content="same")).declaration_ids[0]
    await accept(stage, target, "2026-01-01T00:00:00Z")
    change = (await file_order(stage, trader, "R14", NOON, content="same", action="change")).declaration_ids[0]
    await accept(stage, change, "2026-01-01T00:00:01Z")
    assert "amended" not in [event["type"] for event in await stage.reader.events(trader, target)]
