"""The sandbox agencies on the wire: a stock SOAP client, one effect per task, pushes with the agency's password."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
from zeep import Client

from singlewindow.keys import agency_password
from tests.integration.sandbox_stage import (
    Heard,
    Stage,
    ask_control,
    eventually,
    export_document,
    parcel_document,
    status_of,
)

stock_client: Any = Client


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


async def test_pushes_name_the_agency_and_its_own_password(sandbox: Stage) -> None:
    task_id = uuid4()
    await sandbox.file("order", task_id, orderNo="LOGGED-IN")
    await sandbox.window.hear(task_id, "120")
    keys = sandbox.journal.parents[1] / "keys"
    own, other = (agency_password(keys, name) for name in ("customs", "inspection"))
    assert own is not None
    assert own != other
    assert sandbox.window.authorizations == {aiohttp.encode_basic_auth("customs", own)}


async def test_what_is_refused_for_good_is_given_up_and_the_next_is_delivered(sandbox: Stage) -> None:
    refused, heard = uuid4(), uuid4()
    sandbox.window.stop_next = 1
    await sandbox.file("order", refused, orderNo="REFUSED")
    await eventually(lambda: sandbox.window.stop_next == 0, lambda: "not pushed")
    await sandbox.file("order", heard, orderNo="HEARD")
    await sandbox.window.hear(heard, "120")
    assert sandbox.window.said_to(refused) == []
