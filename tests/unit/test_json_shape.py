from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from singlewindow.errors import ConfigurationError
from singlewindow.xsd.catalogue import compile_schema
from singlewindow.xsd.explaining import build_schema
from singlewindow.xsd.json_mapping.pointers import json_pointer
from singlewindow.xsd.json_mapping.read_json import JsonRefused, to_xml
from singlewindow.xsd.json_mapping.shape import ElementShape, build_shape
from singlewindow.xsd.json_mapping.write_json import to_json
from singlewindow.xsd.parser import parse

OTHER = """
<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:other">
  <xs:element name="note" type="xs:string"/>
  <xs:attribute name="lang" type="xs:string"/>
</xs:schema>
"""
SCHEMA = """
<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns="urn:t" xmlns:t="urn:t" xmlns:o="urn:other"
           targetNamespace="urn:t">
  <xs:import namespace="urn:other" schemaLocation="other.xsd"/>
  <xs:element name="doc"><xs:complexType><xs:sequence>{content}</xs:sequence>{attributes}</xs:complexType></xs:element>
  <xs:group name="pair"><xs:sequence><xs:element name="a"/><xs:element name="b"/></xs:sequence></xs:group>
  <xs:complexType name="Box"><xs:sequence>
    <xs:element name="box" type="Box" minOccurs="0"/><xs:element name="label" type="xs:string" minOccurs="0"/>
  </xs:sequence></xs:complexType>
  <xs:element name="means" type="xs:string" abstract="true"/>
  <xs:element name="ship" type="xs:string" substitutionGroup="means"/>
  <xs:element name="train" type="xs:string" substitutionGroup="means"/>
  <xs:complexType name="Money"><xs:simpleContent><xs:extension base="xs:decimal">
    <xs:attribute name="currency" type="xs:string"/></xs:extension></xs:simpleContent></xs:complexType>
</xs:schema>
"""


def build(folder: Path, content: str, attributes: str = "") -> ElementShape:
    (folder / "other.xsd").write_text(OTHER)
    (folder / "main.xsd").write_text(SCHEMA.format(content=content, attributes=attributes))
    return build_shape(build_schema(folder / "main.xsd"), "doc")


def write(shape: ElementShape, members: Any) -> bytes:
    return to_xml(orjson.dumps({"doc": members}), shape)


def is_valid(folder: Path, document: bytes) -> bool:
    return compile_schema(folder / "main.xsd", folder).validate(parse(document))


def repeating(shape: ElementShape) -> dict[str, bool]:
    return {child.key: child.repeatable for child in shape.content.children}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('<xs:element name="a" maxOccurs="2"/><xs:element name="b"/>', {"a": True, "b": False}),
        ('<xs:element name="a"/><xs:element name="b"/><xs:element name="a"/>', {"a": True, "b": False}),
        ('<xs:choice><xs:element name="a"/><xs:element name="b"/></xs:choice>', {"a": False, "b": False}),
        (
            '<xs:choice maxOccurs="unbounded"><xs:element name="a"/><xs:element name="b"/></xs:choice>',
            {"a": True, "b": True},
        ),
        (
            '<xs:choice><xs:group ref="pair"/><xs:element name="b"/></xs:choice>',
            {"a": False, "b": False},
        ),
        ('<xs:element name="a" maxOccurs="0" minOccurs="0"/><xs:element name="b"/>', {"b": False}),
        ('<xs:element ref="means" maxOccurs="3"/>', {"ship": True, "train": True}),
    ],
)
def test_what_may_occur_more_than_once_is_repeatable(tmp_path: Path, content: str, expected: dict[str, bool]) -> None:
    assert repeating(build(tmp_path, content)) == expected


def test_elements_without_namespace_stay_without_it(tmp_path: Path) -> None:
    shape = build(tmp_path, '<xs:element name="a" type="xs:string"/><xs:element ref="o:note"/>')
    document = write(shape, {"a": "1", "note": "2"})
    assert is_valid(tmp_path, document)
    assert document.endswith(b'<t:doc xmlns:t="urn:t"><a>1</a><o:note xmlns:o="urn:other">2</o:note></t:doc>')


def test_siblings_of_one_local_name_are_told_apart_by_namespace(tmp_path: Path) -> None:
    shape = build(tmp_path, '<xs:element name="note" type="xs:string"/><xs:element ref="o:note"/>')
    message = {"note": "1", "{urn:other}note": "2"}
    document = write(shape, message)
    assert is_valid(tmp_path, document)
    assert orjson.loads(to_json(parse(document), shape)) == {"doc": message}


