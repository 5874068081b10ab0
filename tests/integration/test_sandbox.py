"""The sandbox agencies over real sockets: asked by the real adapters and by a stock SOAP client."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import aiohttp
import pytest
from zeep import Client

from singlewindow.adapters.port import Notice
from singlewindow.adapters.sandbox.magic import MAGIC, SLOW_SECONDS
from singlewindow.adapters.sandbox.numbers import check_digit
from singlewindow.errors import AgencyError, ConfigurationError
from tests.integration.sandbox_stage import (
    SECRET,
    Heard,
    SingleWindow,
    Stage,
    connected,
    eventually,
    export_document,
    follow_up,
    four_legs,
    parcel_document,
    stage,
    status_of,
)


@pytest.fixture
async def window() -> AsyncIterator[SingleWindow]:
    receiver = SingleWindow()
    yield receiver
    await receiver.stop()


@pytest.fixture
async def sandbox(tmp_path: Path, window: SingleWindow) -> AsyncIterator[Stage]:
    async with stage(tmp_path, window, await window.start()) as running:
        yield running


stock_client: Any = Client


async def ask_control(sandbox: Stage, path: str, body: object = None) -> tuple[int, object]:
    async with aiohttp.ClientSession() as client:
        method = "GET" if body is None else "POST"
        async with client.request(method, f"{sandbox.url}/sandbox/{path}", json=body) as reply:
            text = await reply.text()
            return reply.status, json.loads(text) if reply.content_type.endswith("json") else text


# ── the wire ────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("agency", "operation", "root", "sample"),
    [
        ("customs", "Declare", "ExportDeclaration", "four_legs"),
        ("inspection", "ApplyForInspection", "ExportDeclaration", "four_legs"),
        ("road", "Book", "ExportDeclaration", "road"),
        ("sea", "Book", "ExportDeclaration", "sea"),
    ],
)
async def test_a_stock_client_reads_the_wsdl_and_files_a_document(
    sandbox: Stage, agency: str, operation: str, root: str, sample: str
) -> None:
    task_id, original = str(uuid4()), export_document(sample)

    def call() -> Any:
        client: Any = stock_client(f"{sandbox.url}/{agency}?wsdl")
        item = {
            "messageId": str(uuid4()), "messageSet": "export-1", "root": root, "original": original,
            "sha256": hashlib.sha256(original).hexdigest(), "task": [{"taskId": task_id, "ordinal": 1, "leg": 1}],
        }  # fmt: skip
        return client.service[operation](callId=str(uuid4()), sender="Trader One", action="declare", item=[item])

    (result,) = (await asyncio.to_thread(call)).body.result
    assert result.taskId == task_id
    assert result.verdict == "acknowledged"
    assert Heard("", result.notice.noticeId, None, result.notice.document).status in {"submitted", "accepted"}


async def test_the_effect_is_in_the_file_when_the_answer_comes(sandbox: Stage) -> None:
    for number in range(5):
        task_id = uuid4()
        await sandbox.file("order", task_id, orderNo=f"SYNCED-{number}")
        assert sandbox.lines()[-1]["task_id"] == str(task_id)
        assert sandbox.lines()[-1]["action"] == "declare"


async def test_the_same_task_gets_the_same_answer_and_has_one_effect(sandbox: Stage) -> None:
    task_id = uuid4()
    answers = [await sandbox.file("inventory", task_id, copNo="SAME-1") for _ in range(3)]
    assert answers[0] == answers[1] == answers[2]
    (status, effects) = await ask_control(sandbox, "effects?key=SAME-1")
    assert status == 200
    assert isinstance(effects, dict)
    assert [count["count"] for count in effects["counts"]] == [1]
    assert len(sandbox.lines()) == 1


async def test_the_same_task_sent_at_once_many_times_has_one_effect(sandbox: Stage) -> None:
    task_id = uuid4()
    answers = await asyncio.gather(*(sandbox.file("order", task_id, orderNo="AT-ONCE") for _ in range(20)))
    assert len({answer.notice.document for answer in answers if answer.notice}) == 1
    assert len(sandbox.lines()) == 1


async def test_another_task_for_a_living_key_is_told_so_and_has_no_effect(sandbox: Stage) -> None:
    first, second = uuid4(), uuid4()
    await sandbox.file("inventory", first, copNo="TWICE-1")
    answer = await sandbox.file("inventory", second, copNo="TWICE-1")
    assert status_of(answer) == "-604001"
    assert answer.notice is not None
    assert "业务主键重复入库失败" in (answer.notice.document or b"").decode()
    assert [line["task_id"] for line in sandbox.lines()] == [str(first)]
    assert [line["duplicate_of"] for line in sandbox.lines("duplicate")] == [str(first)]


async def test_a_rejected_key_may_be_filed_again(sandbox: Stage) -> None:
    first, second = uuid4(), uuid4()
    await sandbox.declare("CUSTOMS-REJECT-7", task_id=first)
    heard = await sandbox.window.hear(first, "rejected")
    assert heard[0].values["Pointer"].startswith("/ExportDeclaration/")
    assert status_of(await sandbox.declare("CUSTOMS-REJECT-7", task_id=second)) == "submitted"
    assert [(line["task_id"], line["attempt"]) for line in sandbox.lines()] == [(str(first), 1), (str(second), 2)]


async def test_status_is_asked_by_task(sandbox: Stage) -> None:
    known, unknown = uuid4(), uuid4()
    answer = await sandbox.file("order", known, orderNo="ASKED-1")
    recalled = await sandbox.adapters["customs"].ask((known, unknown))
    assert recalled[0] == answer
    assert (recalled[1].verdict, recalled[1].code) == ("retry", "unknown-task")


async def test_a_document_for_another_agency_is_rejected_by_itself(sandbox: Stage) -> None:
    answer = await sandbox.send("road", "CEB303Message", parcel_document("order"), action="book")
    assert (answer.verdict, answer.code) == ("rejected", "not-for-this-agency")
    answer = await sandbox.send("customs", "CEB303Message", parcel_document("order"), ordinal=7)
    assert answer.verdict == "rejected"
    assert sandbox.lines() == []


async def test_pushes_name_the_agency_and_its_secret(sandbox: Stage) -> None:
    task_id = uuid4()
    await sandbox.file("order", task_id, orderNo="LOGGED-IN")
    await sandbox.window.hear(task_id, "120")
    assert sandbox.window.authorizations == {aiohttp.encode_basic_auth("customs", SECRET)}


# ── parcels ─────────────────────────────────────────────────────────────────


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


# ── export declarations ─────────────────────────────────────────────────────


async def test_customs_registers_and_releases_a_declaration(sandbox: Stage) -> None:
    task_id = uuid4()
    answer = await sandbox.declare("FL-1", task_id=task_id, references={"certificate": "IC1", "booking": "ROAD-1"})
    assert status_of(answer) == "submitted"
    heard = await sandbox.window.hear(task_id, "registered", "accepted", "released")
    mrn = heard[0].values["MRN"]
    assert len(mrn) == 18
    assert check_digit(mrn[:17]) == mrn[17]
    assert sandbox.lines()[0]["references"] == {"certificate": "IC1", "booking": "ROAD-1"}


async def test_amendment_and_invalidation_act_on_a_known_declaration(sandbox: Stage) -> None:
    declaration, early, amendment, invalidation, late = (uuid4() for _ in range(5))
    follow = {name: follow_up(name, four_legs("FL-2")) for name in ("amendment", "invalidation")}
    await sandbox.send("customs", "Amendment", follow["amendment"], task_id=early, action="amend")
    assert (await sandbox.window.hear(early, "rejected"))[0].values["Code"] == "90"
    await sandbox.declare("FL-2", task_id=declaration)
    await sandbox.window.hear(declaration, "registered", "accepted", "released")
    await sandbox.send("customs", "Amendment", follow["amendment"], task_id=amendment, action="amend")
    await sandbox.window.hear(amendment, "accepted")
    await sandbox.send(
        "customs", "InvalidationRequest", follow["invalidation"], task_id=invalidation, action="invalidate"
    )
    await sandbox.window.hear(invalidation, "accepted")
    await sandbox.window.hear(declaration, "registered", "accepted", "released", "cancelled")
    await sandbox.send("customs", "Amendment", follow["amendment"], task_id=late, action="amend")
    assert (await sandbox.window.hear(late, "rejected"))[0].values["Code"] == "92"


async def test_no_amendment_after_departure_across_the_border(sandbox: Stage) -> None:
    declaration, amendment = uuid4(), uuid4()
    original = export_document("sea", LRN="SEA-9")
    await sandbox.send("customs", "ExportDeclaration", original, task_id=declaration)
    await sandbox.send("sea", "ExportDeclaration", original, action="book", leg=1)
    legs = sandbox.lines()[0]["lists"]["legs"]
    crossing = next(int(leg["number"]) for leg in legs if leg["crosses"] in {"true", "1"})
    await sandbox.send("sea", "ExportDeclaration", original, action="book", leg=crossing)
    status, _ = await ask_control(
        sandbox, "movements", {"agency": "sea", "lrn": "SEA-9", "leg": crossing, "event": "departed"}
    )
    assert status == 202
    follow = follow_up("amendment", original)
    await sandbox.send("customs", "Amendment", follow, task_id=amendment, action="amend")
    assert (await sandbox.window.hear(amendment, "rejected"))[0].values["Code"] == "92"


@pytest.mark.parametrize("by", ["trader", "single window"])
async def test_an_exit_closes_the_declaration(sandbox: Stage, by: str) -> None:
    declaration, task_id = uuid4(), uuid4()
    await sandbox.declare("FL-3", task_id=declaration)
    await sandbox.window.hear(declaration, "registered", "accepted", "released")
    if by == "trader":
        confirmation = follow_up("exit_confirmation", four_legs("FL-3"))
        await sandbox.send("customs", "ExitConfirmation", confirmation, task_id=task_id, action="exit")
        await sandbox.window.hear(task_id, "accepted")
    else:
        await sandbox.declare("FL-3", task_id=task_id, action="exit")
        await sandbox.window.hear(task_id, "accepted", "closed")
    await sandbox.window.hear(declaration, "registered", "accepted", "released", "closed")


@pytest.mark.parametrize(
    ("sample", "root", "action"),
    [
        ("presentation", "Presentation", "present"),
        ("arrival_at_exit", "ArrivalAtExit", "arrive"),
        ("additional_documents", "AdditionalDocuments", "documents"),
    ],
)
async def test_other_messages_to_customs_are_accepted(sandbox: Stage, sample: str, root: str, action: str) -> None:
    task_id = uuid4()
    await sandbox.declare("FL-4")
    await sandbox.send("customs", root, follow_up(sample, four_legs("FL-4")), task_id=task_id, action=action)
    await sandbox.window.hear(task_id, "accepted")


async def test_a_pre_lodged_declaration_is_released_after_its_presentation(sandbox: Stage) -> None:
    task_id = uuid4()
    original = export_document("four_legs", LRN="PRE-1", AdditionalDeclarationType="D")
    await sandbox.send("customs", "ExportDeclaration", original, task_id=task_id)
    await sandbox.window.hear(task_id, "registered")
    await sandbox.send("customs", "Presentation", follow_up("presentation", original), action="present")
    await sandbox.window.hear(task_id, "registered", "accepted", "released")


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


# ── magic words ─────────────────────────────────────────────────────────────


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


# ── restarts ────────────────────────────────────────────────────────────────


class SandboxProcess:
    """The sandbox in a process of its own, to be killed."""

    PROGRAM = (
        "import asyncio, sys\n"
        "from singlewindow.adapters.sandbox.serving import run_sandbox\n"
        "from singlewindow.settings import load_settings\n"
        "ready = lambda url: print(url, flush=True)\n"
        "asyncio.run(run_sandbox(load_settings(), notify_url=sys.argv[1], ready=ready))\n"
    )

    def __init__(self, data_dir: Path, window_url: str) -> None:
        self._environment = os.environ | {
            "SINGLEWINDOW_DATA_DIR": str(data_dir),
            "SINGLEWINDOW_AGENCIES_URL": "http://127.0.0.1:0",
            "SINGLEWINDOW_SANDBOX_DELAY_MS": "0-20",
        }
        self._window_url = window_url

    async def start(self) -> str:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", self.PROGRAM, self._window_url,
            env=self._environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        assert self._process.stdout is not None
        async with asyncio.timeout(30):
            # the log may come first
            while not (line := await self._process.stdout.readline()).startswith(b"http"):
                assert line, "the sandbox ended"
        return line.decode().strip()

    async def end(self, how: signal.Signals) -> int:
        if self._process.returncode is None:
            self._process.send_signal(how)
        return await asyncio.wait_for(self._process.wait(), 15)


@pytest.fixture
async def process(tmp_path: Path, window: SingleWindow) -> AsyncIterator[SandboxProcess]:
    process = SandboxProcess(tmp_path, await window.start())
    yield process
    await process.end(signal.SIGKILL)


async def test_after_a_kill_nothing_is_forgotten_and_nothing_acts_twice(
    tmp_path: Path, window: SingleWindow, process: SandboxProcess
) -> None:
    window.away = True
    inventory, cancelled, inspected = uuid4(), uuid4(), uuid4()
    waybill = {"logisticsCode": "9999960004", "logisticsNo": "WB-K"}
    original = four_legs("KILL-1")

    async with connected(await process.start(), tmp_path, window) as before:
        first = await before.file("inventory", inventory, copNo="KILL-1", **waybill)
        await before.file("inventory", cancelled, copNo="KILL-2")
        await before.send("inspection", "ExportDeclaration", original, task_id=inspected, action="inspect")
        await eventually(lambda: window.refused > 0)
        async with asyncio.timeout(10):
            while not (pulled := await before.adapters["inspection"].pull(""))[0]:
                await asyncio.sleep(0.01)
    await process.end(signal.SIGKILL)
    with (tmp_path / "sandbox" / "effects.jsonl").open("ab") as journal:
        journal.write(b'{"kind":"effect","agency":"cust')

    window.away = False
    async with connected(await process.start(), tmp_path, window) as after:
        await window.hear(inventory, "120", "399", "800")
        await window.hear(cancelled, "120", "399", "800")
        assert await after.file("inventory", inventory, copNo="KILL-1", **waybill) == first
        assert status_of(await after.file("inventory", copNo="KILL-1", **waybill)) == "-604001"
        await after.file("departure", copNo="KILL-3", **waybill)
        await window.hear(inventory, "120", "399", "800", "899")
        assert await after.adapters["inspection"].pull("") == pulled
        assert [line["fields"].get("copNo") for line in after.lines()] == ["KILL-1", "KILL-2", None, "KILL-3"]
    assert await process.end(signal.SIGTERM) == 0


async def test_bookings_and_movements_survive_a_restart(tmp_path: Path, window: SingleWindow) -> None:
    url = await window.start()
    release, original = uuid4(), four_legs("KEPT-1")
    async with stage(tmp_path, window, url) as before:
        await before.send("sea", "ExportDeclaration", original, action="book", leg=3)
        await before.send("sea", "ExportDeclaration", original, task_id=release, action="release", leg=3)
        window.away = True
        await ask_control(before, "movements", {"agency": "sea", "lrn": "KEPT-1", "leg": 3, "event": "departed"})
    window.away = False
    async with stage(tmp_path, window, url) as after:
        await window.hear(release, "departed")
        await ask_control(after, "movements", {"agency": "sea", "lrn": "KEPT-1", "leg": 3, "event": "arrived"})
        await window.hear(release, "departed", "arrived")


async def test_two_sandboxes_do_not_share_a_journal(tmp_path: Path, sandbox: Stage) -> None:
    with pytest.raises(ConfigurationError, match="another sandbox"):
        async with stage(tmp_path, sandbox.window, "http://127.0.0.1:9"):
            pass


async def test_what_was_delivered_is_not_pushed_again_after_an_orderly_restart(
    tmp_path: Path, window: SingleWindow
) -> None:
    url = await window.start()
    task_id, later = uuid4(), uuid4()
    async with stage(tmp_path, window, url) as before:
        await before.file("inventory", task_id, copNo="CALM-1")
        await window.hear(task_id, "120", "399", "800")
        await eventually(lambda: len(before.lines("delivered")) > 0 and before.lines("delivered")[-1]["number"] == 3)
    async with stage(tmp_path, window, url) as after:
        await after.file("order", later, orderNo="CALM-2")
        await window.hear(later, "120")
        await window.hear(task_id, "120", "399", "800")


async def test_notices_wait_until_the_single_window_is_back(sandbox: Stage) -> None:
    sandbox.window.away = True
    task_id: UUID = uuid4()
    await sandbox.file("order", task_id, orderNo="BACK-1")
    await eventually(lambda: sandbox.window.refused >= 2)
    sandbox.window.away = False
    await sandbox.window.hear(task_id, "120")
