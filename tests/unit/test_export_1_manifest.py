"""What `export-1` makes of its messages: keys, facts, the plan of a four-leg declaration, and responses."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from singlewindow.messages.dossier import Dossier, Part
from singlewindow.messages.judgement import Judgement, Unit
from singlewindow.messages.lifecycle import STATES
from singlewindow.messages.routing import advance, plan
from singlewindow.xsd.catalogue import Catalogue, load_catalogue
from singlewindow.xsd.judging import Door
from singlewindow.xsd.responses import read_response

SAMPLES = Path(__file__).parents[2] / "singlewindow/xsd/sets/export-1/samples"
NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)
DECLARANT = "91320505MAEX00010P"
MRN = "26CN420000000005A6"

TARGET_KINDS = {
    "amendment": "amend",
    "invalidation": "invalidate",
    "presentation": "present",
    "arrival_at_exit": "arrive",
    "exit_confirmation": "exit",
    "additional_documents": "documents",
}


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


def sample(name: str) -> bytes:
    return (SAMPLES / f"{name}.xml").read_bytes()


def judge(catalogue: Catalogue, document: bytes) -> Judgement:
    async def judged() -> Judgement:
        door = Door(catalogue)
        try:
            return await door.judge(document)
        finally:
            await door.close()

    return asyncio.run(judged())


def read(catalogue: Catalogue, document: bytes) -> Unit:
    judgement = judge(catalogue, document)
    (unit,) = judgement.units
    assert not judgement.refused
    assert unit.valid
    return unit


def planned(catalogue: Catalogue, unit: Unit) -> Dossier:
    dossier = Dossier(
        uuid4(), uuid4(), "export-1", unit.kind, "new", "received", NOW, unit.facts, {}, [], None, False, None, []
    )  # fmt: skip
    plan(dossier, catalogue.sets["export-1"].message_set, NOW, uuid4)
    return dossier


def part(dossier: Dossier, action: str, leg: int | None = None) -> Part:
    (found,) = (one for one in dossier.parts if (one.action, one.leg) == (action, leg))
    return found


def hear(catalogue: Catalogue, dossier: Dossier, state: str, *parts: Part) -> list[str]:
    """The steps that become ready when these parts have come into the state."""
    dossier.ready.clear()
    for one in parts:
        dossier.enter(one, state, NOW)
    advance(dossier, catalogue.sets["export-1"].message_set, NOW)
    return sorted(one.action for one in dossier.ready)


def test_four_legs_is_read_as_four_legs_and_its_key(catalogue: Catalogue) -> None:
    unit = read(catalogue, sample("valid/four_legs"))
    assert unit.kind == "export"
    assert unit.key == {"declarant": DECLARANT, "LRN": "FOUR-LEGS-1"}
    assert unit.facts["reference"] == "FOUR-LEGS-1"
    assert unit.facts["inspection_requested"] is True
    legs = unit.facts["legs"]
    assert [(leg["number"], leg["stage"], leg["mode"], leg["crosses_border"]) for leg in legs] == [
        ("1", "pre", "3", "false"), ("2", "pre", "2", "false"), ("3", "main", "1", "true"), ("4", "on", "3", "false"),
    ]  # fmt: skip
    assert set(legs[2]) >= {"carrier", "from", "to", "departure", "arrival", "conveyance"}


def test_a_declaration_may_be_filed_by_declarant_or_representative(catalogue: Catalogue) -> None:
    assert read(catalogue, sample("valid/four_legs")).issuers == (DECLARANT, "91310115MAEX00029B")


@pytest.mark.parametrize("name", TARGET_KINDS)
def test_only_the_declarant_may_act_on_a_declaration(catalogue: Catalogue, name: str) -> None:
    """Sender and representative stand in the message itself: who may name himself there may not pass as the other."""
    unit = read(catalogue, sample(f"valid/{name}"))
    assert unit.issuers == (unit.key["declarant"],)


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("valid/*.xml")), ids=lambda path: path.stem)
def test_a_message_is_identified_by_its_own_reference(catalogue: Catalogue, path: Path) -> None:
    """One replacement of the LRN in a sample makes a message of its own, also by its identification."""
    unit = read(catalogue, path.read_bytes())
    lrn = unit.search["LRN"][0]
    verb = TARGET_KINDS.get(path.stem)
    expected = f"MSG-{verb.upper()}-{lrn}" if verb else f"MSG-{lrn}"
    assert f"<MessageIdentification>{expected}<".encode() in path.read_bytes()
    assert unit.key.get("MessageIdentification", expected) == expected


@pytest.mark.parametrize("name", TARGET_KINDS)
def test_what_follows_finds_its_declaration_by_lrn_and_by_mrn(catalogue: Catalogue, name: str) -> None:
    document = sample(f"valid/{name}")
    unit = read(catalogue, document)
    lrn = unit.search["LRN"][0].encode()
    by_lrn = [(join.name, join.values) for join in unit.joins]
    assert by_lrn == [("lrn", (unit.key["declarant"], lrn.decode()))]
    by_mrn = read(catalogue, document.replace(b"<LRN>" + lrn + b"</LRN>", f"<MRN>{MRN}</MRN>".encode(), 1))
    assert [(join.name, join.values) for join in by_mrn.joins] == [("mrn", (MRN,))]


def test_an_amendment_tells_the_same_facts_as_the_declaration_it_replaces(catalogue: Catalogue) -> None:
    before, after = (read(catalogue, sample(f"valid/{name}")) for name in ("four_legs", "amendment"))
    assert set(after.facts) == set(before.facts)
    assert after.facts["reference"] == "FOUR-LEGS-1"
    assert len(after.facts["legs"]) == 5
    message_set = catalogue.sets["export-1"].message_set
    assert message_set.kinds["amendment"].replaces


def test_the_header_is_no_part_of_the_content(catalogue: Catalogue) -> None:
    document = sample("valid/four_legs")
    again = document.replace(b">MSG-FOUR-LEGS-1<", b">MSG-AGAIN<").replace(b"15:00:00+08:00<", b"16:00:00+08:00<", 1)
    other = document.replace(b"<IncotermCode>CIF<", b"<IncotermCode>CIP<").replace(
        b"<DutyNatureCode>101<", b"<DutyNatureCode>299<"
    )
    hashes = [read(catalogue, one).content_sha256 for one in (document, again, other)]
    assert again != document
    assert hashes[0] == hashes[1] != hashes[2]


def test_inspection_and_bookings_come_before_customs(catalogue: Catalogue) -> None:
    dossier = planned(catalogue, read(catalogue, sample("valid/four_legs")))
    bookings = [part(dossier, "book", leg) for leg in (1, 2, 3, 4)]
    assert [booking.agency for booking in bookings] == ["road", "rail", "sea", "road"]
    assert sorted(one.action for one in dossier.ready) == ["book", "book", "book", "book", "inspect"]
    assert hear(catalogue, dossier, "accepted", *bookings) == []
    assert hear(catalogue, dossier, "accepted", part(dossier, "inspect")) == ["declare"]
    assert part(dossier, "declare").principal


def test_a_refused_booking_does_not_refuse_the_declaration(catalogue: Catalogue) -> None:
    dossier = planned(catalogue, read(catalogue, sample("valid/four_legs")))
    hear(catalogue, dossier, "accepted", part(dossier, "inspect"), *(part(dossier, "book", leg) for leg in (1, 2, 3)))
    assert hear(catalogue, dossier, "rejected", part(dossier, "book", 4)) == ["declare"]
    assert not STATES[dossier.state].negative


def test_release_goes_to_the_carriers_and_exit_follows_the_last_arrival(catalogue: Catalogue) -> None:
    dossier = planned(catalogue, read(catalogue, sample("valid/four_legs")))
    hear(catalogue, dossier, "accepted", *(one for one in dossier.parts if one.action in {"book", "inspect"}))
    assert hear(catalogue, dossier, "released", part(dossier, "declare")) == ["release"] * 4
    releases = [part(dossier, "release", leg) for leg in (1, 2, 3, 4)]
    assert hear(catalogue, dossier, "arrived", *releases[:3]) == []
    assert hear(catalogue, dossier, "arrived", releases[3]) == ["exit"]


def test_no_inspection_is_planned_where_none_is_asked_for(catalogue: Catalogue) -> None:
    document = sample("valid/four_legs").replace(b"<Requested>true<", b"<Requested>false<")
    dossier = planned(catalogue, read(catalogue, document))
    assert {one.action for one in dossier.parts} == {"book", "declare", "release", "exit"}


@pytest.mark.parametrize(("name", "action"), TARGET_KINDS.items())
def test_what_follows_goes_to_customs_under_its_own_action(catalogue: Catalogue, name: str, action: str) -> None:
    (step,) = planned(catalogue, read(catalogue, sample(f"valid/{name}"))).parts
    assert (step.agency, step.action, step.principal, step.state) == ("customs", action, True, "pending")


def test_a_release_is_read_with_its_numbers(catalogue: Catalogue) -> None:
    (unit,) = read_response(catalogue, sample("response/released"))
    assert unit.state == "released"
    assert unit.key == {"declarant": DECLARANT, "LRN": "FOUR-LEGS-1"}
    assert unit.time == "2026-11-20T07:00:01.187000Z"
    assert unit.numbers["MRN"] == MRN
    assert unit.numbers["inspection-certificate"] == unit.numbers["certificate"]


def test_a_rejection_is_read_with_every_error_and_its_place(catalogue: Catalogue) -> None:
    (unit,) = read_response(catalogue, sample("response/rejected"))
    assert unit.state == "rejected"
    assert [(error.severity, bool(error.message_zh), bool(error.value)) for error in unit.errors] == [
        ("error", True, True), ("warning", True, True),
    ]  # fmt: skip
    assert unit.errors[0].pointer == "/ExportDeclaration/GoodsItem[2]/CommodityCode/HSCode"


def test_every_state_a_response_may_name_is_one_of_ours(catalogue: Catalogue) -> None:
    statuses = catalogue.sets["export-1"].message_set.statuses
    for word, state in statuses.items():
        (unit,) = read_response(
            catalogue, sample("response/released").replace(b"<Status>released<", f"<Status>{word}<".encode())
        )
        assert unit.state == state == word
    assert set(statuses) <= set(STATES)
