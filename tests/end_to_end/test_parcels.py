"""China's cross-border messages through the whole chain: cases of several traders, holding, cancelling, summing up."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest

from tests.end_to_end.chain import Chain, Client, client_of, register
from tests.end_to_end.documents import Parcel, consolidation, fresh, set_text

ORDERS = list(itertools.permutations(["order", "payment_receipt", "waybill", "inventory"]))


async def file_parcel(trader: Client, parcel: Parcel) -> str:
    """Order, waybill and inventory of one parcel; the inventory's id."""
    await trader.file(parcel.order())
    await trader.file(parcel.waybill())
    return await trader.file_one(parcel.inventory())


async def test_four_traders_file_the_same_parcels_in_all_orders(chain: Chain) -> None:
    codes = {name: f"99{fresh(8)}" for name in ("platform", "merchant", "payer", "carrier", "agent")}
    keys = {
        "order": await register(chain, "Example Platform", codes["platform"], codes["merchant"]),
        "payment_receipt": await register(chain, "Example Bank", codes["payer"]),
        "waybill": await register(chain, "Example Express", codes["carrier"]),
        "inventory": await register(chain, "Example Broker", codes["agent"]),
    }
    async with (
        client_of(chain, keys["order"]) as merchant,
        client_of(chain, keys["payment_receipt"]) as bank,
        client_of(chain, keys["waybill"]) as carrier,
        client_of(chain, keys["inventory"]) as broker,
    ):
        clients = {"order": merchant, "payment_receipt": bank, "waybill": carrier, "inventory": broker}

        async def file_in(order: tuple[str, ...]) -> tuple[str, str]:
            parcel = Parcel(**codes)
            ids = {kind: await clients[kind].file_one(getattr(parcel, kind)()) for kind in order}
            return ids["inventory"], ids["waybill"]

        filed = await asyncio.gather(*(file_in(order) for order in ORDERS))
        for inventory, waybill in filed:
            await broker.until_status(inventory, "released")
            case = (await broker.call("GET", f"/v1/cases/{inventory}")).json
            others = [document for document in case["documents"] if "id" not in document]
            assert {document["kind"] for document in others} == {"order", "payment_receipt", "waybill"}
            assert all(set(document) == {"kind", "keys", "status", "received_at"} for document in others)
            assert (await broker.call("GET", f"/v1/declarations/{waybill}")).status == 404
            assert (await carrier.call("GET", f"/v1/declarations/{inventory}")).status == 404


async def test_ten_inventories_share_one_consolidation(trader: Client) -> None:
    parcels = [Parcel() for _ in range(10)]
    bundle = await trader.file_one(consolidation(parcels))
    inventories = await asyncio.gather(*(file_parcel(trader, parcel) for parcel in parcels))
    for inventory in inventories:
        await trader.until_status(inventory, "released")
    view = await trader.until_status(bundle, "accepted")
    linked = await trader.until(bundle, lambda seen: len(seen["links"]["cases"]) == 10)
    assert view["status"] == linked["status"]


async def test_an_inventory_without_its_waybill_says_what_it_waits_for(trader: Client) -> None:
    parcel = Parcel()
    await trader.file(parcel.order())
    inventory = await trader.file_one(parcel.inventory())
    view = await trader.until_status(inventory, "held")
    missing = view["waiting_for"]
    assert [one["kind"] for one in missing] == ["waybill"]
    assert f"L{parcel.number}" in str(missing[0]["key"])
    await trader.file(parcel.waybill())
    await trader.until_status(inventory, "released")


async def test_a_rejected_inventory_is_corrected_and_released_under_the_same_key(trader: Client) -> None:
    parcel = Parcel(mark="MEND")
    rejected = await file_parcel(trader, parcel)
    view = await trader.until_status(rejected, "rejected")
    assert view["parts"][0]["errors"]
    corrected = set_text(parcel.inventory(), "netWeight", "1.5")
    entry = (await trader.file(corrected))["declarations"][0]
    assert entry["supersedes"] == rejected
    await trader.until_status(entry["id"], "released")


async def test_a_cancellation_by_the_number_customs_gave_cancels_the_inventory(trader: Client) -> None:
    parcel = Parcel()
    inventory = await file_parcel(trader, parcel)
    view = await trader.until_status(inventory, "released")
    cancellation = await trader.file_one(parcel.cancellation(view["references"]["invtNo"]))
    await trader.until_status(cancellation, "accepted")
    await trader.until_status(inventory, "cancelled")


async def test_a_departure_closes_and_a_summary_application_brings_its_result(trader: Client) -> None:
    parcel = Parcel()
    inventory = await file_parcel(trader, parcel)
    await trader.until_status(inventory, "released")
    await trader.file_one(parcel.departure())
    view = await trader.until_status(inventory, "closed")
    summary = await trader.file_one(parcel.summary(view["references"]["invtNo"]))
    result = await trader.until(summary, lambda seen: "entryId" in seen["references"])
    assert len(result["references"]["entryId"]) == 18
    responses = (await trader.call("GET", f"/v1/declarations/{summary}/responses")).json
    assert any("CEB792Message" in (one["document"] or "") for one in responses["responses"])


@pytest.mark.parametrize("order", [(0, 1, 2, 3, 4, 5, 6), (6, 5, 4, 3, 2, 1, 0), (3, 6, 0, 5, 2, 4, 1)])
async def test_the_published_samples_in_any_order_close_the_inventory(
    short_dir: Any, shared_samples: Any, order: tuple[int, ...]
) -> None:
    from tests.end_to_end.chain import running_chain

    numbers = ("303", "403", "505", "603", "507", "607", "509")
    with running_chain(short_dir / ("s" + "".join(map(str, order)))) as chain:
        async with client_of(chain) as trader:
            receipts = {}
            for place in order:
                body = (shared_samples / "ceb-2018" / f"CEB{numbers[place]}Message.xml").read_bytes()
                receipts[numbers[place]] = await trader.file(body)
            inventory = receipts["603"]["declarations"]
            assert [entry["verdict"] for entry in inventory] == ["received"] + ["conflict"] * 9
            for number in ("303", "403", "505", "507", "607", "509"):
                verdicts = [entry["verdict"] for entry in receipts[number]["declarations"]]
                assert verdicts == ["received"] + ["duplicate"] * 9, number
            warnings = receipts["607"]["declarations"][0]["warnings"]
            assert ("CEB-R93", "1–8") in [(warning["rule"], warning["value"]) for warning in warnings]
            view = await trader.until_status(inventory[0]["id"], "closed")
            assert any(warning["code"] == "match.difference" for warning in view["warnings"])
