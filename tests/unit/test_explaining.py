from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from lxml import etree

from singlewindow.messages.judgement import Judgement, Problem
from singlewindow.xsd.catalogue import Catalogue, load_catalogue
from singlewindow.xsd.error_codes import CODES
from singlewindow.xsd.findings import wrong_value
from singlewindow.xsd.judge_child import judge
from singlewindow.xsd.parser import Refused
from singlewindow.xsd.places import Places
from tests.unit.ceb_messages import INVENTORY, SAMPLES, SETS, inventories, renamed

EXPORT = SETS / "export-1" / "samples"
FOUR_LEGS = (EXPORT / "valid" / "four_legs.xml").read_bytes()


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


def errors(judgement: Judgement) -> list[Problem]:
    """The errors of the schema; what rules find has tests of its own."""
    told = [*judgement.problems, *(problem for unit in judgement.units for problem in unit.problems)]
    return [problem for problem in told if problem.rule is None and problem.severity == "error"]


def explain(catalogue: Catalogue, body: bytes) -> list[Problem]:
    found = errors(judge(catalogue, body, ("ceb-2018",)))
    assert {problem.code for problem in found} <= CODES.keys()
    return found


def only(catalogue: Catalogue, body: bytes) -> Problem:
    (problem,) = explain(catalogue, body)
    return problem


def line_of(body: bytes, fragment: bytes) -> int:
    return body[: body.index(fragment)].count(b"\n") + 1


def test_three_mistakes_in_one_order_are_exactly_three_errors(catalogue: Catalogue) -> None:
    body = (SAMPLES / "invalid" / "three_mistakes.xml").read_bytes()
    found = explain(catalogue, body)
    assert [(one.code, one.element, one.value) for one in found] == [
        ("xsd.unexpected-element", "ebpNmae", None),
        ("xsd.not-a-number", "goodsValue", "25O.00"),
        ("xsd.length", "currency", "14"),
    ]
    assert [one.pointer for one in found] == [
        "/CEB303Message/Order[1]/OrderHead/ebpNmae",
        "/CEB303Message/Order[1]/OrderHead/goodsValue",
        "/CEB303Message/Order[1]/OrderList[2]/currency",
    ]
    assert [one.line for one in found] == [
        line_of(body, b"<ebpNmae"), line_of(body, b"25O.00"), line_of(body, b"<currency>14<"),
    ]  # fmt: skip
    assert all(one.column and one.ordinal == 1 and one.message_zh for one in found)
    assert found[0].hint == "did you mean ebpName?"
    assert found[1].allowed == "decimal, at most 19 digits, 5 of them after the point"
    assert found[2].allowed == "string, exactly 3 characters"


def test_three_mistakes_in_one_export_declaration_are_exactly_three_errors(catalogue: Catalogue) -> None:
    found = explain(catalogue, (EXPORT / "invalid" / "three_mistakes.xml").read_bytes())
    assert [one.code for one in found] == ["xsd.unexpected-element", "xsd.not-a-number", "xsd.length"]
    assert len({(one.line, one.column, one.pointer) for one in found}) == 3


@pytest.mark.parametrize("file", sorted((EXPORT / "invalid").glob("*.xml")), ids=lambda file: file.stem)
def test_every_shipped_invalid_sample_is_explained(file: Path, catalogue: Catalogue) -> None:
    found = explain(catalogue, file.read_bytes())
    assert found
    assert all(one.line and one.column and one.pointer for one in found)


def test_the_column_counts_characters_and_the_line_the_bytes_as_received(catalogue: Catalogue) -> None:
    body = INVENTORY.replace(b"<ieFlag>E</ieFlag>", "<note>电子产品</note><ieFlag>EE</ieFlag>".encode())
    wrong = [one for one in explain(catalogue, body) if one.code == "xsd.length"]
    assert [(one.line, one.column) for one in wrong] == [(line_of(body, b"<ieFlag>"), 24)]


def edit(pattern: str, replacement: str) -> bytes:
    changed, number = re.subn(pattern.encode(), replacement.encode(), INVENTORY, count=1, flags=re.DOTALL)
    assert number == 1
    return changed


