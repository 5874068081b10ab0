from __future__ import annotations

import time
from pathlib import Path

import pytest
import xmlschema
from lxml import etree

from singlewindow.xsd.catalogue import compile_schema
from singlewindow.xsd.explaining import Explainer, build_schema
from singlewindow.xsd.parser import parse
from singlewindow.xsd.plain_errors import read_errors
from singlewindow.xsd.schema_version import wants_xsd_1_1
from singlewindow.xsd.second_opinion import second_opinion
from singlewindow.xsd.streaming import CROWD, is_crowded
from singlewindow.xsd.validity import is_valid

SCHEMA = b"""<?xml version="1.0"?>
<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:t" xmlns="urn:t"
  elementFormDefault="qualified">
  <xs:simpleType name="Day"><xs:restriction base="xs:date"><xs:minInclusive value="2020-01-01"/></xs:restriction>
  </xs:simpleType>
  <xs:simpleType name="Word"><xs:restriction base="xs:string"><xs:pattern value="[a-z]+"/></xs:restriction>
  </xs:simpleType>
  <xs:element name="r"><xs:complexType><xs:choice minOccurs="0" maxOccurs="unbounded">
    <xs:element name="date" type="xs:date"/><xs:element name="moment" type="xs:dateTime"/>
    <xs:element name="time" type="xs:time"/><xs:element name="year" type="xs:gYear"/>
    <xs:element name="lasts" type="xs:duration"/><xs:element name="day" type="Day"/>
    <xs:element name="word" type="Word"/>
    <xs:element name="number" type="xs:int"/>
    <xs:element name="part"><xs:complexType><xs:sequence><xs:element name="number" type="xs:int"/></xs:sequence>
      <xs:attribute name="on" type="xs:date"/></xs:complexType></xs:element>
  </xs:choice></xs:complexType>
  <xs:unique name="one"><xs:selector xpath="day"/><xs:field xpath="."/></xs:unique></xs:element>
</xs:schema>"""


@pytest.fixture(scope="module")
def schema_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("schema") / "t.xsd"
    file.write_bytes(SCHEMA)
    return file


@pytest.fixture(scope="module")
def schema(schema_file: Path) -> etree.XMLSchema:
    return compile_schema(schema_file, schema_file.parent)


def element_at(root: etree._Element, path: str) -> etree._Element:
    found = root.xpath(path)
    assert isinstance(found, list)
    (element,) = found
    assert isinstance(element, etree._Element)
    return element


def document(content: str) -> etree._Element:
    return parse(f'<r xmlns="urn:t">{content}</r>'.encode())


PADDED = [
    "<date> 2026-11-01 </date>", "<date>\n2026-11-01\t</date>", "<moment> 2026-11-01T10:00:00Z</moment>",
    "<time>10:00:00 </time>", "<year> 2026 </year>", "<lasts> P1D </lasts>", "<day> 2026-11-01 </day>",
    '<part on=" 2026-11-01 "><number> 1 </number></part>', "<date> 2026-11-01 </date><day> 2026-11-02 </day>",
]  # fmt: skip


@pytest.mark.parametrize("content", PADDED)
@pytest.mark.parametrize("crowd", ["", "<number>1</number>" * (CROWD + 1)], ids=["alone", "in a crowd"])
def test_white_space_around_a_date_does_not_refuse_a_document(
    content: str, crowd: str, schema: etree.XMLSchema, schema_file: Path
) -> None:
    root = document(content + crowd)
    assert is_crowded(root) == bool(crowd)
    assert not schema.validate(root)  # libxml2's fault, which this is all about
    before = etree.tostring(root)
    assert is_valid(schema, root)
    assert etree.tostring(root) == before
    assert Explainer(build_schema(schema_file))(root) == []


