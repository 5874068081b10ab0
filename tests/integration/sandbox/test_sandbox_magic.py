"""A magic word in the trader's reference decides what the agencies do."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from singlewindow.adapters.sandbox.magic import MAGIC, SLOW_SECONDS
from singlewindow.errors import AgencyError
from tests.integration.sandbox_stage import (
    Heard,
    Stage,
    ask_control,
    four_legs,
    status_of,
)


async def test_magic_words_are_listed(sandbox: Stage) -> None:
    status, listed = await ask_control(sandbox, "magic")
    assert status == 200
    assert isinstance(listed, dict)
    assert [entry["word"] for entry in listed["magic"]] == [magic.word for magic in MAGIC]


@pytest.mark.parametrize(
    ("word", "statuses"),
    [
        ("REJECT", ["100"]),
        ("INSPECT", ["120", "399", "300", "500", "800"]),
        ("HOLD", ["120", "399", "501"]),
        ("SILENT", []),
    ],
)
async def test_magic_decides_on_an_inventory(sandbox: Stage, word: str, statuses: list[str]) -> None:
    task_id, later = uuid4(), uuid4()
    answer = await sandbox.file("inventory", task_id, copNo=f"{word}-1")
    assert status_of(answer) == "2"
    heard = await sandbox.window.hear(task_id, *statuses)
    if word == "REJECT":
        assert "copNo" in heard[0].values["returnInfo"]
    await sandbox.file("order", later, orderNo="LATER-1")
    await sandbox.window.hear(later, "120")
    await sandbox.window.hear(task_id, *statuses)


async def test_mend_rejects_the_first_document_and_takes_the_corrected_one(sandbox: Stage) -> None:
    inventory, declaration = (uuid4(), uuid4()), (uuid4(), uuid4())
    await sandbox.file("inventory", inventory[0], copNo="MEND-1")
    await sandbox.window.hear(inventory[0], "100")
    await sandbox.file("inventory", inventory[1], copNo="MEND-1")
    await sandbox.window.hear(inventory[1], "120", "399", "800")
    await sandbox.declare("MEND-2", task_id=declaration[0])
    await sandbox.window.hear(declaration[0], "rejected")
    await sandbox.declare("MEND-2", task_id=declaration[1])
    await sandbox.window.hear(declaration[1], "registered", "accepted", "released")


@pytest.mark.parametrize(
    ("word", "statuses"),
    [
        ("INSPECT", ["registered", "accepted", "under_control", "released"]),
        ("HOLD", ["registered", "accepted", "detained"]),
        ("ROAD-REJECT", ["registered", "accepted", "released"]),
    ],
)
async def test_magic_decides_on_a_declaration(sandbox: Stage, word: str, statuses: list[str]) -> None:
    task_id = uuid4()
    await sandbox.declare(f"{word}-1", task_id=task_id)
    await sandbox.window.hear(task_id, *statuses)


@pytest.mark.parametrize(
    ("word", "statuses"),
    [("REJECT", ["rejected"]), ("INSPECT", ["under_control", "accepted"]), ("HOLD", ["detained"])],
)
async def test_magic_decides_at_inspection(sandbox: Stage, word: str, statuses: list[str]) -> None:
    original = four_legs(f"INSPECTION-{word}-1")
    await sandbox.send("inspection", "ExportDeclaration", original, action="inspect")
    said: list[str] = []
    async with asyncio.timeout(10):
        while len(said) < len(statuses):
            notices, _ = await sandbox.adapters["inspection"].pull("")
            said = [Heard("", "", None, notice.document or b"").status for notice in notices]
    assert said == statuses


async def test_slow_answers_after_three_seconds(sandbox: Stage) -> None:
    loop = asyncio.get_running_loop()
    started = loop.time()
    await sandbox.file("order", orderNo="SLOW-1")
    assert loop.time() - started >= SLOW_SECONDS


@pytest.mark.parametrize(("word", "reason"), [("FAULT", "SOAP Fault"), ("HTTP500", "HTTP 500")])
async def test_the_first_two_attempts_fail_before_any_effect(sandbox: Stage, word: str, reason: str) -> None:
    task_id = uuid4()
    for _ in range(2):
        with pytest.raises(AgencyError, match=reason) as failure:
            await sandbox.file("order", task_id, orderNo=f"{word}-1")
        assert failure.value.temporary
        assert sandbox.lines() == [] if sandbox.journal.exists() else True
    assert status_of(await sandbox.file("order", task_id, orderNo=f"{word}-1")) == "2"


async def test_a_client_fault_never_ends(sandbox: Stage) -> None:
    task_id = uuid4()
    for _ in range(4):
        with pytest.raises(AgencyError, match="FAULTC") as failure:
            await sandbox.file("order", task_id, orderNo="FAULTC-1")
        assert not failure.value.temporary


async def test_a_lost_reply_had_its_effect(sandbox: Stage) -> None:
    task_id = uuid4()
    with pytest.raises(AgencyError) as failure:
        await sandbox.file("order", task_id, orderNo="LOST-1")
    assert failure.value.outcome_unknown
    assert len(sandbox.lines()) == 1
    assert status_of(await sandbox.file("order", task_id, orderNo="LOST-1")) == "2"
    assert len(sandbox.lines()) == 1


async def test_duplicate_notices_carry_one_id(sandbox: Stage) -> None:
    task_id = uuid4()
    await sandbox.file("inventory", task_id, copNo="DUPLICATE-1")
    heard = await sandbox.window.hear(task_id, "120", "120", "399", "399", "800", "800")
    assert len({one.notice_id for one in heard}) == 3
    number = heard[-1].values["invtNo"]
    await sandbox.file("inventory_cancellation", copNo="CALM-9", invtNo=number)
    await sandbox.window.hear(task_id, "120", "120", "399", "399", "800", "800", "430", "430")


async def test_notices_in_disorder_keep_their_right_times(sandbox: Stage) -> None:
    task_id = uuid4()
    await sandbox.file("inventory", task_id, copNo="DISORDER-1")
    heard = await sandbox.window.hear(task_id, "800", "399", "120")
    times = [one.time for one in heard]
    assert times == sorted(times, reverse=True)


async def test_moving_legs_report_in_their_order(sandbox: Stage) -> None:
    original = four_legs("MOVES-1")
    legs = {leg: (carrier, uuid4()) for leg, carrier in enumerate(("road", "rail", "sea", "road"), 1)}
    for leg, (carrier, task_id) in legs.items():
        await sandbox.send(carrier, "ExportDeclaration", original, action="book", leg=leg)
        await sandbox.send(carrier, "ExportDeclaration", original, task_id=task_id, action="release", leg=leg)
    for _, task_id in legs.values():
        await sandbox.window.hear(task_id, "departed", "arrived")
    tasks = [task_id for _, task_id in legs.values()]
    moved = [one for one in sandbox.window.heard if one.status in {"departed", "arrived"}]
    assert [tasks.index(one.task_id) + 1 for one in sorted(moved, key=lambda one: one.time) if one.task_id] == [
        1, 1, 2, 2, 3, 3, 4, 4,
    ]  # fmt: skip
