"""What to try on a message for every row of an element table, and what the table says of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import xmlschema
from lxml import etree

from tests.unit.ceb_instances import (
    DS,
    TYPICAL,
    Row,
    Table,
    build,
    with_copies,
    with_next_first,
    with_stranger,
    with_value,
    without_attribute,
)

Trial = tuple[str, etree._Element, bool]
"""What is tried, the message that tries it, and whether the table allows it."""

MANY = 150
"""How often an element is tried that may stand any number of times."""

XSD = "http://www.w3.org/2001/XMLSchema"

OTHER_VALUES = {
    "dateTime": (("2026-03-02T09:15:00", True), ("2026-03-02", False), ("2026-02-30T09:15:00", False)),
    "date": (("2026-03-02+08:00", True), ("2026-03-02T09:15:00", False), ("2026-02-30", False)),
    "base64Binary": (("", True), ("3q2+\n7w==", True), ("3q2+7w=", False), ("3", False)),
    "ID": (("a1", True), ("1", False), ("", False)),
}
"""Values of the types that are neither text nor number, with the verdict."""


def contradictions(judge: Callable[[etree._Element], bool], trials: Iterator[Trial]) -> list[str]:
    """The trials on which a schema says something else than the table."""
    return [what for what, message, allowed in trials if judge(message) is not allowed]


def judge_by(schema: etree.XMLSchema) -> Callable[[etree._Element], bool]:
    return lambda message: schema.validate(message.getroottree())


def occurrence_trials(table: Table, root: str) -> Iterator[Trial]:
    message = build(table, root)
    for row in table.of(root):
        if row.is_attribute:
            yield f"{row.path} absent", without_attribute(message, row), row.least == 0
            continue
        most = row.most or MANY
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
            for value, allowed in _values_of(row):
                yield f"{row.path} = {value!r}", with_value(message, row, value), allowed


def _values_of(row: Row) -> Iterator[tuple[str, bool]]:
    """Values at the edges of what the row allows, with the verdict; an empty element takes its default."""
    if row.fixed is not None:
        yield from ((row.fixed, True), (f"{row.fixed}0", False), ("2", False), ("", not row.is_attribute))
    elif row.base == "string":
        yield from _text_values(row)
    elif row.base in OTHER_VALUES:
        yield from ((TYPICAL[row.base], True), *OTHER_VALUES[row.base])
    else:
        yield from _number_values(row)
        yield "", row.default is not None


def _text_values(row: Row) -> Iterator[tuple[str, bool]]:
    shortest = row.shortest or 0
    yield "", shortest == 0 or row.default is not None
    yield "x" * max(shortest, 1), True
    if shortest > 1:
        yield "x" * (shortest - 1), False
    if row.longest is None:
        yield "单" * 10_000, True
    else:
        yield "单" * row.longest, True
        yield "单" * (row.longest + 1), False


def _number_values(row: Row) -> Iterator[tuple[str, bool]]:
    total, fraction = row.total_digits or 0, row.fraction_digits or 0
    whole = "9" * (total - fraction)
    yield from ((whole, True), (f"-{whole}", True), ("0", True), ("1O", False), ("1e3", False), (" ", False))
    yield "1" * (total + 1), False
    yield f"1.{'0' * fraction}1", False
    if fraction:
        yield f"{whole}.{'9' * fraction}", True
        yield f"{whole}9.{'9' * fraction}", False
        yield "9" * total, True


def declared_paths(element: Any, path: str) -> Iterator[tuple[str, int, int | None]]:
    """Paths, least and most of what an element declares, in document order, as the table writes them."""
    for name, attribute in element.attributes.items():
        if not path.endswith("ds:Signature"):
            yield f"{path}/@{name}", int(attribute.use == "required"), 1
    if element.type.is_simple() or element.type.has_simple_content() or path.endswith("ds:Signature"):
        return
    for child in element.type.content.iter_elements():
        name = child.local_name if child.name else "*"
        child_path = f"{path}/ds:Signature" if child.name == f"{{{DS}}}Signature" else f"{path}/{name}"
        yield child_path, child.min_occurs, child.max_occurs
        if child.name and child.type.name != f"{{{XSD}}}anyType":
            yield from declared_paths(child, child_path)


def declaration(schema: xmlschema.XMLSchema, table: Table, row: Row) -> Any:
    """What the schema declares at the path of a row: an element or an attribute."""
    path = row.parent if row.is_attribute else row.path
    element: Any = schema.find("/".join(f"m:{step}" for step in path.split("/")), {"m": table.namespace})
    if element is None:
        raise LookupError(path)
    return element.attributes[row.name[1:]] if row.is_attribute else element


def described(declared: Any) -> tuple[Any, ...]:
    """Built-in type, shortest, longest, digits, default and fixed value of a declaration, as a row has them."""
    simple = declared.type
    named = simple if simple.name and simple.name.startswith(f"{{{XSD}}}") else simple.base_type
    total, fraction = (_digits(simple, name) for name in ("totalDigits", "fractionDigits"))
    return (
        named.local_name,
        simple.min_length or 0,
        simple.max_length,
        total,
        fraction,
        declared.default,
        declared.fixed,
    )


def _digits(simple: Any, facet: str) -> int | None:
    """A facet of digits; the built-in int has no fraction by nature, which no table writes."""
    found = simple.facets.get(f"{{{XSD}}}{facet}")
    return None if found is None or not found.value else int(found.value)


def expected(row: Row) -> tuple[Any, ...]:
    """The same of the table."""
    facets = row.shortest or 0, row.longest, row.total_digits, row.fraction_digits
    return row.base, *facets, row.default, row.fixed
