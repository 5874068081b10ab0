"""Matching on a real PostgreSQL: partners find each other, holding, dependents, and the responses' order."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from singlewindow.ledger.submissions import Refusal
from singlewindow.ledger.tasks import Word
from singlewindow.messages.judgement import ResponseUnit
from tests.integration.ledger_stage import LedgerStage, ledger_stage, unit


@pytest.fixture
async def stage(database_url: str) -> AsyncIterator[LedgerStage]:
    async with ledger_stage(database_url) as opened:
        yield opened


@pytest.fixture
async def trader(stage: LedgerStage) -> UUID:
    return await stage.traders.create("Example Trading Co", ["9999000001"])


@pytest.mark.parametrize("order", list(itertools.permutations(["order", "waybill", "inventory"])))
async def test_an_inventory_is_sent_once_its_partners_are_here_in_any_order(
    stage: LedgerStage, trader: UUID, order: tuple[str, ...]
) -> None:
    name = "-".join(order)
    units = {
        "order": unit("order", name, ("order", name)),
        "waybill": unit("waybill", name, ("waybill", name)),
        "inventory": unit("inventory", name, ("order", name), ("waybill", name)),
    }
    ids = {}
    for kind in order:
        ids[kind] = (await stage.file(trader, units[kind])).declaration_ids[0]
        await stage.match_all()
    view = await stage.reader.declaration(trader, ids["inventory"])
    assert view is not None
    assert [part["state"] for part in view["parts"]] == ["pending"]
    assert view["waiting_for"] == []


async def test_partners_committed_at_the_same_moment_find_each_other(stage: LedgerStage, trader: UUID) -> None:
    filed = await stage.file(trader, unit("inventory", "S", ("order", "S"), ("waybill", "S")))
    await stage.match_all()
    await asyncio.gather(
        stage.file(trader, unit("order", "S", ("order", "S"))),
        stage.file(trader, unit("waybill", "S", ("waybill", "S"))),
    )
    claims = await stage.tasks.claim_due("match", limit=10, visibility_seconds=30)
    await asyncio.gather(*(stage.tasks.match([claim]) for claim in claims))
    view = await stage.reader.declaration(trader, filed.declaration_ids[0])
    assert view is not None
    assert view["parts"]


async def test_an_inventory_without_its_waybill_says_what_it_waits_for(stage: LedgerStage, trader: UUID) -> None:
    filed = await stage.file(trader, unit("inventory", "H", ("order", "H"), ("waybill", "H")))
    await stage.file(trader, unit("order", "H", ("order", "H")))
    await stage.match_all()
    view = await stage.reader.declaration(trader, filed.declaration_ids[0])
    assert view is not None
    assert (view["status"], [missing["kind"] for missing in view["waiting_for"]]) == ("held", ["waybill"])
    assert await stage.tasks.send_held(trader, filed.declaration_ids[0])
    assert await stage.status(trader, filed.declaration_ids[0]) != "held"


async def test_a_consolidation_waits_until_its_inventories_are_accepted(stage: LedgerStage, trader: UUID) -> None:
    inventory = unit("inventory", "C", ("order", "C"), ("waybill", "C"))
    filed = await stage.file(
        trader,
        inventory,
        unit("order", "C", ("order", "C"), ordinal=2),
        unit("waybill", "C", ("waybill", "C"), ordinal=3),
    )
    bundle = await stage.file(trader, unit("consolidation", "CC", ("waybill", "C"), ("waybill", "unknown")))
    await stage.match_all()
    assert await stage.status(trader, bundle.declaration_ids[0]) == "held"
    await stage.say(filed.declaration_ids[0], "accepted", "2026-01-01T00:00:00Z", invtNo="I1")
    await stage.match_all()
    assert await stage.status(trader, bundle.declaration_ids[0]) == "received"


async def test_the_newest_word_by_the_authoritys_time_wins(stage: LedgerStage, trader: UUID) -> None:
    filed = (await stage.file(trader, unit("order", "T"))).declaration_ids[0]
    await stage.match_all()
    await stage.say(filed, "released", "2026-01-01T00:00:02Z")
    await stage.say(filed, "registered", "2026-01-01T00:00:01Z")
    assert await stage.status(trader, filed) == "released"
    await stage.say(filed, "rejected", "2026-01-01T00:00:03Z")
    view = await stage.reader.declaration(trader, filed)
    assert view is not None
    assert (view["status"], view["anomaly"]) == ("rejected", True)


async def test_each_party_sees_of_the_others_only_kind_key_state_and_time(stage: LedgerStage, trader: UUID) -> None:
    other = await stage.traders.create("Example Forwarding Co", [])
    inventory = await stage.file(trader, unit("inventory", "P", ("order", "P"), ("waybill", "P")))
    await stage.file(other, unit("waybill", "P", ("waybill", "P"), facts={"total": "5"}))
    await stage.match_all()
    case = await stage.reader.case(trader, inventory.declaration_ids[0])
    assert case is not None
    assert set(case["documents"][0]) == {"kind", "keys", "status", "received_at"}
    stranger = await stage.traders.create("Example Stranger Co", [])
    assert await stage.reader.case(stranger, inventory.declaration_ids[0]) is None


async def test_a_number_given_by_the_authority_finds_the_declaration(stage: LedgerStage, trader: UUID) -> None:
    filed = (await stage.file(trader, unit("order", "N"))).declaration_ids[0]
    await stage.match_all()
    await stage.say(filed, "registered", "2026-01-01T00:00:00Z", preNo="P-77")
    found = await stage.reader.declarations(trader, key="p-77")
    assert [view["id"] for view in found] == [str(filed)]


async def test_a_claimed_task_belongs_to_one_worker(stage: LedgerStage, trader: UUID) -> None:
    await stage.match_all()
    await stage.file(trader, *(unit("order", f"W{n}", ordinal=n) for n in range(1, 21)))
    claims = await asyncio.gather(*(stage.tasks.claim_due("match", limit=20, visibility_seconds=30) for _ in range(4)))
    taken = [claim.task_id for group in claims for claim in group]
    assert (len(taken), len(set(taken))) == (20, 20)


async def test_an_agency_speaks_only_of_its_own_tasks(stage: LedgerStage, trader: UUID) -> None:
    filed = (await stage.file(trader, unit("order", "AG"))).declaration_ids[0]
    await stage.match_all()
    await stage.say(filed, "released", "2026-01-01T00:00:00Z", agency="road")
    view = await stage.reader.declaration(trader, filed)
    assert view is not None
    assert [part["state"] for part in view["parts"]] == ["pending"]


async def test_deleting_a_held_declaration_ends_it(stage: LedgerStage, trader: UUID) -> None:
    held = (await stage.file(trader, unit("inventory", "DEL", ("order", "DEL"), ("waybill", "DEL")))).declaration_ids[0]
    await stage.match_all()
    delete = (await stage.file(trader, unit("inventory", "DEL", action="delete"))).declaration_ids[0]
    await stage.match_all()
    await stage.say(delete, "registered", "2026-01-01T00:00:00Z")
    assert await stage.status(trader, held) == "cancelled"


async def test_deleting_what_waits_to_be_sent_takes_its_task_away(stage: LedgerStage, trader: UUID) -> None:
    order = (await stage.file(trader, unit("order", "DEQ"))).declaration_ids[0]
    await stage.match_all()
    delete = (await stage.file(trader, unit("order", "DEQ", action="delete"))).declaration_ids[0]
    await stage.match_all()
    await stage.say(delete, "registered", "2026-01-01T00:00:00Z")
    claims = await stage.tasks.claim_due("customs", limit=100, visibility_seconds=30)
    assert order not in {claim.declaration_id for claim in claims}
    assert await stage.status(trader, order) == "cancelled"


async def test_a_late_word_on_an_old_change_does_not_act_again(stage: LedgerStage, trader: UUID) -> None:
    target = (await stage.file(trader, unit("order", "CH", facts={"total": "1"}))).declaration_ids[0]
    await stage.match_all()
    changes = []
    for total in ("2", "3"):
        changed = unit("order", "CH", action="change", content=total, facts={"total": total})
        changes.append((await stage.file(trader, changed)).declaration_ids[0])
        await stage.match_all()
        await stage.say(changes[-1], "registered", f"2026-01-01T00:00:0{total}Z")
    await stage.say(changes[0], "registered", "2026-01-01T00:00:01Z")
    rows = await stage.database.fetch("read_facts", [target])
    assert rows[0]["facts"]["total"] == "3"


async def test_other_companies_do_not_see_the_key_that_a_case_waits_for(stage: LedgerStage, trader: UUID) -> None:
    other = await stage.traders.create("Example Carrier Co", [])
    inventory = await stage.file(trader, unit("inventory", "WF", ("order", "SECRET"), ("waybill", "WF")))
    await stage.file(other, unit("waybill", "WF", ("waybill", "WF")))
    await stage.match_all()
    case = await stage.reader.case(other, inventory.declaration_ids[0])
    assert case is not None
    assert case["waiting_for"] == [{"kind": "order"}]


async def test_a_word_that_says_nothing_leaves_the_task_to_be_sent(stage: LedgerStage, trader: UUID) -> None:
    filed = (await stage.file(trader, unit("order", "UN"))).declaration_ids[0]
    await stage.match_all()
    part = (await stage.database.fetch("read_parts", [filed]))[0]["id"]
    silent = ResponseUnit("unreadable", "unreadable", None, None)
    await stage.tasks.take_words([Word("customs", part, "n-1", (silent,), b"?", "push")])
    claims = await stage.tasks.claim_due("customs", limit=1000, visibility_seconds=30)
    assert part in {claim.part_id for claim in claims}


async def file_differing_pair(stage: LedgerStage, trader: UUID, other: UUID, number: str) -> UUID:
    """An inventory of one trader and the order of another, which state another amount and one line more."""
    ours = [{"number": "1", "total": "10.00", "currency": "142"}]
    theirs = [{"number": "1", "total": "12.00", "currency": "142"}, {"number": "2"}]
    inventory = unit("inventory", number, ("order", number), ("waybill", number), facts={"lines": ours})
    filed = await stage.file(trader, inventory)
    await stage.file(other, unit("order", number, ("order", number), facts={"lines": theirs, "currency": "142"}))
    await stage.match_all()
    return filed.declaration_ids[0]


async def test_a_case_reports_every_difference_with_its_code_and_both_languages(
    stage: LedgerStage, trader: UUID
) -> None:
    case = await stage.reader.case(trader, await file_differing_pair(stage, trader, trader, "MR"))
    assert case is not None
    rows = case["match"][0]["differences"]
    assert [(row["code"], row["field"], row["inventory"], row["order"]) for row in rows] == [
        ("match.amount", "lines[1].total", "10.00", "12.00"),
        ("match.line-missing", "lines[2]", "absent", "present"),
    ]
    assert all(row["severity"] == "warning" and row["message"] and row["message_zh"] for row in rows)


async def test_each_party_reads_its_own_values_in_the_difference_report(stage: LedgerStage, trader: UUID) -> None:
    other = await stage.traders.create("Example Platform Co", [])
    anchor = await file_differing_pair(stage, trader, other, "MV")
    for reader, own, foreign in ((trader, "inventory", "order"), (other, "order", "inventory")):
        case = await stage.reader.case(reader, anchor)
        assert case is not None
        row = case["match"][0]["differences"][0]
        assert own in row
        assert foreign not in row


async def test_a_difference_warns_the_anchor_and_blocks_nothing(stage: LedgerStage, trader: UUID) -> None:
    other = await stage.traders.create("Example Platform Co", [])
    anchor = await file_differing_pair(stage, trader, other, "MW")
    await stage.file(trader, unit("waybill", "MW", ("waybill", "MW")))
    await stage.match_all()
    view = await stage.reader.declaration(trader, anchor)
    assert view is not None
    assert [part["state"] for part in view["parts"]] == ["pending"]
    warning = view["warnings"][0]
    assert (warning["code"], warning["codes"]) == ("match.difference", ["match.amount", "match.line-missing"])
    assert "12.00" not in str(view)


async def test_a_rejected_partner_is_not_compared(stage: LedgerStage, trader: UUID) -> None:
    anchor = await file_differing_pair(stage, trader, trader, "MX")
    order = (await stage.reader.declarations(trader, key="MX", kind="order"))[0]["id"]
    await stage.say(UUID(order), "rejected", "2026-01-01T00:00:00Z")
    case = await stage.reader.case(trader, anchor)
    assert case is not None
    assert case["match"] == []


async def file_accepted(stage: LedgerStage, trader: UUID, number: str) -> UUID:
    """An inventory that customs accepted under the number `I-` and its own."""
    filed = (await stage.file(trader, unit("inventory", number))).declaration_ids[0]
    await stage.match_all()
    await stage.tasks.send_held(trader, filed)
    await stage.say(filed, "accepted", "2026-01-01T00:00:00Z", invtNo=f"I-{number}")
    await stage.match_all()
    return filed


@pytest.mark.parametrize("kind", ["cancellation", "return"])
async def test_what_names_an_inventory_by_its_registration_number_joins_its_case(
    stage: LedgerStage, trader: UUID, kind: str
) -> None:
    inventory = await file_accepted(stage, trader, f"J-{kind}")
    filed = await stage.file(trader, unit(kind, f"J-{kind}", ("invtNo", f"I-J-{kind}")))
    await stage.match_all()
    view = await stage.reader.declaration(trader, filed.declaration_ids[0])
    assert view is not None
    assert view["case_id"] == str(inventory)
    assert view["target"] == (str(inventory) if kind == "cancellation" else None)
    assert ([part["state"] for part in view["parts"]], view["warnings"]) == (["pending"], [])


async def test_a_cancellation_of_an_unknown_inventory_is_sent_with_a_warning_by_a_set_without_a_rule(
    stage: LedgerStage, trader: UUID
) -> None:
    filed = (await stage.file(trader, unit("cancellation", "UK", ("invtNo", "I-UK")))).declaration_ids[0]
    await stage.match_all()
    view = await stage.reader.declaration(trader, filed)
    assert view is not None
    assert [part["state"] for part in view["parts"]] == ["pending"]
    assert [(warning["code"], warning["keys"]) for warning in view["warnings"]] == [
        ("match.unknown-target", {"invtNo": {"0": "I-UK"}})
    ]
    inventory = await file_accepted(stage, trader, "UK")
    view = await stage.reader.declaration(trader, filed)
    assert view is not None
    assert view["target"] == str(inventory)


async def test_only_customs_word_cancels_the_inventory_that_a_cancellation_names(
    stage: LedgerStage, trader: UUID
) -> None:
    inventory = await file_accepted(stage, trader, "CW")
    filed = (await stage.file(trader, unit("cancellation", "CW", ("invtNo", "I-CW")))).declaration_ids[0]
    await stage.match_all()
    await stage.say(filed, "accepted", "2026-01-01T00:00:01Z")
    assert await stage.status(trader, inventory) == "accepted"
    await stage.say(inventory, "cancelled", "2026-01-01T00:00:02Z")
    assert await stage.status(trader, inventory) == "cancelled"
    assert (await stage.file(trader, unit("inventory", "CW", content="anew"))).declaration_ids


async def test_states_of_many_keys_are_saved_without_crossing_those_who_file(stage: LedgerStage, trader: UUID) -> None:
    numbers = [f"DL{n}" for n in range(30)]
    orders = [unit("order", number, ordinal=place) for place, number in enumerate(numbers, 1)]
    ids = (await stage.file(trader, *orders)).declaration_ids
    await stage.match_all()
    parts = {row["declaration_id"]: row["id"] for row in await stage.database.fetch("read_parts", list(ids))}

    def words(time: str, order: list[UUID]) -> list[Word]:
        said = (ResponseUnit("any", "rejected", "rejected", time),)
        return [Word("customs", parts[one], f"{one}/{time}", said, None, "push") for one in order]

    refiled = [unit("order", number, content="x", ordinal=place) for place, number in enumerate(numbers, 1)]
    outcomes = await asyncio.gather(
        stage.tasks.take_words(words("2026-01-01T00:00:01Z", list(ids))),
        stage.tasks.take_words(words("2026-01-01T00:00:02Z", list(reversed(ids)))),
        *(stage.file(trader, one) for one in refiled),
        return_exceptions=True,
    )
    assert not [outcome for outcome in outcomes if isinstance(outcome, Exception) and not isinstance(outcome, Refusal)]
