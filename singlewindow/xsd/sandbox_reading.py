"""What a sandbox agency reads in an original: by element name and without the message sets' manifests.

An agency is not part of the single window. That it reads the trader's bytes on its own makes its journal an
independent witness of what was sent to it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from lxml import etree

from singlewindow.xsd.parser import Element, parse


@dataclass(frozen=True, slots=True)
class ReadUnit:
    """The head fields of one declaration, and its repeated elements with their fields; empty fields are left out."""

    fields: dict[str, str]
    lists: dict[str, list[dict[str, str]]]


def read_ceb_units(
    original: bytes, unit: str, fields: Collection[str], lists: Mapping[str, Collection[str]]
) -> tuple[ReadUnit, ...]:
    """The units of a CEB request in document order: `fields` of the head (or the flat unit), `lists` by element name.

    Raises TraderMistake (Refused) for bytes that are no XML of ours.
    """
    return tuple(_read_ceb_unit(found, fields, lists) for found in parse(original).iterchildren(f"{{*}}{unit}"))


def root_name(original: bytes) -> str:
    """The local name of the root element. Raises as `read_ceb_units`."""
    return etree.QName(parse(original)).localname


def _read_ceb_unit(unit: Element, fields: Collection[str], lists: Mapping[str, Collection[str]]) -> ReadUnit:
    head = unit.find(f"{{*}}{etree.QName(unit).localname}Head")
    return ReadUnit(
        _leaves(unit if head is None else head, fields),
        {name: [_leaves(line, wanted) for line in unit.iterfind(f"{{*}}{name}")] for name, wanted in lists.items()},
    )


def _leaves(parent: Element, wanted: Collection[str]) -> dict[str, str]:
    leaves = ((etree.QName(child).localname, (child.text or "").strip()) for child in parent)
    return {name: text for name, text in leaves if name in wanted and text}
