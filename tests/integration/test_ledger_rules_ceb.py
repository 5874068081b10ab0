"""The ledger's rules of CEB and its envelope, each in a case that breaks it and in one that keeps it."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from singlewindow.ledger.outcomes import Word
from singlewindow.ledger.submissions import Refusal
from singlewindow.messages.judgement import ResponseUnit
from tests.end_to_end.documents import Parcel, consolidation, fresh, set_text
from tests.integration.gateway_stage import ORDER_CODES, GatewayStage, gateway_stage, order
from tests.integration.ledger_stage import PARCELS, ledger_stage, unit
from tests.unit.envelopes import enclose

EARLIER, LATER = "20260302091500", "20260302101500"


@pytest.fixture
async def stage(database_url: str) -> AsyncIterator[GatewayStage]:
    async with gateway_stage(database_url) as opened:
        yield opened


async def file(stage: GatewayStage, document: str) -> tuple[int, Any]:
    response = await stage.submit(document.encode())
    return response.status, json.loads(await response.read())


def warned(answer: Any) -> list[tuple[str, str | None]]:
    """The rules that the first declaration of a receipt is warned by, with what they point at."""
    return [(warning["rule"], warning["value"]) for warning in answer["declarations"][0]["warnings"]]


def changed(document: str, app_time: str, action: str = "2") -> str:
    """The document as a change of this appTime."""
    return set_text(set_text(document, "appTime", app_time), "appType", action)


def new_invt_no() -> str:
    """A registration number that customs gave to nothing."""
    return f"46002026E{secrets.randbelow(10**9):09d}"


async def accept(stage: GatewayStage) -> tuple[str, str]:
    """An inventory that customs accepted: its id and the invtNo that customs gave."""
    _, receipt = await file(stage, Parcel().inventory())
    declaration, invt_no = receipt["declarations"][0]["id"], new_invt_no()
    await stage.match_all()
    await stage.parts.tasks.send_held(stage.trader, UUID(declaration))
    await tell(stage, declaration, "accepted", invtNo=invt_no)
    return declaration, invt_no


async def tell(stage: GatewayStage, declaration: str, state: str, **numbers: str) -> None:
    """Customs says where a declaration is."""
    part = await stage.part_of(declaration)
    moment = {"accepted": "2026-03-02T01:00:00.000000Z"}.get(state, "2026-03-02T02:00:00.000000Z")
    unit = ResponseUnit("inventory", state, state, moment, numbers=numbers)
    await stage.parts.tasks.take_words([Word("customs", part, f"n-{fresh()}", (unit,), b"<r/>", "push")])


async def view(stage: GatewayStage, receipt: Any) -> Any:
    return await stage.parts.reader.declaration(stage.trader, UUID(receipt["declarations"][0]["id"]))


async def test_ceb_r90_other_content_under_an_occupied_key_is_a_conflict(stage: GatewayStage) -> None:
    document = order().decode()
    assert (await file(stage, document))[0] == 202
    status, answer = await file(stage, set_text(document, "goodsValue", "12345"))
    assert (status, [error["code"] for error in answer["errors"]]) == (409, ["rule.CEB-R90"])
    assert answer["detail"] == answer["errors"][0]["message"]


async def test_ceb_r90_equal_content_is_a_duplicate(stage: GatewayStage) -> None:
    document = order().decode()
    await file(stage, document)
    _, receipt = await file(stage, set_text(document, "guid", "9" * 36))
    assert receipt["declarations"][0]["verdict"] == "duplicate"


async def test_ceb_r91_a_change_older_than_what_stands_is_refused(stage: GatewayStage) -> None:
    document = set_text(order().decode(), "appTime", LATER)
    await file(stage, document)
    status, answer = await file(stage, changed(document, EARLIER))
    error = answer["errors"][0]
    assert (status, error["rule"], error["value"]) == (409, "CEB-R91", EARLIER)
    assert error["message"].startswith("appTime is earlier")
    assert error["hint_zh"]


async def test_ceb_r91_a_newer_change_is_taken(stage: GatewayStage) -> None:
    document = set_text(order().decode(), "appTime", EARLIER)
    await file(stage, document)
    status, receipt = await file(stage, changed(document, LATER))
    assert (status, warned(receipt)) == (202, [])


async def test_ceb_r92_a_cancellation_of_an_unknown_inventory_is_sent_with_a_warning_in_its_receipt(
    stage: GatewayStage,
) -> None:
    invt_no = new_invt_no()
    status, receipt = await file(stage, Parcel().cancellation(invt_no))
    assert (status, warned(receipt)) == (202, [("CEB-R92", invt_no)])
    await stage.match_all()
    seen = await view(stage, receipt)
    assert [part["state"] for part in seen["parts"]] == ["pending"]
    assert [warning["rule"] for warning in seen["warnings"]] == ["CEB-R92"]


async def test_ceb_r92_is_taken_back_once_the_inventory_is_known(stage: GatewayStage) -> None:
    _, inventory = await file(stage, Parcel().inventory())
    declaration, invt_no = inventory["declarations"][0]["id"], new_invt_no()
    await stage.match_all()
    await stage.parts.tasks.send_held(stage.trader, UUID(declaration))
    _, receipt = await file(stage, Parcel().cancellation(invt_no))
    await stage.match_all()
    await tell(stage, declaration, "accepted", invtNo=invt_no)
    await stage.match_all()
    seen = await view(stage, receipt)
    assert (seen["target"], seen["warnings"]) == (declaration, [])


async def test_ceb_r92_a_summary_names_the_inventories_that_are_unknown(stage: GatewayStage) -> None:
    _, known = await accept(stage)
    unknown = [new_invt_no() for _ in range(7)]
    _, receipt = await file(stage, Parcel().summary(known, *unknown))
    assert warned(receipt) == [("CEB-R92", f"{', '.join(unknown[:5])} +2")]


async def test_ceb_r92_what_names_a_known_inventory_is_not_warned_of(stage: GatewayStage) -> None:
    _, known = await accept(stage)
    for document in (Parcel().cancellation(known), Parcel().summary(known)):
        status, receipt = await file(stage, document)
        assert (status, warned(receipt)) == (202, [])


def part(number: int, count: int, parcel: Parcel) -> str:
    """Part of a consolidation."""
    document = set_text(consolidation([parcel]), "msgCount", str(count))
    return set_text(document, "msgSeqNo", str(number))


async def test_ceb_r93_a_part_whose_others_are_missing_is_warned_of(stage: GatewayStage) -> None:
    status, receipt = await file(stage, part(3, 3, Parcel()))
    assert (status, warned(receipt)) == (202, [("CEB-R93", "1–2")])


async def test_ceb_r93_a_part_that_completes_the_document_is_not(stage: GatewayStage) -> None:
    parcel = Parcel()
    await file(stage, part(1, 2, parcel))
    assert warned((await file(stage, part(2, 2, parcel)))[1]) == []


@pytest.mark.parametrize("action", ["2", "3"])
async def test_ceb_r94_a_change_of_what_was_never_filed_is_sent_with_a_warning(
    stage: GatewayStage, action: str
) -> None:
    status, receipt = await file(stage, changed(order().decode(), LATER, action))
    assert (status, warned(receipt)) == (202, [("CEB-R94", None)])


async def test_ceb_r94_a_change_of_what_was_filed_is_not_warned_of(stage: GatewayStage) -> None:
    document = order().decode()
    await file(stage, document)
    assert warned((await file(stage, changed(document, LATER)))[1]) == []


@pytest.mark.parametrize("state", ["closed", "cancelled"])
async def test_ceb_r95_a_cancellation_of_what_is_over_is_sent_with_a_warning(stage: GatewayStage, state: str) -> None:
    declaration, invt_no = await accept(stage)
    await tell(stage, declaration, state)
    status, receipt = await file(stage, Parcel().cancellation(invt_no))
    assert (status, warned(receipt)) == (202, [("CEB-R95", state)])


async def test_ceb_r95_a_cancellation_of_an_accepted_inventory_is_not_warned_of(stage: GatewayStage) -> None:
    _, invt_no = await accept(stage)
    assert warned((await file(stage, Parcel().cancellation(invt_no)))[1]) == []


async def test_ceb_r94_raised_to_an_error_refuses_and_leaves_the_key_free(database_url: str) -> None:
    rule = replace(PARCELS.rules["CEB-R94"], severity="error")
    strict = replace(PARCELS, name=f"strict-{fresh()}", rules={**PARCELS.rules, rule.id: rule})
    async with ledger_stage(database_url, strict) as ledger:
        trader = await ledger.traders.create("Example Trading Co", [])
        change = unit("order", "S1", action="change")
        for _ in range(2):
            with pytest.raises(Refusal) as refused:
                await ledger.file(trader, change, message_set=strict.name)
            entry = refused.value.entries[0]
            assert (refused.value.status, refused.value.code, entry["verdict"]) == (422, "rule-violated", "invalid")
            assert [error["rule"] for error in entry["errors"]] == ["CEB-R94"]
        await ledger.file(trader, unit("order", "S1"), message_set=strict.name)
        assert (await ledger.file(trader, change, message_set=strict.name)).declaration_ids


async def message_warnings(stage: GatewayStage, body: bytes, key: str | None = None) -> list[str]:
    receipt = json.loads(await (await stage.submit(body, key=key)).read())
    return [warning["rule"] for warning in receipt["warnings"]]


async def test_dxp_r01_an_envelope_of_another_sender_is_warned_of_and_its_own_is_not(stage: GatewayStage) -> None:
    body = order()
    named = body.partition(b"<dxpId>")[2].partition(b"<")[0].decode()
    assert await message_warnings(stage, enclose(body, sender="DXPSOMEBODYELSE")) == ["DXP-R01"]
    assert await message_warnings(stage, enclose(order(), sender=named)) == []


async def test_dxp_r02_a_message_of_another_companys_transfer_is_warned_of_and_ones_own_is_not(
    stage: GatewayStage,
) -> None:
    owner = await stage.make_trader(ORDER_CODES[1])
    foreign = set_text(order().decode(), "copCode", "8888").encode()
    assert await message_warnings(stage, foreign, owner) == ["DXP-R02"]
    assert await message_warnings(stage, order(), owner) == []
