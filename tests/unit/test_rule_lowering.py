"""Tests of rules lowered to Python mean what libxml2 takes them to mean, expression by expression."""

from __future__ import annotations

import random

import pytest
from lxml import etree

from singlewindow.xsd.outline import outline
from singlewindow.xsd.parser import Element
from singlewindow.xsd.rules.functions import make_functions
from singlewindow.xsd.rules.screen import Asked, Screen, build_screen

FUNCTIONS = make_functions({})
AT_UNIT = [
    "a = 1", "a != 1", "a < b", "a >= b", "a = b", "a != b", "not(a = b)", "a > '3'", "'x' = a", "2 <= a",
    "a + b = 3", "a * b > 2", "a - -b = 3", "a div b > 1", "a mod b = 1", "-a < 0", "a div 0 > 5", "0 div 0 = a",
    "1 = a = true()", "a", "not(a)", "boolean(a) = boolean(b)", "(a = 1) = (b = 1)", "a = true()", "count(a) > 1",
    "count(line) = 2", "sum(line/qty) = sum(a)", "sum(line/qty) > b", "string-length(a) = 1", "number(a) = number(b)",
    "string(a) = a", "normalize-space(a) = ''", "normalize-space(a) != ''", "a = normalize-space(a)",
    "string(a) = normalize-space(a)", "translate(a, '0123456789', '') = ''", "translate(a, 'ax', 'b') = 'b'",
    "translate(a, 'x', '') = string(a)", "translate(a, 'xax', 'pqr') != 'p'", "substring(a, 2) = '2'",
    "substring(a, 1, 1) = '1'", "substring(a, 0, 2) = '1'", "substring(a, b, 1) = '1'", "substring(a, 1.5) = '2'",
    "substring-before(a, '.') = '1'", "'' = substring-after(a, 'x')", "starts-with(a, '1')", "contains('1 2 x', a)",
    "contains(a, b)", "concat(a, '-', b) = '1-2'", "floor(a) = a", "round(a) = 2", "line[qty = 1]",
    "not(line[qty != position()])", "line[2]/qty = 1", "line[1]/qty != line[2]/qty", "count(line[qty > 1]) = 1",
    "line[qty = ../a]", "line[not(qty)]", "a[. = '1']", "a[. > 1]", "count(a[. = 1]) = 1",
    "line[qty = 1][part = 2]/part = 2", "line/part = line/qty", "not(line/part < line/qty)", "line/@no = '1'",
    "@no = 'u'", "not(@no)", "/*/unit/a = 1", "a = 1 or b = 1 and line", "sw:same(a, b)",
    "sw:same(sw:sum(line/qty), a, 0.5)", "sw:matches(a, '[0-9]+')", "sw:before(a, b)",
    "sw:product-is(a, b, line/qty, 0.01)", "sw:sum(line/qty) = '3'", "a = 1e0", "../unit/a = 1",
    "preceding-sibling::unit/a = a", "a = 1 or preceding-sibling::unit", "not(following-sibling::*/a = a)",
]  # fmt: skip
AT_LINE = [
    "qty = ../a", "qty = preceding-sibling::line/qty", "ancestor::*/a = qty", "../line[1]/qty = qty",
    "count(../line) = 2", "sum(../line/qty) > ../a", "../a != ../b", "parent::unit/a = qty", "self::line/qty = 1",
    "./qty = child::part",
]  # fmt: skip
AT_LEAF = [
    ". = 1", ". != ../a", ". > ../../b", ". = preceding-sibling::qty", "string-length() = 1", "normalize-space() = .",
    ". = ../part or . = ''", "number() > 1", "translate(., 'ab', '') = .", "not(. < 0)", "string(.) = '1'",
]  # fmt: skip
ASKED = [
    (f"/message/unit{below}", test)
    for below, tests in (("", AT_UNIT), ("/line", AT_LINE), ("/line/qty", AT_LEAF))
    for test in tests
]
TEXTS = ["1", "2", "3", "", "x", "1.5", "12", "-1", "a b", "1.", "xa", "0", "abc", "1 2 x", "1-2", "１", "007"]


def random_unit(chance: random.Random) -> Element:
    unit = etree.Element("unit")
    for name in ("a", "b"):
        for _ in range(chance.choice((0, 1, 1, 1, 2))):
            etree.SubElement(unit, name).text = chance.choice(TEXTS)
    for _ in range(chance.choice((0, 1, 2, 2, 3))):
        line = etree.SubElement(unit, "line")
        for name in chance.choice((("qty",), ("qty", "part"), ("part",), ("qty", "qty"))):
            etree.SubElement(line, name).text = chance.choice(TEXTS)
        if chance.random() < 0.3:
            line.set("no", chance.choice(TEXTS))
    if chance.random() < 0.3:
        unit.set("no", "u")
    return unit


def documents(count: int) -> list[Element]:
    chance = random.Random(7)
    found = []
    for _ in range(count):
        message = etree.Element("message")
        message.append(random_unit(chance))
        found.append(message)
    return found


DOCUMENTS = documents(150)


def screen_of(context: str, test: str) -> Screen:
    return build_screen([Asked(context, test, {"sw": "urn:singlewindow:functions"})], "message", ["unit"], FUNCTIONS)


@pytest.mark.parametrize(("context", "test"), ASKED)
def test_a_screen_suspects_exactly_what_xpath_finds_broken(context: str, test: str) -> None:
    screen = screen_of(context, test)
    broken = etree.XPath(
        f"boolean({context}[not({test})])", namespaces={"sw": "urn:singlewindow:functions"}, extensions=FUNCTIONS
    )
    for message in DOCUMENTS:
        suspected = bool(screen.beyond) or bool(screen.suspect(outline(message[0])[0]))
        assert suspected or not broken(message), etree.tostring(message)
        if not screen.beyond and is_exact(test):
            assert suspected == broken(message), etree.tostring(message)


def is_exact(test: str) -> bool:
    """Where the program knows less than the test asks, it may suspect more."""
    return not any(
        part in test
        for part in ("following-sibling", "preceding-sibling::unit", "/*/", "ancestor", "../unit", "::line")
    )


@pytest.mark.parametrize(
    "test",
    [
        "following-sibling::unit",
        "//unit",
        "id('a')",
        "a | b = 1",
        "(a)[1] = 1",
        "string(1) = a",
        "position() = 1",
        "$v = 1",
        "self::unit",
    ],
)
def test_what_cannot_be_lowered_is_left_to_xpath(test: str) -> None:
    assert screen_of("/message/unit", test).beyond == [0]


@pytest.mark.parametrize(
    "context", ["/message/other", "/message", "/message/unit[1]", "/message/unit/@no", "/message/unit/*"]
)
def test_contexts_that_are_not_below_a_declaration_are_left_to_xpath(context: str) -> None:
    assert screen_of(context, "a = 1").beyond == [0]


def test_an_unknown_half_of_a_test_leaves_the_known_one_to_screen_by() -> None:
    screen = screen_of("/message/unit", "a = 1 or following-sibling::unit")
    assert not screen.beyond
    message = etree.fromstring("<message><unit><a>1</a></unit><unit><a>2</a></unit></message>")
    assert [len(screen.suspect(outline(unit)[0])) for unit in message] == [0, 1]


def test_no_text_of_a_rule_can_become_part_of_the_program() -> None:
    hostile = "a = \"'] or __import__('os').abort() or ['\""
    assert screen_of("/message/unit", hostile).suspect(outline(DOCUMENTS[0][0])[0])
