"""What becomes of a declaration that stays incomplete: woken at its limit, then sent or shown to a person."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import pytest

from singlewindow.ledger.cases import match
from singlewindow.ledger.dossiers import DossierStore
from singlewindow.messages.manifest import Holding, Join, Root
from tests.integration.ledger_stage import PARCELS, LedgerStage, ledger_stage, unit

ROOT = Root("Message", "request", "inventory", joins=(Join("waybill", ("Head/logisticsNo",)),))
PATIENT = replace(PARCELS, name="patient", holding=Holding("timeout", 600.0), roots={"Message": ROOT})
SETS = {message_set.name: message_set for message_set in (PARCELS, PATIENT)}
LATER = timedelta(seconds=601)


@pytest.fixture
async def stage(database_url: str) -> AsyncIterator[LedgerStage]:
    async with ledger_stage(database_url, PATIENT) as opened:
        yield opened


@pytest.fixture
async def trader(stage: LedgerStage) -> UUID:
    return await stage.traders.create("Example Trading Co", ["9999000001"])


async def hold_inventory(stage: LedgerStage, trader: UUID, message_set: str, *, number: str) -> UUID:
    """An inventory that has its order and lacks its waybill, all of this number."""
    inventory = unit("inventory", number, ("order", number), ("waybill", number))
    filed = await stage.file(trader, inventory, message_set=message_set)
    await stage.file(trader, unit("order", number, ("order", number)), message_set=message_set)
    await stage.match_all()
    return filed.declaration_ids[0]


async def look(stage: LedgerStage, declaration_id: UUID, after: timedelta) -> None:
    """One look of the matching lane at a declaration, that much later."""
    now = datetime.now(UTC) + after
    store = DossierStore(SETS, stage.ids, lambda: 0.0)
    async with stage.database.transaction() as connection:
        await store.save(connection, await match(connection, store, [declaration_id], now), now)


async def view(stage: LedgerStage, trader: UUID, declaration_id: UUID) -> dict[str, Any]:
    found = await stage.reader.declaration(trader, declaration_id)
    assert found is not None
    return found


async def event_types(stage: LedgerStage, trader: UUID, declaration_id: UUID) -> list[str]:
    return [event["type"] for event in await stage.reader.events(trader, declaration_id)]


@pytest.mark.parametrize("message_set", ["parcels", "patient"])
async def test_a_held_declaration_is_woken_at_its_limit(stage: LedgerStage, trader: UUID, message_set: str) -> None:
    held = await hold_inventory(stage, trader, message_set, number=message_set)
    async with stage.database.connection() as connection:
        row = await connection.fetchrow(
            "SELECT lane, due_at - now() AS left FROM task WHERE id = $1", uuid5(held, "hold")
        )
    assert row is not None
    assert row["lane"] == "match"
    assert timedelta(seconds=500) < row["left"] <= timedelta(seconds=600)


async def test_past_the_timeout_it_is_sent_with_a_warning_and_an_event(stage: LedgerStage, trader: UUID) -> None:
    held = await hold_inventory(stage, trader, "patient", number="H1")
    await look(stage, held, timedelta(seconds=300))
    assert await stage.status(trader, held) == "held"
    await look(stage, held, LATER)
    seen = await view(stage, trader, held)
    assert [part["state"] for part in seen["parts"]] == ["pending"]
    assert [warning["code"] for warning in seen["warnings"]] == ["match.incomplete"]
    assert [missing["kind"] for missing in seen["warnings"][0]["missing"]] == ["waybill"]
    assert (await event_types(stage, trader, held)).count("hold_ended") == 1


async def test_until_complete_it_stays_held_and_a_person_is_called_once(stage: LedgerStage, trader: UUID) -> None:
    held = await hold_inventory(stage, trader, "parcels", number="H2")
    await look(stage, held, timedelta(seconds=300))
    assert (await view(stage, trader, held))["attention"] is None
    await look(stage, held, LATER)
    await look(stage, held, LATER)
    seen = await view(stage, trader, held)
    assert (seen["status"], seen["attention"]) == ("held", "incomplete: waits for waybill")
    assert (await event_types(stage, trader, held)).count("incomplete") == 1


async def test_the_missing_document_takes_the_attention_away(stage: LedgerStage, trader: UUID) -> None:
    held = await hold_inventory(stage, trader, "parcels", number="H3")
    await look(stage, held, LATER)
    await stage.file(trader, unit("waybill", "H3", ("waybill", "H3")))
    await stage.match_all()
    seen = await view(stage, trader, held)
    assert (seen["status"], seen["attention"], seen["waiting_for"]) == ("received", None, [])


async def test_an_incomplete_declaration_can_still_be_sent_by_hand(stage: LedgerStage, trader: UUID) -> None:
    held = await hold_inventory(stage, trader, "parcels", number="H4")
    await look(stage, held, LATER)
    assert await stage.tasks.send_held(trader, held)
    assert (await view(stage, trader, held))["attention"] is None


async def test_what_waits_names_the_document_and_its_key(stage: LedgerStage, trader: UUID) -> None:
    held = await hold_inventory(stage, trader, "parcels", number="H5")
    assert (await view(stage, trader, held))["waiting_for"] == [{"kind": "waybill", "key": {"0": "H5"}}]
    named = await hold_inventory(stage, trader, "patient", number="H6")
    assert (await view(stage, trader, named))["waiting_for"] == [{"kind": "waybill", "key": {"logisticsNo": "H6"}}]
    bundle = (await stage.file(trader, unit("consolidation", "C", ("waybill", "H5")))).declaration_ids[0]
    await stage.match_all()
    assert (await view(stage, trader, bundle))["waiting_for"] == [
        {"kind": "inventory", "key": {"0": "H5"}, "state": "held", "until": "accepted"}
    ]


async def test_many_anchors_that_move_ask_for_one_look_at_what_waits(stage: LedgerStage, trader: UUID) -> None:
    anchors = [unit("inventory", f"M{n}", ("waybill", f"M{n}"), ordinal=n) for n in range(1, 6)]
    filed = await stage.file(trader, *anchors, message_set="patient")
    joins = [("waybill", f"M{n}") for n in range(1, 6)]
    bundled = await stage.file(trader, unit("consolidation", "M", *joins), message_set="patient")
    bundle = bundled.declaration_ids[0]
    await stage.match_all()
    for inventory in filed.declaration_ids:
        await look(stage, inventory, LATER)
        await stage.say(inventory, "accepted", "2026-01-01T00:00:00Z")
    async with stage.database.connection() as connection:
        looks = await connection.fetchval(
            "SELECT count(*) FROM task WHERE declaration_id = $1 AND due_at <= now() AND part_id IS NULL", bundle
        )
    assert looks == 1
    await stage.match_all()
    assert await stage.status(trader, bundle) == "received"
