from __future__ import annotations

from collections.abc import Iterator
from decimal import Context
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from singlewindow.xsd.catalogue import BUILT_IN, compile_schema
from singlewindow.xsd.explaining import Schema, build_schema
from singlewindow.xsd.findings import local
from singlewindow.xsd.json_mapping.pointers import json_pointer
from singlewindow.xsd.json_mapping.read_json import read_json_root, to_xml
from singlewindow.xsd.json_mapping.shape import ElementShape, build_shape
from singlewindow.xsd.json_mapping.write_json import to_json
from singlewindow.xsd.outline import outline
from singlewindow.xsd.parser import Element, parse

SCHEMAS = {"ceb-2018": "ceb.xsd", "ceb-2022": "ceb.xsd", "export-1": "export.xsd"}
SAMPLES = sorted(file for name in SCHEMAS for file in BUILT_IN.glob(f"{name}/samples/*/*.xml"))
LAWFUL = [file for file in SAMPLES if file.parent.name != "invalid"]
NCTS = ("cc007c", "cc015c", "cc170c")
RAW = '<f:x xmlns:f="urn:f" a="1">text<y>&amp;</y></f:x>'
DEEPEST = 8

# what XML can hold, and what it must escape
CHARACTERS = st.characters(exclude_categories=("Cs", "Cc", "Cn"), include_characters="\t\n\r<>&\"'中文𠮷")
TEXTS = st.text(CHARACTERS, max_size=12)
DECIMALS = st.from_regex(r"-?(0|[1-9][0-9]{0,18})(\.[0-9]{1,19})?([eE][+-]?[0-9]{1,2})?", fullmatch=True)


@cache
def schema(path: Path) -> Schema:
    return build_schema(path)


@cache
def shape(path: Path, root: str) -> ElementShape:
    return build_shape(schema(path), root)


def shape_of(sample: Path) -> ElementShape:
    message_set = sample.relative_to(BUILT_IN).parts[0]
    return shape(BUILT_IN / message_set / SCHEMAS[message_set], local(parse(sample.read_bytes()).tag))


@st.composite
def contents(draw: st.DrawFn, of: ElementShape, depth: int = 1) -> Any:
    """A canonical value of an element: what its shape allows, whatever its values and counts."""
    content = of.content
    attributes = {f"@{key}": draw(TEXTS) for key in content.attributes if draw(st.booleans())}
    if content.text != "elements":
        text = draw(TEXTS)
        return {**attributes, "#text": text} if content.attributes else text
    members: dict[str, Any] = attributes
    few = st.lists(st.sampled_from(content.children), unique_by=lambda one: one.key, max_size=4)
    for child in draw(few) if content.children and depth < DEEPEST else ():
        one = contents(child, depth + 1)
        members[child.key] = draw(st.lists(one, min_size=1, max_size=2) if child.repeatable else one)
    if content.wildcard is not None and draw(st.booleans()):
        members["#xml"] = RAW
    return members


def check_identity(of: ElementShape, value: Any) -> None:
    message = {of.name: value}
    body = orjson.dumps(message)
    assert read_json_root(body) == of.name
    document = to_xml(body, of)
    assert orjson.loads(to_json(parse(document), of)) == message
    assert to_xml(to_json(parse(document), of), of) == document


relaxed = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@relaxed
@given(st.data())
@pytest.mark.parametrize("root", ["CEB603Message", "CEB303Message", "CEB701Message", "CEB604Message"])
def test_json_of_the_commerce_messages_survives_the_way_through_xml(root: str, data: st.DataObject) -> None:
    of = shape(BUILT_IN / "ceb-2018" / "ceb.xsd", root)
    check_identity(of, data.draw(contents(of)))


@relaxed
@given(st.data())
@pytest.mark.parametrize("root", ["ExportDeclaration", "Amendment", "ArrivalAtExit", "Response"])
def test_json_of_the_export_messages_survives_the_way_through_xml(root: str, data: st.DataObject) -> None:
    of = shape(BUILT_IN / "export-1" / "export.xsd", root)
    check_identity(of, data.draw(contents(of)))


