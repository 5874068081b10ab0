"""Customs for parcels: numbers, releases, cancellations and summaries, in whatever order documents come."""

from __future__ import annotations

import itertools
from uuid import uuid4

import pytest

from tests.integration.sandbox_stage import (
    Stage,
    status_of,
)


async def test_an_inventory_is_released_with_its_numbers(sandbox: Stage) -> None:
    task_id = uuid4()
    answer = await sandbox.file("inventory", task_id, copNo="INV-1")
    assert status_of(answer) == "2"
    heard = await sandbox.window.hear(task_id, "120", "399", "800")
    assert [len(one.values["preNo"]) for one in heard] == [18] * 3
    assert heard[0].values["invtNo"] == "0" * 18
    assert heard[1].values["invtNo"].startswith("4600")
    assert heard[1].values["invtNo"] == heard[2].values["invtNo"]
    times = [one.time for one in heard]
    assert times == sorted(set(times))
    assert [one.values["returnInfo"] for one in heard] == [
        "[Code:1800;Desc:逻辑校验通过]", "[Code:2300;Desc:审核通过]", "[Code:2600;Desc:放行]",
    ]  # fmt: skip


@pytest.mark.parametrize("first", ["inventory", "departure"])
async def test_inventory_and_departure_meet_in_either_order(sandbox: Stage, first: str) -> None:
    inventory, departure = uuid4(), uuid4()
    filings = {"inventory": (inventory, ["120", "399", "800"]), "departure": (departure, ["120", "399"])}
    for kind in sorted(filings, reverse=first == "inventory"):
        task_id, statuses = filings[kind]
        await sandbox.file(kind, task_id, copNo="ORD-1", logisticsCode="9999960004", logisticsNo="WB-77")
        if kind == first:
            await sandbox.window.hear(task_id, *statuses)
    await sandbox.window.hear(inventory, "120", "399", "800", "899")
    await sandbox.window.hear(departure, "120", "399")


async def test_a_cancellation_by_its_number_cancels_the_inventory(sandbox: Stage) -> None:
    inventory, cancellation = uuid4(), uuid4()
    await sandbox.file("inventory", inventory, copNo="CAN-1")
    heard = await sandbox.window.hear(inventory, "120", "399", "800")
    number = heard[-1].values["invtNo"]
    await sandbox.file("inventory_cancellation", cancellation, copNo="CAN-2", invtNo=number)
    await sandbox.window.hear(cancellation, "120", "399")
    await sandbox.window.hear(inventory, "120", "399", "800", "430")
    assert status_of(await sandbox.file("inventory", copNo="CAN-1")) == "2", "the key is free again"


@pytest.mark.parametrize("order", list(itertools.permutations(["departure", "summary"])))
async def test_a_summary_brings_a_result_for_each_closed_inventory(sandbox: Stage, order: tuple[str, ...]) -> None:
    inventory, summary = uuid4(), uuid4()
    await sandbox.file("inventory", inventory, copNo="SUM-1", logisticsCode="9999960004", logisticsNo="WB-9")
    number = (await sandbox.window.hear(inventory, "120", "399", "800"))[-1].values["invtNo"]
    for step in order:
        if step == "departure":
            await sandbox.file("departure", copNo="SUM-2", logisticsCode="9999960004", logisticsNo="WB-9")
            await sandbox.window.hear(inventory, "120", "399", "800", "899")
        else:
            await sandbox.file("summary_application", summary, copNo="SUM-3", invtNo=number)
    heard = await sandbox.window.hear(summary, "120", "399", "1")
    assert len(heard[1].values["sumNo"]) == 18
    assert heard[2].values["sumNo"] == heard[1].values["sumNo"]
    assert len(heard[2].values["entryId"]) == 18
    assert heard[2].values["invtNo"] == number


async def test_simplified_inventories_are_in_no_summary(sandbox: Stage) -> None:
    inventory, summary = uuid4(), uuid4()
    waybill = {"logisticsCode": "9999960004", "logisticsNo": "WB-10"}
    await sandbox.file("departure", copNo="SIM-2", **waybill)
    await sandbox.file("inventory", inventory, copNo="SIM-1", statisticsFlag="A", **waybill)
    number = (await sandbox.window.hear(inventory, "120", "399", "800", "899"))[-1].values["invtNo"]
    await sandbox.file("summary_application", summary, copNo="SIM-3", invtNo=number)
    later = uuid4()
    await sandbox.file("order", later, orderNo="AFTER-SIM")
    await sandbox.window.hear(later, "120")
    await sandbox.window.hear(summary, "120", "399")


async def test_change_and_delete_follow_the_document_with_the_key(sandbox: Stage) -> None:
    first, change, delete = uuid4(), uuid4(), uuid4()
    await sandbox.file("inventory", first, copNo="CHG-1")
    number = (await sandbox.window.hear(first, "120", "399", "800"))[-1].values["invtNo"]
    await sandbox.file("inventory", change, copNo="CHG-1", appType="2")
    assert (await sandbox.window.hear(change, "120", "399", "800"))[-1].values["invtNo"] == number
    await sandbox.file("inventory", delete, copNo="CHG-1", appType="3")
    await sandbox.window.hear(delete, "120")
    await sandbox.window.hear(change, "120", "399", "800", "430")
    await sandbox.window.hear(first, "120", "399", "800", "430")
    assert [line["action"] for line in sandbox.lines()] == ["declare", "change", "delete"]


@pytest.mark.parametrize("kind", ["order", "payment_receipt", "waybill", "arrival", "consolidation", "departure"])
async def test_every_other_document_comes_to_its_end(sandbox: Stage, kind: str) -> None:
    task_id = uuid4()
    assert status_of(await sandbox.file(kind, task_id)) == "2"
    ends = ["120"] if kind in {"order", "payment_receipt", "waybill"} else ["120", "399"]
    await sandbox.window.hear(task_id, *ends)
