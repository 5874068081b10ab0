"""Every code of the XML door is produced by a document here, with everything that mends it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from singlewindow.messages.judgement import Problem
from singlewindow.xsd.catalogue import Catalogue, load_catalogue
from singlewindow.xsd.error_codes import CODES, EXPLANATIONS
from singlewindow.xsd.judge_child import judge
from singlewindow.xsd.parser import Refused
from tests.unit.ceb_messages import INVENTORY, SETS, inventories, renamed, signed

FOUR_LEGS = (SETS / "export-1" / "samples" / "valid" / "four_legs.xml").read_bytes()
PLAIN_SET = """
name = "plain"
title = "A set whose schema has every kind of value"
prefix = "pl"
namespace = "urn:plain"
schema = "plain.xsd"

[statuses]

[holding]
policy = "off"

[kind.plain]
title = "plain"
ends = []

[[root]]
name = "Plain"
direction = "request"
kind = "plain"
unit = "."
key = { id = "@id" }
"""


def edit(pattern: str, replacement: str) -> bytes:
    changed, number = re.subn(pattern.encode(), replacement.encode(), INVENTORY, count=1, flags=re.DOTALL)
    assert number == 1
    return changed


def replaced(name: str, value: str) -> bytes:
    changed, number = re.subn(f"<{name}>[^<]*<".encode(), f"<{name}>{value}<".encode(), FOUR_LEGS, count=1)
    assert number == 1
    return changed


TELLING = {"allowed", "value"}
"""Members that an error about a value has; all have code, messages, pointer, line, column, element and hints."""

FOUND = {
    "xsd.unexpected-element": (edit("ebpName>(.*?)</ebpName", r"ebpNmae>\1</ebpNmae"), {"allowed"}),
    "xsd.missing-element": (edit("<portCode>.*?</portCode>", ""), {"allowed"}),
    "xsd.too-many": (edit("<ieFlag>", "<ieFlag>E</ieFlag><ieFlag>"), {"allowed"}),
    "xsd.unexpected-text": (edit("<InventoryHead>", "<InventoryHead>hello"), set()),
    "xsd.attribute-missing": (edit(' guid="[^"]*"', ""), set()),
    "xsd.attribute-unknown": (edit("<ieDate>", '<ieDate kind="x">'), set()),
    "xsd.min-length": (replaced("LRN", ""), TELLING),
    "xsd.max-length": (edit("<orderNo>.*?<", f"<orderNo>{'x' * 61}<"), TELLING),
    "xsd.length": (edit("<ieFlag>E<", "<ieFlag>EE<"), TELLING),
    "xsd.not-a-number": (edit("<packNo>.*?<", "<packNo>1O<"), TELLING),
    "xsd.total-digits": (edit("<freight>.*?<", "<freight>12345678901234567890<"), TELLING),
    "xsd.fraction-digits": (edit("<freight>.*?<", "<freight>1.123456<"), TELLING),
    "xsd.range": (replaced("GrossMass", "-1"), TELLING),
    "xsd.enumeration": (replaced("Mode", "9"), TELLING),
    "xsd.pattern": (replaced("PreparationDateTime", "2026-11-01T10:00:00"), TELLING),
    "xsd.not-a-date": (replaced("IssueDate", "2026/11/1"), TELLING),
    "xsd.not-unique": (replaced("LegNumber", "2"), {"value"}),
    "code-unknown": (edit("<appType>1", "<appType>9"), TELLING),
}
OF_A_WHOLE = {
    "message-stands-whole": signed(inventories(2, {1: renamed(b"portCode", b"prtCode")})),
    "schema-invalid": inventories(30, {n: renamed(b"portCode", b"prtCode") for n in range(1, 31)}),
}
REFUSED = {
    "empty-body": b" ",
    "not-well-formed": b"<a>",
    "bad-encoding": b"<a>\xff</a>",
    "unsupported-encoding": b'<?xml version="1.0" encoding="UTF-7"?><a/>',
    "xml-version": b'<?xml version="1.1"?><a/>',
    "dtd-forbidden": b"<!DOCTYPE a><a/>",
    "too-many-elements": b"<a>" + b"<b/>" * 1_100_000 + b"</a>",
    "too-large": INVENTORY.replace(
        b"<InventoryHead>", b"<InventoryHead>" + b" " * 8_000_000 + b"<guid/>" + b" " * 8_000_000
    ),
    "too-deep": b"<a>" * 65 + b"</a>" * 65,
    "too-many-attributes": b"<a " + b" ".join(b'x%d="1"' % n for n in range(257)) + b"/>",
    "unknown-root": b"<nobody/>",
    "xsi-type-forbidden": edit("<guid>", '<guid xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:type="x">'),
}
ELSEWHERE = {
    "too-complex": "tests/unit/test_judge_pool.py",
    "bad-base64": "tests/unit/test_envelopes.py",
    "nested-envelope": "tests/unit/test_envelopes.py",
}
"""Codes that need a judge child killed or an envelope opened, with where they are produced."""


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


def find(catalogue: Catalogue, body: bytes, code: str) -> Problem:
    judgement = judge(catalogue, body, ("ceb-2018",))
    told = [*judgement.problems, *(problem for unit in judgement.units for problem in unit.problems)]
    return next(problem for problem in told if problem.code == code)


@pytest.mark.parametrize("code", FOUND)
def test_an_error_says_all_that_mends_it(code: str, catalogue: Catalogue) -> None:
    body, telling = FOUND[code]
    problem = find(catalogue, body, code)
    assert problem.message
    assert problem.message_zh
    assert problem.hint
    assert problem.hint_zh
    assert problem.pointer
    assert problem.element
    assert problem.line
    assert problem.column
    assert problem.ordinal == (None if code == "xsd.attribute-missing" else 1)
    assert all(getattr(problem, name) is not None for name in telling), problem


@pytest.mark.parametrize("code", REFUSED)
def test_a_refused_body_gets_its_code(code: str, catalogue: Catalogue) -> None:
    with pytest.raises(Refused) as caught:
        judge(catalogue, REFUSED[code])
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("body", "hint", "hint_zh"),
    [
        (FOUND["xsd.unexpected-element"][0], "did you mean ebpName?", "是否应为 ebpName?"),
        (FOUND["xsd.not-a-number"][0], "did you mean 10?", "是否应为 10?"),
        (FOUND["xsd.not-a-date"][0], "did you mean 2026-11-01?", "是否应为 2026-11-01?"),
    ],
)
def test_the_nearest_lawful_spelling_is_asked_for(body: bytes, hint: str, hint_zh: str, catalogue: Catalogue) -> None:
    judgement = judge(catalogue, body, ("ceb-2018",))
    told = [problem for unit in judgement.units for problem in unit.problems if problem.rule is None]
    assert [(problem.hint, problem.hint_zh) for problem in told if problem.severity == "error"] == [(hint, hint_zh)]


def test_the_signed_and_the_many_get_the_codes_of_a_whole(catalogue: Catalogue) -> None:
    for code, body in OF_A_WHOLE.items():
        verdict = judge(catalogue, body, ("ceb-2018",), explained=code != "schema-invalid")
        told = {problem.code for problem in verdict.problems} | {"schema-invalid"}
        assert code in told


def test_values_that_no_shipped_schema_has_get_their_codes_too(tmp_path: Path) -> None:
    folder = tmp_path / "plain"
    folder.mkdir()
    (folder / "message-set.toml").write_text(PLAIN_SET)
    (folder / "plain.xsd").write_text(
        '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:plain"><xs:element name="Plain">'
        '<xs:complexType><xs:attribute name="id" type="xs:string"/><xs:attribute name="version" fixed="1.0"/>'
        '<xs:attribute name="sure" type="xs:boolean"/></xs:complexType></xs:element></xs:schema>'
    )
    catalogue = load_catalogue(tmp_path)
    fixed = find(catalogue, b'<Plain xmlns="urn:plain" id="1" version="2.0"/>', "xsd.fixed")
    assert (fixed.pointer, fixed.hint, fixed.hint_zh) == ("/Plain/@version", "write 1.0", "请填写 1.0")
    other = find(catalogue, b'<Plain xmlns="urn:plain" id="1" sure="perhaps"/>', "xsd.value")
    assert (other.value, other.allowed, other.line) == ("perhaps", "boolean", 1)


def test_every_code_is_produced_by_some_document() -> None:
    produced = FOUND.keys() | OF_A_WHOLE.keys() | REFUSED.keys() | ELSEWHERE.keys() | {"xsd.fixed", "xsd.value"}
    assert {code for code in CODES if not code.startswith("json.")} == produced
    for code, file in ELSEWHERE.items():
        assert code in (Path(__file__).parents[2] / file).read_text("utf-8")


def test_every_code_is_explained_in_both_languages() -> None:
    for code, told in EXPLANATIONS.items():
        assert told.en.endswith("."), code
        assert told.zh.endswith("。"), code
        assert (told.mend is None) == (told.mend_zh is None), code
        assert (told.wrong is None) == (told.right is None), code
