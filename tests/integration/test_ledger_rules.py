"""The rules that need the ledger, each in a case that breaks it and in one that keeps it; others have theirs elsewhere.

CEB-R91: test_versions; CEB-R92 and CEB-R94: test_cases and test_versions; CEB-R93: test_split_documents.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from singlewindow.ledger.outcomes import Word
from singlewindow.messages.judgement import ResponseUnit
from tests.end_to_end.documents import fresh, sample, set_text
from tests.integration.gateway_stage import GatewayStage, gateway_stage, order


@pytest.fixture
async def stage(database_url: str) -> AsyncIterator[GatewayStage]:
    async with gateway_stage(database_url) as opened:
        yield opened


async def file(stage: GatewayStage, document: str, *, key: str | None = None) -> tuple[int, Any]:
    response = await stage.submit(document.encode(), key=key)
    return response.status, json.loads(await response.read())


def declaration(lrn: str) -> str:
    return set_text(sample("export-1", "four_legs"), "LRN", lrn)


def about(name: str, lrn: str) -> str:
    """A message that acts on the declaration with this LRN."""
    document = set_text(sample("export-1", name), "LRN", lrn)
    return set_text(document, "MessageIdentification", f"M{fresh()}")


async def declare(stage: GatewayStage) -> tuple[str, str]:
    """A declaration that is filed and matched: its LRN and id."""
    lrn = f"L{fresh()}"
    status, receipt = await file(stage, declaration(lrn))
    assert status == 202, receipt
    await stage.match_all()
    return lrn, receipt["declarations"][0]["id"]


async def tell(stage: GatewayStage, declaration_id: str, state: str) -> None:
    """Customs says where the declaration is."""
    rows = await stage.database.fetch("read_parts", [UUID(declaration_id)])
    task = next((row["id"] for row in rows if row["action"] == "declare"), rows[0]["id"])
    unit = ResponseUnit("export", state, state, "2026-03-02T01:00:00.000000Z")
    await stage.parts.tasks.take_words([Word("customs", task, f"n-{fresh()}", (unit,), b"<r/>", "push")])


def rules(answer: Any) -> list[str | None]:
    return [error["rule"] for error in answer["errors"]]


async def test_ex_r01_an_lrn_used_for_another_declaration_is_a_conflict(stage: GatewayStage) -> None:
    lrn, _ = await declare(stage)
    other = set_text(declaration(lrn), "ContractNumber", "ANOTHER-1")
    status, answer = await file(stage, other)
    assert (status, rules(answer)) == (409, ["EX-R01"])
    assert answer["errors"][0]["hint_zh"]


async def test_ex_r01_an_lrn_of_ones_own_that_is_new_is_taken(stage: GatewayStage) -> None:
    await declare(stage)
    assert (await file(stage, declaration(f"L{fresh()}")))[0] == 202


async def test_ex_r02_a_message_identification_used_for_other_content_is_a_conflict(stage: GatewayStage) -> None:
    lrn, _ = await declare(stage)
    first = about("presentation", lrn)
    assert (await file(stage, first))[0] == 202
    status, answer = await file(stage, set_text(first, "PresentationDateTime", "2026-12-01T07:00:00+08:00"))
    assert (status, rules(answer)) == (409, ["EX-R02"])


async def test_ex_r02_the_same_message_again_is_the_same_receipt(stage: GatewayStage) -> None:
    lrn, _ = await declare(stage)
    message = about("presentation", lrn)
    first, again = await file(stage, message), await file(stage, message)
    assert first[1]["message_id"] == again[1]["message_id"]


@pytest.mark.parametrize("name", ["amendment", "invalidation", "presentation", "arrival_at_exit", "exit_confirmation"])
async def test_ex_r05_what_acts_on_an_unknown_declaration_is_refused(stage: GatewayStage, name: str) -> None:
    status, answer = await file(stage, about(name, f"L{fresh()}"))
    assert (status, rules(answer)) == (422, ["EX-R05"])


async def test_ex_r05_another_traders_declaration_is_as_unknown_as_none(stage: GatewayStage) -> None:
    lrn, _ = await declare(stage)
    stranger = await stage.parts.traders.create(f"Stranger {fresh()}", [], all_codes=True)
    key = await stage.parts.traders.create_key(stranger, ["submit"])
    status, answer = await file(stage, about("presentation", lrn), key=key)
    assert (status, rules(answer)) == (422, ["EX-R05"])


async def test_ex_r05_a_refused_message_leaves_its_key_free(stage: GatewayStage) -> None:
    lrn = f"L{fresh()}"
    message = about("presentation", lrn)
    assert (await file(stage, message))[0] == 422
    await file(stage, declaration(lrn))
    status, receipt = await file(stage, message)
    assert (status, receipt["declarations"][0]["verdict"]) == (202, "received")


async def test_ex_r05_a_declaration_known_here_is_acted_on(stage: GatewayStage) -> None:
    lrn, _ = await declare(stage)
    assert (await file(stage, about("presentation", lrn)))[0] == 202


async def test_ex_r05b_a_cancelled_declaration_takes_no_amendment(stage: GatewayStage) -> None:
    lrn, declared = await declare(stage)
    await tell(stage, declared, "cancelled")
    status, answer = await file(stage, about("amendment", lrn))
    assert (status, rules(answer)) == (422, ["EX-R05B"])
    assert answer["errors"][0]["value"] == "cancelled"


async def test_ex_r05b_a_declaration_that_is_on_its_way_takes_one(stage: GatewayStage) -> None:
    lrn, _ = await declare(stage)
    assert (await file(stage, about("amendment", lrn)))[0] == 202


async def test_ex_r48_an_amendment_that_gives_a_leg_another_carrier_is_refused(stage: GatewayStage) -> None:
    lrn, _ = await declare(stage)
    document = about("amendment", lrn)
    start = document.index("<Carrier>")
    changed = document[:start] + document[start:].replace("<Identification>", "<Identification>X", 1)
    status, answer = await file(stage, changed)
    assert (status, rules(answer)) == (422, ["EX-R48"])
    assert answer["errors"][0]["value"].startswith("carrier of leg")


async def test_ex_r48_an_amendment_that_adds_a_leg_is_taken(stage: GatewayStage) -> None:
    lrn, _ = await declare(stage)
    assert (await file(stage, about("amendment", lrn)))[0] == 202


async def test_ceb_r90_other_content_under_an_occupied_key_is_a_conflict(stage: GatewayStage) -> None:
    document = order().decode()
    assert (await file(stage, document))[0] == 202
    status, answer = await file(stage, set_text(document, "goodsValue", "12345"))
    assert (status, rules(answer)) == (409, ["CEB-R90"])


async def test_ceb_r90_equal_content_is_a_duplicate(stage: GatewayStage) -> None:
    document = order().decode()
    await file(stage, document)
    _, receipt = await file(stage, set_text(document, "guid", "9" * 36))
    assert receipt["declarations"][0]["verdict"] == "duplicate"