def test_attributes_of_a_namespace_are_read_and_written(tmp_path: Path) -> None:
    shape = build(tmp_path, "", '<xs:attribute name="id" type="xs:string"/><xs:attribute ref="o:lang"/>')
    message = {
        "@id": "1",
        "@lang": "en",
        "@{http://www.w3.org/2001/XMLSchema-instance}schemaLocation": "urn:t main.xsd",
    }
    document = write(shape, message)
    assert is_valid(tmp_path, document)
    assert orjson.loads(to_json(parse(document), shape)) == {"doc": message}


@pytest.mark.parametrize("name", ["@xmlns", "@{http://www.w3.org/2000/xmlns/}t", "@a b", "@{urn:x}", "@x:y", "@"])
def test_a_name_that_no_attribute_may_have_is_refused_where_any_is_allowed(tmp_path: Path, name: str) -> None:
    shape = build(tmp_path, "", '<xs:anyAttribute namespace="##any" processContents="skip"/>')
    with pytest.raises(JsonRefused) as caught:
        write(shape, {name: "urn:x"})
    assert caught.value.problems[0].code == "json.unknown-name"


def test_an_open_type_takes_attributes_of_any_name(tmp_path: Path) -> None:
    shape = build(tmp_path, "", '<xs:anyAttribute namespace="##any" processContents="skip"/>')
    message = {"@any": "1", "@{urn:x}other": "2"}
    assert orjson.loads(to_json(parse(write(shape, message)), shape)) == {"doc": message}


def test_text_with_declared_attributes_is_an_object_with_or_without_them(tmp_path: Path) -> None:
    shape = build(tmp_path, '<xs:element name="value" type="Money" maxOccurs="3"/>')
    amounts = [{"@currency": "EUR", "#text": "1.10"}, {"#text": "2.00"}]
    document = write(shape, {"value": amounts})
    assert is_valid(tmp_path, document)
    assert orjson.loads(to_json(parse(document), shape)) == {"doc": {"value": amounts}}
    assert write(shape, {"value": [amounts[0], "2.00"]}) == document


def test_raw_content_stands_where_the_schema_has_its_wildcard(tmp_path: Path) -> None:
    wildcard = '<xs:any namespace="##other" processContents="skip"/>'
    shape = build(tmp_path, f'<xs:element name="a" type="xs:string"/>{wildcard}<xs:element name="b" type="xs:string"/>')
    message = {"a": "1", "b": "2", "#xml": '<f:x xmlns:f="urn:f"/>'}
    document = write(shape, message)
    assert is_valid(tmp_path, document)
    assert orjson.loads(to_json(parse(document), shape)) == {"doc": message}


def test_a_type_may_contain_itself_down_to_the_deepest_level(tmp_path: Path) -> None:
    shape = build(tmp_path, '<xs:element name="box" type="Box"/>')
    message: dict[str, Any] = {"label": "innermost"}
    for _ in range(61):
        message = {"box": message}
    document = write(shape, {"box": message})
    assert orjson.loads(to_json(parse(document), shape)) == {"doc": {"box": message}}
    with pytest.raises(JsonRefused) as caught:
        write(shape, {"box": {"box": {"box": {"box": message}}}})
    assert caught.value.problems[0].code == "json.too-deep"
    assert json_pointer("/doc/box" + "/box" * 9, shape) == "/doc/box" + "/box" * 9


def test_alternating_elements_keep_their_order_within_each_name(tmp_path: Path) -> None:
    kinds = '<xs:element name="a" type="xs:string"/><xs:element name="b" type="xs:string"/>'
    shape = build(tmp_path, f'<xs:choice maxOccurs="unbounded">{kinds}</xs:choice>')
    document = b'<t:doc xmlns:t="urn:t"><b>1</b><a>2</a><b>3</b></t:doc>'
    message = orjson.loads(to_json(parse(document), shape))
    assert message == {"doc": {"b": ["1", "3"], "a": ["2"]}}
    assert [child.text for child in parse(to_xml(orjson.dumps(message), shape))] == ["2", "1", "3"]


def test_one_element_too_many_is_kept_as_raw_xml(tmp_path: Path) -> None:
    shape = build(tmp_path, '<xs:element name="a" type="xs:string"/>')
    document = b'<t:doc xmlns:t="urn:t"><a>1</a><a>2</a></t:doc>'
    message = to_json(parse(document), shape)
    assert orjson.loads(message) == {"doc": {"a": "1", "#xml": "<a>2</a>"}}
    assert [child.text for child in parse(to_xml(message, shape))] == ["1", "2"]


def test_a_root_that_the_schema_does_not_declare_is_a_configuration_error(tmp_path: Path) -> None:
    build(tmp_path, "")
    with pytest.raises(ConfigurationError, match="no element other"):
        build_shape(build_schema(tmp_path / "main.xsd"), "other")
