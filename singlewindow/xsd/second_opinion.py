"""A second opinion where libxml2 refuses a lawful date.

XSD strips white space around every date, time and duration before it looks at it; libxml2 (2.14) strips it around
numbers and not around these, and refuses ` 2026-11-01 `.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from lxml import etree

from singlewindow.xsd.parser import Element

WHITE_SPACE = " \t\r\n"

_NO_LEXICAL_VALUE = int(etree.ErrorTypes.SCHEMAV_CVC_DATATYPE_VALID_1_2_1)
_IDENTITY = int(etree.ErrorTypes.SCHEMAV_CVC_IDC)
_REFUSED_VALUE = re.compile(
    r"Element '([^']*)'(?:, attribute '([^']*)')?: '(.*)' is not a valid value of the atomic type", re.DOTALL
)

Place = tuple[str, str | None]
"""The names of an element and, where an attribute is meant, of the attribute; as lxml writes them."""


def padded_places(log: Sequence[Any]) -> set[Place]:
    """Where libxml2 refused values that begin or end with white space. None of such types may keep it."""
    refused = (entry.message or "" for entry in log if entry.type == _NO_LEXICAL_VALUE)
    return {place for message in refused if (place := _padded_place(message)) is not None}


def may_be_lawful(log: Sequence[Any]) -> bool:
    """True when nothing but values was refused, or keys that are missing for want of a value."""
    return all(
        entry.type == _IDENTITY or (entry.type == _NO_LEXICAL_VALUE and _padded_place(entry.message or "") is not None)
        for entry in log
    )


def without_padding(document: Element, places: set[Place]) -> Element:
    """A copy without the white space around the values of these places; the document itself stays as it was."""
    copy = deepcopy(document)
    attributes: dict[str, list[str]] = {}
    for tag, name in places:
        attributes.setdefault(tag, []).extend([name] if name else [])
    for element in copy.iter(*attributes):
        for name in attributes[str(element.tag)]:
            if name in element.attrib:
                element.set(name, _bare(element.get(name)))
        if (str(element.tag), None) in places and not len(element):
            element.text = _bare(element.text)
    return copy


def second_opinion(schema: etree.XMLSchema, document: Element) -> bool:
    """True when a document, just refused by this schema, is lawful but for libxml2's fault.

    Where it is not, the schema's log holds what is wrong with it, and no longer the errors that are none.
    """
    log = list(_log_of(schema))
    places = padded_places(log)
    if not places:
        return False
    taken = schema.validate(without_padding(document, places))
    if taken and not may_be_lawful(log):
        schema.validate(document)  # what was wrong stood in another value of that name
        return False
    return taken


def _log_of(schema: etree.XMLSchema) -> Any:
    return schema.error_log  # the published stubs do not know that it can be iterated


def _bare(value: str | None) -> str:
    """The value without white space around it; one that is nothing else is no date and stays."""
    return (value or "").strip(WHITE_SPACE) or value or ""


def _padded_place(message: str) -> Place | None:
    found = _REFUSED_VALUE.match(message)
    if found is None or found[3].strip(WHITE_SPACE) == found[3]:
        return None
    return found[1], found[2]