@pytest.mark.parametrize(
    "content",
    [
        "<date> 2026-13-01 </date>", "<date> </date>", "<day> 2019-01-01 </day>", "<date>\u00a02026-11-01</date>",
        "<date> 2026-11-01 </date><word> ab </word>", "<date> 2026-11-01 </date><number>x</number>",
        "<date> 2026-11-01 </date><none/>",
    ],
)  # fmt: skip
@pytest.mark.parametrize("crowd", ["", "<number>1</number>" * (CROWD + 1)], ids=["alone", "in a crowd"])
def test_a_second_opinion_takes_nothing_that_is_wrong(content: str, crowd: str, schema: etree.XMLSchema) -> None:
    root = document(content + crowd)
    assert not is_valid(schema, root)
    found = read_errors(schema, root)
    assert len(found) == 1
    assert "' 2026-11-01 '" not in found[0].message


def test_a_second_opinion_is_not_asked_where_no_date_was_refused(schema: etree.XMLSchema) -> None:
    root = document("<number>x</number>")
    assert not schema.validate(root)
    assert not second_opinion(schema, root)
    assert "'x'" in read_errors(schema, root)[0].message


def test_errors_in_a_crowd_have_their_places(schema: etree.XMLSchema) -> None:
    root = document("<number>1</number>" * CROWD + "<number>x</number><part><number>y</number></part><none/>")
    assert not is_valid(schema, root)
    found = read_errors(schema, root)
    assert [etree.QName(element_at(root, error.path)).localname for error in found] == ["number", "number", "none"]
    within = read_errors(schema, root, within=root[CROWD + 1])
    assert [element_at(root, error.path).text for error in within] == ["y"]


@pytest.mark.parametrize("content", ["<number>x</number>", "<part><number>x</number></part>", "<part/>"])
def test_a_hundred_thousand_errors_cost_in_proportion_to_ten_thousand(content: str, schema: etree.XMLSchema) -> None:
    """Counting siblings for each error, which takes the square of their number, would cost a hundred times as much."""

    def spend(root: etree._Element) -> float:
        start = time.process_time()
        assert not is_valid(schema, root)
        assert len(read_errors(schema, root, most=200)) == 200
        return time.process_time() - start

    few, many = document(content * 10_000), document(content * 100_000)
    spend(few)
    assert min(spend(many) for _ in range(2)) < 40 * min(spend(few) for _ in range(3))


def test_a_crowd_of_lawful_elements_is_taken(schema: etree.XMLSchema) -> None:
    assert is_valid(schema, document("<number>1</number>" * 20_000))


VERSIONED = """<?xml version="1.0"?>
<s:schema xmlns:s="http://www.w3.org/2001/XMLSchema" {attributes}>{content}</s:schema>"""
VERSIONING = "http://www.w3.org/2007/XMLSchema-versioning"
ELEMENT = '<s:element name="a" type="s:int"/>'


@pytest.mark.parametrize(
    "attributes",
    [
        f'xmlns:vc="{VERSIONING}" vc:minVersion="1.1"',
        f"xmlns:v='{VERSIONING}' v:minVersion = '1.1'",
    ],
)
def test_a_schema_for_xsd_1_1_loads_and_judges_in_both(attributes: str, tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "a.xsd").write_text(VERSIONED.format(attributes=attributes, content=ELEMENT))
    entry = tmp_path / "entry.xsd"
    entry.write_text(VERSIONED.format(attributes="", content='<s:include schemaLocation="parts/a.xsd"/>'))
    for file in (tmp_path / "parts" / "a.xsd", entry):
        first, second = compile_schema(file, file.parent), build_schema(file)
        assert isinstance(second, xmlschema.XMLSchema11)
        for body, taken in (("<a>1</a>", True), ("<a>x</a>", False)):
            root = etree.fromstring(body)
            assert is_valid(first, root) == taken
            assert (Explainer(second)(root) == []) == taken


def test_a_schema_that_takes_itself_in_or_names_nothing_near_is_read_once(tmp_path: Path) -> None:
    entry = tmp_path / "entry.xsd"
    names = ("entry.xsd", "http://127.0.0.1:1/x.xsd", "../../etc/passwd", "absent.xsd")
    content = "".join(f'<s:include schemaLocation="{name}"/>' for name in names)
    entry.write_text(VERSIONED.format(attributes="", content=content))
    assert not wants_xsd_1_1(entry)
