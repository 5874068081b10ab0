"""Inspection and the carriers: certificates that are fetched, bookings, movements of the legs."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from singlewindow.adapters.port import Notice
from tests.integration.sandbox_stage import (
    Heard,
    Stage,
    ask_control,
    four_legs,
    status_of,
)


async def test_inspection_is_pulled_and_gives_a_certificate(sandbox: Stage) -> None:
    tasks = [uuid4(), uuid4()]
    for number, task_id in enumerate(tasks):
        original = four_legs(f"INS-{number}")
        answer = await sandbox.send("inspection", "ExportDeclaration", original, task_id=task_id, action="inspect")
        assert status_of(answer) == "submitted"
    adapter, cursor = sandbox.adapters["inspection"], ""
    found: list[Notice] = []
    async with asyncio.timeout(10):
        while len(found) < 2:
            notices, cursor = await adapter.pull(cursor, limit=1)
            found += notices
    assert {notice.task_id for notice in found} == set(tasks)
    assert await adapter.pull(cursor) == ((), cursor)
    again, _ = await adapter.pull("")
    assert [notice.notice_id for notice in again] == [notice.notice_id for notice in found]
    certificates = [Heard("", "", None, notice.document or b"").values for notice in found]
    assert all(one["Name"] == "certificate" and one["Value"] == one["Number"] for one in certificates)
    assert sandbox.window.heard == [], "inspection pushes nothing"


@pytest.mark.parametrize(("carrier", "at_once"), [("road", True), ("air", True), ("rail", False), ("sea", False)])
async def test_carriers_give_booking_numbers_and_report_movements(sandbox: Stage, carrier: str, at_once: bool) -> None:  # noqa: FBT001
    book, release = uuid4(), uuid4()
    original = four_legs("BOOKED-1")
    answer = await sandbox.send(carrier, "ExportDeclaration", original, task_id=book, action="book", leg=2)
    if at_once:
        assert answer.notice is not None
        number = Heard("", "", None, answer.notice.document or b"").values["Value"]
    else:
        assert status_of(answer) == "submitted"
        number = (await sandbox.window.hear(book, "accepted"))[0].values["Value"]
    answer = await sandbox.send(carrier, "ExportDeclaration", original, task_id=release, action="release", leg=2)
    assert status_of(answer) == "accepted"
    for event in ("departed", "arrived"):
        assert (await ask_control(sandbox, "movements", {"agency": carrier, "booking": number, "event": event}))[
            0
        ] == 202
    await sandbox.window.hear(release, "departed", "arrived")


async def test_movements_of_unknown_bookings_are_refused(sandbox: Stage) -> None:
    unknown = {"agency": "sea", "booking": "SEA-NONE", "event": "departed"}
    assert (await ask_control(sandbox, "movements", unknown))[0] == 404
    assert (await ask_control(sandbox, "movements", unknown | {"event": "sunk"}))[0] == 400
