"""Customs for export declarations: registered, released, amended, invalidated, closed."""

from __future__ import annotations

from uuid import uuid4

import pytest

from singlewindow.adapters.sandbox.numbers import check_digit
from tests.integration.sandbox_stage import (
    Stage,
    ask_control,
    export_document,
    follow_up,
    four_legs,
    status_of,
)


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