@pytest.mark.parametrize(
    ("body", "code", "pointer", "hint"),
    [
        (edit("<portCode>.*?</portCode>", ""), "xsd.missing-element", "portCode", "add portCode"),
        (edit("<netWeight>.*?</netWeight>", ""), "xsd.missing-element", "netWeight", "add netWeight"),
        (edit("<ieFlag>", "<ieFlag>E</ieFlag><ieFlag>"), "xsd.too-many", "ieFlag[2]", "remove what is too many"),
        (edit("<ieFlag>", "<zzz/><ieFlag>"), "xsd.unexpected-element", "zzz", "ieFlag is expected here"),
        (
            edit("(<ieFlag>.*?</ieFlag>)(.*?)(<portCode>.*?</portCode>)", r"\3\2\1"),
            "xsd.unexpected-element", "portCode", "put ieFlag before portCode",
        ),
        (edit("<orderNo>", '<orderNo xmlns="">'), "xsd.unexpected-element", "orderNo", "belongs in the namespace"),
        (edit("<ieDate>", '<ieDate kind="x">'), "xsd.attribute-unknown", "ieDate/@kind", "remove it"),
        (edit("<packNo>.*?<", "<packNo>1,5<"), "xsd.not-a-number", "packNo", None),
        (edit("<freight>.*?<", "<freight>1.123456<"), "xsd.fraction-digits", "freight", None),
        (edit("<freight>.*?<", "<freight>12345678901234567890<"), "xsd.total-digits", "freight", None),
        (edit("<orderNo>.*?<", "<orderNo><"), "xsd.min-length", "orderNo", None),
        (edit("<orderNo>.*?<", f"<orderNo>{'x' * 61}<"), "xsd.max-length", "orderNo", None),
        (edit("<appType>1", "<appType>9"), "code-unknown", "appType", None),
    ],
)  # fmt: skip
def test_one_mistake_is_one_error_with_its_code_and_place(
    body: bytes, code: str, pointer: str, hint: str | None, catalogue: Catalogue
) -> None:
    problem = only(catalogue, body)
    assert problem.code == code
    assert problem.pointer == f"/CEB603Message/Inventory[1]/InventoryHead/{pointer}"
    assert problem.line
    assert hint is None or hint in (problem.hint or "")


def replaced(name: str, value: str) -> bytes:
    changed, number = re.subn(f"<{name}>[^<]*<".encode(), f"<{name}>{value}<".encode(), FOUR_LEGS, count=1)
    assert number == 1
    return changed


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("IssueDate", "2026-13-01", "xsd.not-a-date"),
        ("PreparationDateTime", "2026-11-01T10:00:00", "xsd.pattern"),
        ("Mode", "9", "xsd.enumeration"),
        ("NumberOfItems", "1x", "xsd.not-a-number"),
        ("GrossMass", "-1", "xsd.range"),
        ("LegNumber", "2", "xsd.not-unique"),
    ],
)
def test_every_kind_of_value_has_its_code(name: str, value: str, code: str, catalogue: Catalogue) -> None:
    problem = only(catalogue, replaced(name, value))
    assert problem.code == code
    assert problem.allowed or code == "xsd.not-unique"


def test_a_missing_attribute_and_text_between_elements_are_told(catalogue: Catalogue) -> None:
    assert only(catalogue, edit(' guid="[^"]*"', "")).code == "xsd.attribute-missing"
    assert only(catalogue, edit("<InventoryHead>", "<InventoryHead>hello")).code == "xsd.unexpected-text"


def test_all_mistakes_in_the_order_of_one_element_are_found(catalogue: Catalogue) -> None:
    body = inventories(1, {1: (*renamed(b"orderNo", b"ordrNo"), *renamed(b"portCode", b"prtCode"))})
    body = body.replace(b"<ieFlag>E</ieFlag>", b"").replace(b"<packNo>1</packNo>", b"<packNo>one</packNo>")
    assert [(one.code, one.element) for one in explain(catalogue, body)] == [
        ("xsd.unexpected-element", "ordrNo"),
        ("xsd.unexpected-element", "prtCode"),
        ("xsd.missing-element", "ieFlag"),
        ("xsd.not-a-number", "packNo"),
    ]


def test_a_personal_value_is_masked_wherever_it_would_show(catalogue: Catalogue) -> None:
    waybill = (SAMPLES / "valid" / "waybill.xml").read_bytes()
    secret = "1" * 51
    body = waybill.replace(b"</ebcName>", b"</ebcName><ebcTelephone>" + secret.encode() + b"</ebcTelephone>")
    problem = only(catalogue, body)
    assert problem.value == "***"
    assert secret not in repr(problem)


def test_a_long_value_is_cut_to_eighty_characters(catalogue: Catalogue) -> None:
    problem = only(catalogue, edit("<orderNo>.*?<", f"<orderNo>{'n' * 90}<"))
    assert len(problem.value or "") == 80


