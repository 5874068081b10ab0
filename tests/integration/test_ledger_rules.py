"""The ledger's rules of export-1, each in a case that breaks it and in one that keeps it, through the gateway."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from singlewindow.ledger.outcomes import Word
from singlewindow.ledger.submissions import Submission
from singlewindow.messages.check_digits import mrn_check_digit
from singlewindow.messages.judgement import ResponseUnit
from tests.end_to_end.documents import fresh, sample, set_text
from tests.integration.gateway_stage import GatewayStage, gateway_stage


@pytest.fixture
async def stage(database_url: str) -> AsyncIterator[GatewayStage]:
    async with gateway_stage(database_url) as opened:
        yield opened


async def file(stage: GatewayStage, document: str, *, key: str | None = None) -> tuple[int, Any]:
    response = await stage.submit(document.encode(), key=key)
    return response.status, json.loads(await response.read())


def declaration(lrn: str) -> str:
    return numbered(set_text(sample("export-1", "four_legs"), "LRN", lrn))


def numbered(document: str, number: str | None = None) -> str:
    """A document whose message has a number of its own."""
    return set_text(document, "MessageIdentification", number or f"M{fresh()}")


def about(name: str, lrn: str) -> str:
    """A message that acts on the declaration with this LRN."""
    return numbered(set_text(sample("export-1", name), "LRN", lrn))


async def declare(stage: GatewayStage) -> tuple[str, str]:
    """A declaration that is filed and matched: its LRN and id."""
    lrn = f"L{fresh()}"
    status, receipt = await file(stage, declaration(lrn))
    assert status == 202, receipt
    await stage.match_all()
    return lrn, receipt["declarations"][0]["id"]


async def tell(stage: GatewayStage, declaration_id: str, state: str, **numbers: str) -> None:
    """Customs says where the declaration is; the others whom it needs have accepted."""
    rows = await stage.database.fetch("read_parts", [UUID(declaration_id)])
    words = []
    for row in rows:
        said = state if row["action"] == "declare" else "accepted"
        moment = "2026-03-02T01:00:00.000000Z"
        unit = ResponseUnit("export", said, said, moment, numbers=numbers if said == state else {})
        words.append(Word(row["agency"], row["id"], f"n-{fresh()}", (unit,), b"<r/>", "push"))
    await stage.parts.tasks.take_words(words)


def mrn() -> str:
    """A registration number that nobody has."""
    stem = f"26CN42{fresh()}A"
    return stem + mrn_check_digit(stem)


def by_mrn(name: str, number: str) -> str:
    """A message that names a declaration by this MRN alone."""
    return re.sub(r"<LRN>.*?</LRN>", f"<MRN>{number}</MRN>", about(name, "x"), count=1)


async def submission(stage: GatewayStage, document: str) -> Submission:
    judgement = await stage.parts.door.judge(document.encode())
    return Submission(stage.trader, "export-1", judgement.root, document.encode(), judgement)


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


async def test_ex_r02_another_declaration_under_the_number_of_an_earlier_message_is_a_conflict(
    stage: GatewayStage,
) -> None:
    number = f"M{fresh()}"
    _, receipt = await file(stage, numbered(declaration(f"L{fresh()}"), number))
    other = numbered(declaration(f"L{fresh()}"), number)
    status, answer = await file(stage, other)
    assert (status, answer["code"], rules(answer)) == (409, "conflict", ["EX-R02"])
    assert answer["declarations"][0]["with"] == receipt["declarations"][0]["id"]
    _, again = await file(stage, numbered(other))
    assert again["declarations"][0]["verdict"] == "received", "its LRN was not given back"


async def test_a_refused_attempt_after_a_rejection_leaves_the_key_as_it_was(stage: GatewayStage) -> None:
    taken = f"M{fresh()}"
    await file(stage, numbered(declaration(f"L{fresh()}"), taken))
    lrn, first = await declare(stage)
    await tell(stage, first, "rejected")
    status, answer = await file(stage, numbered(declaration(lrn), taken))
    assert (status, rules(answer)) == (409, ["EX-R02"])
    status, receipt = await file(stage, declaration(lrn))
    assert (status, receipt["declarations"][0].get("supersedes")) == (202, first)


async def test_ex_r02_an_amendment_under_the_number_of_its_declaration_is_a_conflict(stage: GatewayStage) -> None:
    number, lrn = f"M{fresh()}", f"L{fresh()}"
    await file(stage, numbered(declaration(lrn), number))
    assert rules((await file(stage, numbered(about("amendment", lrn), number)))[1]) == ["EX-R02"]


async def test_ex_r02_another_sender_may_use_the_number_too(stage: GatewayStage) -> None:
    number = f"M{fresh()}"
    await file(stage, numbered(declaration(f"L{fresh()}"), number))
    stranger = await stage.parts.traders.create(f"Stranger {fresh()}", [], all_codes=True)
    key = await stage.parts.traders.create_key(stranger, ["submit"])
    assert (await file(stage, numbered(declaration(f"L{fresh()}"), number), key=key))[0] == 202


async def test_ex_r02_a_rejected_declaration_leaves_the_number_of_its_message_free(stage: GatewayStage) -> None:
    lrn, number = f"L{fresh()}", f"M{fresh()}"
    _, receipt = await file(stage, numbered(declaration(lrn), number))
    await stage.match_all()
    await tell(stage, receipt["declarations"][0]["id"], "rejected")
    mended = set_text(numbered(declaration(lrn), number), "ContractNumber", "MENDED-1")
    assert (await file(stage, mended))[0] == 202


async def test_ex_r02_the_same_message_again_is_the_same_receipt(stage: GatewayStage) -> None:
    lrn, _ = await declare(stage)
    message = about("presentation", lrn)
    first, again = await file(stage, message), await file(stage, message)
    assert first[1]["message_id"] == again[1]["message_id"]


@pytest.mark.parametrize("name", ["amendment", "invalidation", "presentation", "arrival_at_exit", "exit_confirmation"])
async def test_ex_r05_what_acts_on_an_unknown_declaration_is_refused(stage: GatewayStage, name: str) -> None:
    status, answer = await file(stage, about(name, f"L{fresh()}"))
    assert (status, answer["code"], rules(answer)) == (422, "rule-violated", ["EX-R05"])
    assert answer["errors"][0]["value"]
    assert answer["errors"][0]["hint_zh"]


async def test_ex_r05_a_declaration_is_found_by_the_mrn_it_was_given_and_by_no_other(stage: GatewayStage) -> None:
    lrn, declared = await declare(stage)
    given, guessed = mrn(), mrn()
    await tell(stage, declared, "accepted", MRN=given)
    status, answer = await file(stage, by_mrn("invalidation", guessed))
    assert (status, rules(answer), answer["errors"][0]["value"]) == (422, ["EX-R05"], guessed)
    assert (await file(stage, by_mrn("invalidation", given)))[0] == 202
    both = about("invalidation", lrn).replace("</LRN>", f"</LRN><MRN>{guessed}</MRN>")
    assert rules((await file(stage, both))[1]) == ["EX-R05"]


async def test_ex_r05_lrn_and_mrn_must_name_one_declaration(stage: GatewayStage) -> None:
    (first, _), (_, second) = await declare(stage), await declare(stage)
    given = mrn()
    await tell(stage, second, "accepted", MRN=given)
    both = about("invalidation", first).replace("</LRN>", f"</LRN><MRN>{given}</MRN>")
    assert rules((await file(stage, both))[1]) == ["EX-R05"]


async def test_ex_r05_a_declaration_that_is_stored_by_the_same_transaction_is_known(stage: GatewayStage) -> None:
    await declare(stage)
    lrn = f"L{fresh()}"
    documents = [declaration(lrn), about("presentation", lrn)]
    filed = await asyncio.gather(*[stage.parts.intake.file(await submission(stage, one)) for one in documents])
    assert [len(one.declaration_ids) for one in filed] == [1, 1]


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


async def test_ex_r05b_what_is_not_released_does_not_leave(stage: GatewayStage) -> None:
    lrn, declared = await declare(stage)
    await tell(stage, declared, "accepted")
    status, answer = await file(stage, about("exit_confirmation", lrn))
    assert (status, rules(answer), answer["errors"][0]["value"]) == (422, ["EX-R05B"], "accepted")


@pytest.mark.parametrize("name", ["arrival_at_exit", "exit_confirmation", "amendment"])
async def test_ex_r05b_a_released_declaration_takes_what_follows_release(stage: GatewayStage, name: str) -> None:
    lrn, declared = await declare(stage)
    await tell(stage, declared, "released")
    assert (await file(stage, about(name, lrn)))[0] == 202


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


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        (("<LRN>{lrn}</LRN>\n    <UCR>", "<LRN>OTHER</LRN>\n    <UCR>"), "reference"),
        (("CMR-EX-2026-00501", "CMR-EX-2026-00502"), "transport document 730 CMR-EX-2026-00501"),
    ],
)
async def test_ex_r48_an_amendment_keeps_lrn_and_transport_documents(
    stage: GatewayStage, changed: tuple[str, str], named: str
) -> None:
    lrn, _ = await declare(stage)
    document = about("amendment", lrn)
    amended = document.replace(changed[0].format(lrn=lrn), changed[1])
    assert amended != document
    status, answer = await file(stage, amended)
    assert (status, rules(answer), answer["errors"][0]["value"]) == (422, ["EX-R48"], named)