@relaxed
@given(st.data())
def test_json_of_a_transit_declaration_survives_the_way_through_xml(shared_samples: Path, data: st.DataObject) -> None:
    of = shape(shared_samples / "ncts5" / "xsd" / "cc015c.xsd", "CC015C")
    check_identity(of, data.draw(contents(of)))


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda file: f"{file.parts[-4]}/{file.stem}")
def test_no_text_of_a_sample_is_lost_on_the_way_through_json(sample: Path) -> None:
    of, root = shape_of(sample), parse(sample.read_bytes())
    document = parse(to_xml(to_json(root, of), of))
    assert sorted(texts(document)) == sorted(texts(root))
    # what the shape does not know moves to the end and takes the prefixes of its new place; then nothing moves
    message = to_json(document, of)
    assert to_json(parse(to_xml(message, of)), of) == message


@pytest.mark.parametrize("sample", LAWFUL, ids=lambda file: f"{file.parts[-4]}/{file.stem}")
def test_a_lawful_sample_survives_the_way_through_json(sample: Path) -> None:
    of, root = shape_of(sample), parse(sample.read_bytes())
    message_set = sample.relative_to(BUILT_IN).parts[0]
    document = parse(to_xml(to_json(root, of), of))
    assert outline(document)[1] == outline(root)[1]
    folder = BUILT_IN / message_set
    assert compile_schema(folder / SCHEMAS[message_set], folder).validate(document)


@pytest.mark.parametrize("name", NCTS)
def test_transit_samples_survive_the_way_through_json(shared_samples: Path, name: str) -> None:
    folder = shared_samples / "ncts5"
    of = shape(folder / "xsd" / f"{name}.xsd", name.upper())
    files = sorted((folder / "msg").glob(f"{name}-valid*.xml"))
    assert files
    for file in files:
        root = parse(file.read_bytes())
        assert outline(parse(to_xml(to_json(root, of), of)))[1] == outline(root)[1]


@settings(max_examples=300, deadline=None)
@given(DECIMALS)
def test_a_decimal_means_the_same_in_xml_whether_it_came_as_number_or_text(literal: str) -> None:
    of = shape(BUILT_IN / "ceb-2018" / "ceb.xsd", "CEB603Message")
    body = f'{{"CEB603Message": {{"Inventory": [{{"InventoryHead": {{"grossWeight": {literal}}}}}]}}}}'
    text = parse(to_xml(body.encode(), of))[0][0][0].text or ""
    exact = Context(prec=400)
    assert exact.create_decimal(text) == exact.create_decimal(literal)
    assert "e" not in text.lower()
    if "e" not in literal.lower():
        assert text == literal


@pytest.mark.parametrize("count", [1, 2, 3])
def test_an_array_stays_an_array_whatever_its_count(count: int) -> None:
    of = shape(BUILT_IN / "ceb-2018" / "ceb.xsd", "CEB603Message")
    units = [{"InventoryHead": {"orderNo": "1"}, "InventoryList": [{"gnum": "1"}]}] * count
    written = orjson.loads(to_json(parse(to_xml(orjson.dumps({of.name: {"Inventory": units}}), of)), of))
    assert written[of.name]["Inventory"] == units


@pytest.mark.parametrize("sample", LAWFUL, ids=lambda file: f"{file.parts[-4]}/{file.stem}")
def test_every_pointer_into_a_sample_leads_to_the_same_text_in_its_json(sample: Path) -> None:
    of, root = shape_of(sample), parse(sample.read_bytes())
    message = orjson.loads(to_json(root, of))
    for element in root.iter():
        pointer = json_pointer(xpath(element), of)
        assert pointer is not None
        found = follow(message, pointer)
        if isinstance(found, str) and not pointer.endswith("#xml"):
            assert found == (element.text or "")


def texts(root: Element) -> Iterator[str]:
    yield from (text for element in root.iter() if (text := (element.text or "").strip()))


def xpath(element: Element) -> str:
    """The pointer as errors give it: an ordinal on every step, which does no harm where it says nothing."""
    parent = element.getparent()
    if parent is None:
        return f"/{local(element.tag)}"
    same = [child for child in parent if child.tag == element.tag]
    return f"{xpath(parent)}/{local(element.tag)}[{same.index(element) + 1}]"


def follow(document: Any, pointer: str) -> Any:
    """RFC 6901; raises where the pointer leads nowhere."""
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        document = document[int(name)] if isinstance(document, list) else document[name]
    return document
