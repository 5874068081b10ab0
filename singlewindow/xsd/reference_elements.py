"""The elements of a schema's roots, told one by one in the document's order."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from xmlschema.validators import XsdAnyElement, XsdAttribute, XsdComplexType, XsdElement, XsdGroup

from singlewindow.messages.manifest import Root
from singlewindow.xsd.explaining import Schema, build_schema
from singlewindow.xsd.reference import ElementReference, Meaning, RootReference
from singlewindow.xsd.type_description import describe_type

MAX_TOLD = 5_000
"""Rows told of one root: types that refer to each other would otherwise unfold without end."""

_XS = "{http://www.w3.org/2001/XMLSchema}"
_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
_DOCUMENTATION = f"{_XS}annotation/{_XS}documentation"
_CHINESE = r"[\u3400-\u9fff]"
_BOTH = re.compile(rf"(?P<en>.*?)\s*[(（](?P<zh>[^()（）]*{_CHINESE}[^()（）]*)[)）]", re.DOTALL)
"""`order number (订单编号)`: both languages in one text."""


RulesAt = Callable[[str], tuple[str, ...]]
"""The ids of the rules said of the element at a path."""


@dataclass(frozen=True, slots=True)
class _Particle:
    """A child with its occurrences, those of the groups around it multiplied in."""

    element: XsdElement | XsdAnyElement
    least: int
    most: int | None
    alternative: bool


def read_roots(schema_path: Path, roots: Sequence[Root], rules: RulesAt) -> dict[str, RootReference]:
    """The roots of one entry file by name; a root that it does not declare is left out.

    Takes up to seconds. Raises ConfigurationError or xmlschema's own errors for a schema that cannot be read.
    """
    schema = build_schema(schema_path)
    declared = {root.name: element for root in roots if (element := _global(schema, root.name)) is not None}
    return {root.name: _read_root(root, declared[root.name], rules) for root in roots if root.name in declared}


def _global(schema: Schema, name: str) -> XsdElement | None:
    return next((element for element in schema.elements.values() if element.local_name == name), None)


def _read_root(root: Root, element: XsdElement, rules: RulesAt) -> RootReference:
    particle = _Particle(element, 1, 1, alternative=False)
    told = tuple(islice(_tell(particle, "", 0, rules, frozenset()), MAX_TOLD + 1))
    return RootReference(root, told[:MAX_TOLD], complete=len(told) <= MAX_TOLD)


def _tell(
    particle: _Particle, above: str, depth: int, rules: RulesAt, around: frozenset[int]
) -> Iterator[ElementReference]:
    """An element, then its attributes, then its children. `around` are the types of the elements it stands in."""
    element = particle.element
    if not isinstance(element, XsdElement):
        yield _tell_wildcard(particle, above, depth)
        return
    path = f"{above}/{element.local_name}" if above else str(element.local_name)
    recursive = id(element.type) in around
    yield _tell_element(particle, element, path, depth, rules(path), recursive=recursive)
    if recursive:
        return
    for attribute in _attributes(element):
        named = f"{path}/@{attribute.local_name}"
        yield _tell_attribute(attribute, named, depth + 1, rules(named))
    for child in _children(element):
        yield from _tell(child, path, depth + 1, rules, around | {id(element.type)})


def _tell_element(
    particle: _Particle, element: XsdElement, path: str, depth: int, rules: tuple[str, ...], *, recursive: bool
) -> ElementReference:
    return ElementReference(
        path,
        str(element.local_name),
        depth,
        write_occurs(particle.least, particle.most),
        describe_type(element.type),
        element.type.local_name,
        _values(element.type),
        element.default,
        element.fixed,
        _meaning(element),
        particle.alternative,
        recursive,
        rules,
    )


def _tell_attribute(attribute: XsdAttribute, path: str, depth: int, rules: tuple[str, ...]) -> ElementReference:
    return ElementReference(
        path,
        f"@{attribute.local_name}",
        depth,
        "1" if attribute.use == "required" else "0..1",
        describe_type(attribute.type),
        attribute.type.local_name,
        _values(attribute.type),
        attribute.default,
        attribute.fixed,
        _meaning(attribute),
        rules=rules,
    )


def _tell_wildcard(particle: _Particle, above: str, depth: int) -> ElementReference:
    meaning = Meaning("Any element of another namespace.", "其他命名空间的任意元素")
    return ElementReference(f"{above}/*", "*", depth, write_occurs(particle.least, particle.most), meaning=meaning)


def write_occurs(least: int, most: int | None) -> str:
    """As `1`, `0..1`, `1..100`, `0..n`; None is no limit."""
    return str(least) if least == most else f"{least}..{'n' if most is None else most}"


def _attributes(element: XsdElement) -> list[XsdAttribute]:
    found = getattr(element, "attributes", {}).values()
    return [one for one in found if isinstance(one, XsdAttribute) and one.use != "prohibited"]


def _children(element: XsdElement) -> Iterator[_Particle]:
    content = element.type.content if isinstance(element.type, XsdComplexType) else None
    if isinstance(content, XsdGroup):
        yield from _unfold(content, 1, 1, alternative=False)


def _unfold(group: XsdGroup, least: int, most: int | None, *, alternative: bool) -> Iterator[_Particle]:
    chosen = group.model == "choice" and len(group) > 1
    fewest, largest = (0 if chosen else least * group.min_occurs), _times(most, group.max_occurs)
    for item in group:
        if isinstance(item, XsdGroup):
            yield from _unfold(item, fewest, largest, alternative=alternative or chosen)
        else:
            total = _times(largest, item.max_occurs)
            yield _Particle(item, fewest * item.min_occurs, total, alternative or chosen)


def _times(one: int | None, other: int | None) -> int | None:
    """The product of two upper limits; None is no limit, and nothing times that is still nothing."""
    if 0 in {one, other}:
        return 0
    return None if one is None or other is None else one * other


def _values(xsd_type: Any) -> dict[str, Meaning]:
    """The lawful values of an enumerated type, as its nearest restriction lists them."""
    current = xsd_type.content if isinstance(xsd_type, XsdComplexType) and xsd_type.has_simple_content() else xsd_type
    while current is not None:
        if f"{_XS}enumeration" in getattr(current, "facets", {}):
            return {
                str(one.get("value")): _read_documentation(one.iterfind(_DOCUMENTATION))
                for one in current.elem.iter(f"{_XS}enumeration")
            }
        current = getattr(current, "base_type", None)
    return {}


def _meaning(component: XsdElement | XsdAttribute) -> Meaning:
    """What the schema says where the component stands, else of what it refers to, else of its type."""
    for described in (component, getattr(component, "ref", None), component.type):
        annotation = getattr(described, "annotation", None)
        if annotation is not None:
            return _read_documentation(annotation.documentation)
    return Meaning()


def _read_documentation(elements: Iterable[Any]) -> Meaning:
    """The texts of xs:documentation by language, English where none is said."""
    texts: dict[str, list[str]] = {"en": [], "zh": []}
    for documentation in elements:
        language = (documentation.get(_LANGUAGE) or "en")[:2]
        if language in texts:
            texts[language].append(" ".join("".join(documentation.itertext()).split()))
    en, zh = " ".join(texts["en"]), " ".join(texts["zh"])
    both = None if zh else _BOTH.fullmatch(en)
    return Meaning(both["en"], both["zh"]) if both else Meaning(en, zh)