@pytest.mark.parametrize("file", ["ceb-2018/samples/invalid/three_mistakes", "export-1/samples/invalid/code_too_short"])
def test_without_an_explanation_libxml2s_errors_have_the_same_codes(file: str, catalogue: Catalogue) -> None:
    body = (SETS / f"{file}.xml").read_bytes()
    plain = judge(catalogue, body, explained=False)
    explained = {(one.code, one.pointer, one.line, one.column) for one in explain(catalogue, body)}
    assert plain.truncated
    assert {(one.code, one.pointer, one.line, one.column) for one in errors(plain)} <= explained


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [("GrossMass", "x", "xsd.not-a-number"), ("IssueDate", "x", "xsd.not-a-date"), ("Mode", "9", "xsd.enumeration"),
     ("NumberOfItems", "1x", "xsd.not-a-number"), ("LRN", "", "xsd.min-length")],
)  # fmt: skip
def test_libxml2s_own_errors_get_the_code_of_their_value(
    name: str, value: str, code: str, catalogue: Catalogue
) -> None:
    plain = judge(catalogue, replaced(name, value), explained=False)
    assert errors(plain)[0].code == code


def test_no_more_than_two_hundred_errors_are_told_and_the_answer_says_so(catalogue: Catalogue) -> None:
    body = inventories(20, lines=20).replace(b"<qty>", b"<qty>x")
    judgement = judge(catalogue, body)
    assert judgement.truncated
    told = [problem for problem in errors(judgement) if problem.severity == "error"]
    assert 200 <= len(told) <= 220
    assert not any(unit.valid for unit in judgement.units)


def in_gbk(body: bytes) -> bytes:
    return body.decode().replace('encoding="UTF-8"', 'encoding="GBK"', 1).encode("gbk")


def test_a_message_in_gbk_is_judged_like_the_same_in_utf_8(catalogue: Catalogue) -> None:
    body = INVENTORY.replace(b"<ieFlag>E</ieFlag>", "<note>电子产品</note><ieFlag>EE</ieFlag>".encode())
    assert explain(catalogue, in_gbk(body)) == explain(catalogue, body)
    one, other = (judge(catalogue, message, ("ceb-2018",)).units for message in (INVENTORY, in_gbk(INVENTORY)))
    assert [unit.content_sha256 for unit in one] == [unit.content_sha256 for unit in other]


def test_a_set_that_does_not_take_gbk_refuses_it(catalogue: Catalogue) -> None:
    with pytest.raises(Refused) as caught:
        judge(catalogue, in_gbk(FOUR_LEGS.replace("ß".encode(), b"s")))
    assert caught.value.status == 415


def test_a_misspelt_code_is_asked_for_by_its_nearest_spelling(catalogue: Catalogue) -> None:
    for explained in (True, False):
        found = errors(judge(catalogue, replaced("AdditionalDeclarationType", "a"), explained=explained))
        assert [one.code for one in found] == ["xsd.enumeration"]
        assert (found[0].hint, found[0].hint_zh) == ("did you mean A?", "是否应为 A?")


def test_a_personal_value_is_not_repeated_in_the_question_what_was_meant() -> None:
    body = b"<a><phone>13O</phone></a>"
    root = etree.fromstring(body)
    finding = wrong_value(root[0], "number", "", value="13O")
    assert finding.hint == "did you mean 130?"
    problem = Places(root, body, repeatable=frozenset(), personal=frozenset({"phone"})).place(finding, 1)
    assert (problem.value, problem.hint, problem.hint_zh) == ("***", None, None)


def test_ten_times_the_errors_cost_no_more_than_in_proportion_and_are_cut(catalogue: Catalogue) -> None:
    explain(catalogue, edit("<ieFlag>E", "<ieFlag>EE"))  # the schema that explains is built
    body = edit("<InventoryList>.*</InventoryList>", "<InventoryList/>" * 100_000)
    tenth = edit("<InventoryList>.*</InventoryList>", "<InventoryList/>" * 10_000)
    start = time.process_time()
    judge(catalogue, tenth, ("ceb-2018",))
    middle = time.process_time()
    judgement = judge(catalogue, body, ("ceb-2018",))
    # counting siblings for each error, as lxml does, would cost a hundred times the tenth
    assert time.process_time() - middle < 30 * (middle - start)
    assert judgement.truncated
    assert errors(judgement)[0].pointer == "/CEB603Message/Inventory[1]/InventoryList[1]/gnum"
