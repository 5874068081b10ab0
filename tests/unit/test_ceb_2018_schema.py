"""Every row of the published element table, proven against the schemas of `ceb-2018`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import xmlschema
from lxml import etree

from tests.unit.ceb_instances import (
    CEB,
    DS,
    Row,
    Table,
    build,
    build_signature,
    locate,
    read_table,
    replace_signature,
    with_copies,
    with_next_first,
    with_stranger,
    with_value,
    without_attribute,
)

CHECKOUT = Path(__file__).parents[2]
SET = CHECKOUT / "singlewindow/xsd/sets/ceb-2018"
SHARED = CHECKOUT.parent / "shared"

REQUESTS = tuple(f"CEB{number}Message" for number in (303, 403, 505, 507, 509, 603, 605, 607, 701))
RESPONSES = tuple(f"CEB{number}Message" for number in (304, 404, 506, 508, 510, 604, 606, 608, 702, 792))
ROOTS = REQUESTS + RESPONSES

Trial = tuple[str, etree._Element, bool]
"""What is tried, the message that tries it, and whether the table allows it."""

each_root = pytest.mark.parametrize("root", ROOTS)
each_request = pytest.mark.parametrize("root", REQUESTS)


@pytest.fixture(scope="module")
def table() -> Table:
    path = SHARED / "domain/ceb/elements-2018.tsv"
    if not path.is_file():
        pytest.skip("the published element table does not lie beside the checkout")
    return read_table(path)


@pytest.fixture(scope="module")
def schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(SET / "ceb.xsd"))


@pytest.fixture(scope="module")
def second_schema() -> xmlschema.XMLSchema:
    """The same schema in another implementation, which also tells what it declares."""
    return xmlschema.XMLSchema(SET / "ceb.xsd")


def contradictions(judge: Callable[[etree._Element], bool], trials: Iterator[Trial]) -> list[str]:
    return [what for what, message, allowed in trials if judge(message) is not allowed]


def judge_whole(schema: etree.XMLSchema) -> Callable[[etree._Element], bool]:
    return lambda message: schema.validate(message.getroottree())


def occurrence_trials(table: Table, root: str) -> Iterator[Trial]:
    message = build(table, root)
    for row in table.of(root):
        if row.is_attribute:
            yield f"{row.path} absent", without_attribute(message, row), row.least == 0
            continue
        most = row.most or 150
        yield f"{row.path} absent", with_copies(message, row, 0), row.least == 0
        yield f"{row.path} {most} times", with_copies(message, row, most), True
        if row.most is not None:
            yield f"{row.path} {most + 1} times", with_copies(message, row, most + 1), False


def order_trials(table: Table, root: str) -> Iterator[Trial]:
    message = build(table, root)
    for row in table.of(root):
        swapped = None if row.is_attribute else with_next_first(message, row)
        if swapped is not None:
            yield f"{row.path} after its next sibling", swapped, False
        if row.base == "sequence":
            yield f"{row.path} with an unknown child", with_stranger(message, row), False


def value_trials(table: Table, root: str) -> Iterator[Trial]:
    message = build(table, root)
    for row in table.of(root):
        if row.is_value:
            for value, allowed in values_of(row):
                yield f"{row.path} = {value!r}", with_value(message, row, value), allowed


def values_of(row: Row) -> Iterator[tuple[str, bool]]:
    """Values at the edges of what the row allows, with the verdict; an empty element takes its default."""
    if row.base == "string":
        yield from text_values(row)
    else:
        yield from number_values(row)
        yield "", row.default is not None


def text_values(row: Row) -> Iterator[tuple[str, bool]]:
    shortest, longest = row.shortest or 0, row.longest or 0
    yield "", shortest == 0 or row.default is not None
    yield "x" * max(shortest, 1), True
    if shortest > 1:
        yield "x" * (shortest - 1), False
    yield "单" * longest, True
    yield "单" * (longest + 1), False


def number_values(row: Row) -> Iterator[tuple[str, bool]]:
    total, fraction = row.total_digits or 0, row.fraction_digits or 0
    whole = "9" * (total - fraction)
    yield from ((whole, True), (f"-{whole}", True), ("0", True), ("1O", False), ("1e3", False), (" ", False))
    yield "1" * (total + 1), False
    yield f"1.{'0' * fraction}1", False
    if fraction:
        yield f"{whole}.{'9' * fraction}", True
        yield f"{whole}9.{'9' * fraction}", False
        yield "9" * total, True


@each_root
def test_occurrences_are_those_of_the_table(root: str, table: Table, schema: etree.XMLSchema) -> None:
    assert contradictions(judge_whole(schema), occurrence_trials(table, root)) == []


@each_root
def test_the_order_of_elements_is_that_of_the_table(root: str, table: Table, schema: etree.XMLSchema) -> None:
    assert contradictions(judge_whole(schema), order_trials(table, root)) == []


@each_root
def test_lengths_and_digits_are_those_of_the_table(root: str, table: Table, schema: etree.XMLSchema) -> None:
    assert contradictions(judge_whole(schema), value_trials(table, root)) == []


@each_root
def test_a_message_may_be_full_or_have_only_what_is_mandatory(
    root: str, table: Table, schema: etree.XMLSchema, second_schema: xmlschema.XMLSchema
) -> None:
    for message in (build(table, root), build(table, root, lean=True)):
        schema.assertValid(message.getroottree())
        second_schema.validate(message)


def test_a_second_implementation_judges_the_same_values(table: Table, second_schema: xmlschema.XMLSchema) -> None:
    assert contradictions(second_schema.is_valid, value_trials(table, "CEB304Message")) == []
    assert contradictions(second_schema.is_valid, order_trials(table, "CEB701Message")) == []


@each_root
def test_the_schema_declares_the_rows_of_the_table_and_no_others(
    root: str, table: Table, second_schema: xmlschema.XMLSchema
) -> None:
    rows = [(row.path, row.least, row.most) for row in table.of(root) if not row.is_attribute]
    assert list(declared_paths(second_schema.elements[root], root)) == rows
    assert set(second_schema.elements[root].attributes) == {"guid", "version"}


def declared_paths(element: Any, path: str) -> Iterator[tuple[str, int, int | None]]:
    """Paths, least and most of what an element declares, in document order, as the table writes them."""
    if element.type.is_simple() or path.endswith("ds:Signature"):
        return
    for child in element.type.content.iter_elements():
        name = child.local_name if child.name else "*"
        child_path = f"{path}/ds:Signature" if child.name == f"{{{DS}}}Signature" else f"{path}/{name}"
        yield child_path, child.min_occurs, child.max_occurs
        if child.name:
            yield from declared_paths(child, child_path)


def test_the_schema_declares_no_other_roots(second_schema: xmlschema.XMLSchema) -> None:
    assert set(second_schema.elements) == set(ROOTS)


@each_root
def test_types_defaults_and_fixed_values_are_those_of_the_table(
    root: str, table: Table, second_schema: xmlschema.XMLSchema
) -> None:
    for row in table.of(root):
        if row.is_value and not row.is_attribute:
            element = second_schema.find("/".join(f"ceb:{step}" for step in row.path.split("/")), {"ceb": CEB})
            assert isinstance(element, xmlschema.XsdElement), row.path
            base = element.type.base_type
            declared = (base.local_name if base else None, element.default, element.fixed)
            assert declared == (row.base, row.default, row.fixed), row.path


@each_request
def test_an_empty_element_takes_its_default(root: str, table: Table, second_schema: xmlschema.XMLSchema) -> None:
    for row in table.of(root):
        if row.default is not None:
            message = with_value(build(table, root), row, "")
            path = "/" + "/".join(f"ceb:{step}" for step in row.path.split("/"))
            taken = second_schema.decode(message, path=path, namespaces={"ceb": CEB})
            assert str(taken) == row.default, row.path


def test_only_these_elements_have_a_default(table: Table) -> None:
    defaults = {f"{row.path[:6]} {row.name}": row.default for row in table.rows if row.default is not None}
    assert defaults == {
        "CEB303 appStatus": "2",
        "CEB303 freight": "0",
        "CEB403 appStatus": "2",
        "CEB505 appStatus": "2",
        "CEB507 appStatus": "1",
        "CEB701 appStatus": "2",
    }


@pytest.mark.parametrize(
    ("method", "digest"),
    [
        (f"{DS}rsa-sha1", f"{DS}sha1"),
        ("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", "http://www.w3.org/2001/04/xmlenc#sha256"),
        ("http://www.chinaport.gov.cn/2022/04/xmldsig#sm2-sm3", "http://www.chinaport.gov.cn/2022/04/xmldsig#sm3"),
        (f"{DS}sm2-sm3", f"{DS}sha1"),
    ],
)
def test_a_signature_of_any_algorithm_is_valid(method: str, digest: str, table: Table, schema: etree.XMLSchema) -> None:
    message = build(table, "CEB303Message")
    replace_signature(message, build_signature(method, digest))
    schema.assertValid(message.getroottree())


@pytest.mark.parametrize("part", ["SignedInfo", "SignatureValue"])
def test_a_signature_without_its_parts_is_invalid(part: str, table: Table, schema: etree.XMLSchema) -> None:
    message = build(table, "CEB303Message")
    signature = build_signature()
    signature.remove(next(signature.iter(f"{{{DS}}}{part}")))
    replace_signature(message, signature)
    assert not schema.validate(message.getroottree())


@each_request
def test_an_extension_may_carry_anything_even_a_broken_message(
    root: str, table: Table, schema: etree.XMLSchema
) -> None:
    message = build(table, root)
    etree.SubElement(replace_extension(message), f"{{{CEB}}}stranger")
    schema.assertValid(message.getroottree())


def replace_extension(message: etree._Element) -> etree._Element:
    """An empty message of the same root in place of the extension's content."""
    carrier = locate(message, f"{etree.QName(message).localname}/ExtendMessage/Message")
    carrier.clear()
    return etree.SubElement(carrier, message.tag)
