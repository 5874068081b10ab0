"""The samples and the manifest of `ceb-2022`: one parcel out and partly back, and what the authority says of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path

import pytest
import pytest_asyncio
import xmlschema
from lxml import etree

from singlewindow.messages.judgement import JoinValue, Judgement, ResponseUnit
from singlewindow.messages.manifest import Root
from singlewindow.xsd.catalogue import Catalogue, load_catalogue
from singlewindow.xsd.judging import Door
from singlewindow.xsd.responses import read_response

SET = Path(__file__).parents[2] / "singlewindow/xsd/sets/ceb-2022"
NAMESPACES = {"ceb": "http://www.chinaport.gov.cn/ceb"}
EDITIONS = ("ceb-2018", "ceb-2022")

FLOW = {
    "order": "CEB303Message",
    "payment_receipt": "CEB403Message",
    "waybill": "CEB505Message",
    "arrival": "CEB507Message",
    "departure": "CEB509Message",
    "inventory": "CEB603Message",
    "inventory_cancellation": "CEB605Message",
    "consolidation": "CEB607Message",
    "summary_application": "CEB701Message",
    "return": "CEB213Message",
    "return_tally": "CEB215Message",
}
"""The samples by name, which is also the kind of the declaration in each."""


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


@pytest_asyncio.fixture
async def door(catalogue: Catalogue) -> AsyncIterator[Door]:
    door = Door(catalogue)
    yield door
    await door.close()


@pytest.fixture(scope="module")
def schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(SET / "ceb.xsd"))


@pytest.fixture(scope="module")
def second_schema() -> xmlschema.XMLSchema:
    return xmlschema.XMLSchema(SET / "ceb.xsd")


def read_sample(name: str) -> bytes:
    return (SET / f"samples/{name}.xml").read_bytes()


def texts(sample: str, *names: str) -> tuple[str, ...]:
    """The first text of each of the elements, wherever they stand."""
    root = etree.fromstring(read_sample(sample))
    return tuple(root.findtext(f".//ceb:{name}", default="", namespaces=NAMESPACES) for name in names)


def numbers(sample: str, name: str) -> Iterator[Decimal]:
    found = etree.fromstring(read_sample(sample)).iterfind(f".//ceb:{name}", NAMESPACES)
    return (Decimal(element.text or "") for element in found)


def read_answer(catalogue: Catalogue, document: bytes, edition: str = "ceb-2022") -> ResponseUnit:
    (said,) = read_response(catalogue, document, edition)
    return said


async def judge_empty_status(door: Door, sample: str, edition: str) -> Judgement:
    """A sample with an empty appStatus."""
    body = read_sample(f"valid/{sample}").replace(b"<appStatus>2</appStatus>", b"<appStatus/>")
    return await door.judge(body, editions=(edition,))


def test_the_valid_samples_are_one_of_each_request(catalogue: Catalogue) -> None:
    roots = catalogue.sets["ceb-2022"].message_set.roots.values()
    assert {path.stem for path in SET.glob("samples/valid/*")} == set(FLOW)
    assert {root.kind: root.name for root in roots if root.direction == "request"} == FLOW


@pytest.mark.parametrize("path", sorted(SET.glob("samples/[vr]*/*.xml")), ids=lambda path: path.stem)
def test_a_sample_is_valid_to_both_implementations(
    path: Path, schema: etree.XMLSchema, second_schema: xmlschema.XMLSchema
) -> None:
    schema.assertValid(etree.parse(path))
    second_schema.validate(path)


@pytest.mark.parametrize("kind", FLOW)
async def test_a_valid_sample_is_a_new_declaration_of_its_kind(kind: str, door: Door) -> None:
    judgement = await door.judge(read_sample(f"valid/{kind}"), editions=("ceb-2022",))
    (unit,) = judgement.units
    assert (judgement.message_set, judgement.root, judgement.direction) == ("ceb-2022", FLOW[kind], "request")
    assert (unit.kind, unit.action, unit.intent, unit.valid) == (kind, "new", "declare", True)
    assert all(unit.key.values())
    assert judgement.transfer_code in unit.issuers


async def test_three_mistakes_are_three_errors(door: Door) -> None:
    (unit,) = (await door.judge(read_sample("invalid/three_mistakes"), editions=("ceb-2022",))).units
    found = {problem.element for problem in unit.problems if problem.severity == "error"}
    assert found == {"ebpNmae", "goodsValue", "currency"}


def test_the_samples_are_about_one_parcel_and_its_return() -> None:
    order_key, waybill_key = ("ebpCode", "ebcCode", "orderNo"), ("logisticsCode", "logisticsNo")
    order, parcel = texts("valid/order", *order_key), texts("valid/waybill", *waybill_key)
    for sample in ("payment_receipt", "inventory"):
        assert texts(f"valid/{sample}", *order_key) == order
    for sample in ("inventory", "consolidation", "arrival", "departure"):
        assert texts(f"valid/{sample}", *waybill_key) == parcel, sample
    given = texts("response/accepted", "invtNo")
    for sample in ("inventory_cancellation", "summary_application", "return", "return_tally"):
        assert texts(f"valid/{sample}", "invtNo") == given, sample
    assert texts("valid/return", *waybill_key) == texts("valid/return_tally", *waybill_key)


def test_the_amounts_of_the_samples_add_up() -> None:
    (goods_value,), (freight,) = numbers("valid/order", "goodsValue"), numbers("valid/order", "freight")
    for sample in ("valid/order", "valid/inventory"):
        lines = zip(*(numbers(sample, name) for name in ("qty", "price", "totalPrice")), strict=True)
        assert all(quantity * price == total for quantity, price, total in lines), sample
        assert sum(numbers(sample, "totalPrice")) == goods_value, sample
    assert list(numbers("valid/payment_receipt", "charge")) == [goods_value + freight]
    assert next(numbers("valid/return", "qty")) < next(numbers("valid/inventory", "qty"))


async def test_a_return_and_its_tally_find_their_inventory_by_its_number(door: Door) -> None:
    for sample in ("return", "return_tally"):
        (unit,) = (await door.judge(read_sample(f"valid/{sample}"), editions=("ceb-2022",))).units
        assert unit.joins == (JoinValue("invtNo", texts("response/accepted", "invtNo")),)


async def test_a_tally_that_names_no_inventory_joins_none(door: Door) -> None:
    (number,) = texts("valid/return_tally", "invtNo")
    body = read_sample("valid/return_tally").replace(f"<invtNo>{number}</invtNo>".encode(), b"")
    (unit,) = (await door.judge(body, editions=("ceb-2022",))).units
    assert (unit.valid, unit.joins) == (True, ())


@pytest.mark.parametrize(
    ("sample", "in_2018", "in_2022"),
    [
        ("order", "declare", "save"),
        ("payment_receipt", "declare", "save"),
        ("waybill", "declare", "declare"),
        ("arrival", "save", "save"),
        ("summary_application", "declare", "declare"),
    ],
)
async def test_an_empty_status_means_what_its_edition_says(
    sample: str, in_2018: str, in_2022: str, catalogue: Catalogue
) -> None:
    for edition, meant in zip(EDITIONS, (in_2018, in_2022), strict=True):
        root = catalogue.sets[edition].message_set.roots[FLOW[sample]]
        assert root.intent is not None
        assert root.intent.meaning("") == meant


async def test_an_empty_status_of_an_order_saves_it_and_is_told(door: Door) -> None:
    (unit,) = (await judge_empty_status(door, "order", "ceb-2022")).units
    assert (unit.valid, unit.intent) == (True, "save")
    assert "ceb.effective-app-status" in {problem.code for problem in unit.problems}


async def test_an_empty_status_of_a_return_is_an_error(door: Door) -> None:
    (unit,) = (await judge_empty_status(door, "return", "ceb-2022")).units
    assert not unit.valid


@pytest.mark.parametrize(
    ("sample", "kind", "state", "given"),
    [
        (
            "accepted",
            "inventory",
            "accepted",
            {"preNo": "B20260420000000007", "invtNo": "46002026E00000000007"},
        ),
        ("return_released", "return", "released", {"preNo": "B20260601000000002"}),
        (
            "summary_result",
            "summary_application",
            "closed",
            {"sumNo": "S46002026000000007", "entryId": "460020260000000007"},
        ),
        (
            "unreadable",
            "format_failure",
            "rejected",
            {"oriCopMsgId": "8B0B6E0E-6A0C-4A63-9B35-3C0B3D0A7F11"},
        ),
    ],
)
def test_a_response_says_its_state_and_the_numbers_it_gives(
    sample: str, kind: str, state: str, given: dict[str, str], catalogue: Catalogue
) -> None:
    said = read_answer(catalogue, read_sample(f"response/{sample}"))
    assert (said.kind, said.state, said.numbers) == (kind, state, given)
    assert said.time is not None


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("1", "saved"), ("2", "submitted"), ("3", "submitted"), ("4", "retry"), ("100", "rejected"),
        ("120", "registered"), ("300", "under_control"), ("500", "under_control"), ("505", "detained"),
        ("600", "suspended"), ("800", "released"),
    ],
)  # fmt: skip
def test_every_status_of_a_return_is_a_state_of_ours(status: str, state: str, catalogue: Catalogue) -> None:
    released = read_sample("response/return_released")
    said = read_answer(catalogue, released.replace(b">800<", f">{status}<".encode()))
    assert (said.code, said.state) == (status, state)
    assert said.key == {"agentCode": "9999960005", "coElNo": "EXRET20260601002"}


def test_a_number_of_an_inventory_is_a_filler_before_it_is_accepted(catalogue: Catalogue) -> None:
    said = read_answer(catalogue, read_sample("response/accepted").replace(b">399<", b">120<"))
    assert "invtNo" not in said.numbers


def test_a_return_ends_when_it_is_released_and_a_tally_when_it_is_accepted(catalogue: Catalogue) -> None:
    message_set = catalogue.sets["ceb-2022"].message_set
    assert (message_set.kinds["return"].ends, message_set.kinds["return_tally"].ends) == (("released",), ("accepted",))
    (route,) = [route for route in message_set.routes if "return" in route.kinds]
    assert (route.ends, route.principal) == (("released",), True)


@pytest.mark.parametrize("edition", EDITIONS)
def test_a_format_failure_names_the_message_and_no_document_in_either_edition(
    edition: str, catalogue: Catalogue
) -> None:
    said = read_answer(catalogue, read_sample("response/unreadable"), edition)
    assert (said.key, said.code, said.state) == ({}, "-1", "rejected")
    assert [problem.message for problem in said.errors] == ["报文校验失败: The element orderNo is missing."]


async def test_a_format_failure_is_judged_as_a_response(door: Door) -> None:
    judgement = await door.judge(read_sample("response/unreadable"), editions=("ceb-2022",))
    (unit,) = judgement.units
    assert (judgement.direction, unit.valid) == ("response", True)
    assert unit.search == {"oriCopMsgId": ("8B0B6E0E-6A0C-4A63-9B35-3C0B3D0A7F11",)}


def test_the_editions_file_the_same_documents_under_the_same_keys(catalogue: Catalogue) -> None:
    older, newer = (catalogue.sets[edition].message_set for edition in EDITIONS)
    assert older.key_space == newer.key_space == "ceb"
    assert set(newer.roots) - set(older.roots) == {f"CEB{number}Message" for number in (213, 214, 215, 216)}
    for name, root in older.roots.items():
        assert _identity(root) == _identity(newer.roots[name]), name
    assert older.statuses == newer.statuses
    assert older.encodings == newer.encodings == ("gbk", "gb18030")


def _identity(root: Root) -> tuple[object, ...]:
    return root.kind, root.direction, root.unit, root.key, root.company_keys, root.issuer, root.joins, root.numbers
