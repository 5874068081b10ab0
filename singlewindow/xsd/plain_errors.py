"""From libxml2's own errors to findings, for what was not explained: fewer mistakes at once, the same codes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from lxml import etree

from singlewindow.messages.judgement import MAX_ERRORS
from singlewindow.xsd.facets import DATES, NUMBERS
from singlewindow.xsd.findings import (
    Finding,
    local,
    missing_attribute,
    missing_element,
    unexpected_element,
    unexpected_text,
    unknown_attribute,
    wrong_value,
)
from singlewindow.xsd.parser import Element
from singlewindow.xsd.second_opinion import padded_places, without_padding
from singlewindow.xsd.streaming import is_crowded, locate_errors, stream_log
from singlewindow.xsd.type_description import SHOWN_CHOICES

_EXPECTED = re.compile(r"Expected is (?:one of )?\( (.*?)\s*\)")
_ATTRIBUTE = re.compile(r"attribute '([^']+)'", re.IGNORECASE)
_FACET = re.compile(r"\[facet '(\w+)'\]")
_LIMIT = re.compile(r"(?:length of|digits than are allowed|inclusive value|allowed)\D*'?\(?'?([^'()]+)'?\)?'?\.$")
_CHOICE = re.compile(r"'([^']*)'")
_TYPE = re.compile(r"(?:atomic|union) type '([^']+)'")


@dataclass(frozen=True, slots=True)
class PlainError:
    """One line of libxml2's log: the path of the element as libxml2 counts it, and the message."""

    path: str
    message: str


def read_errors(
    schema: etree.XMLSchema, document: Element, *, within: Element | None = None, most: int = MAX_ERRORS
) -> list[PlainError]:
    """Why this schema has just refused this document, or what stands within one of its elements: the first errors.

    Only the process that judges one message at a time may read it.
    """
    inside = document if within is None else within
    if is_crowded(document):
        return [PlainError(path, _plain(message)) for path, message in _located(schema, document, inside, most)]
    entries: Any = schema.error_log  # the published stubs do not know that it can be iterated
    below = "" if within is None else within.getroottree().getpath(within)
    named = ((entry.path or "/*", entry.message) for entry in entries)
    errors = [PlainError(path, _plain(message)) for path, message in islice(_below(below, named), most)]
    # where libxml2 gave up (a pattern that explodes) it says so once for each of its functions: one word is enough
    return [error for error in errors if not error.message.startswith("Internal error")] or errors[:1]


def _below(path: str, named: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    return (one for one in named if not path or f"{one[0]}/".startswith(f"{path}/"))


def _located(schema: etree.XMLSchema, document: Element, within: Element, most: int) -> list[tuple[str, str]]:
    """The errors of a crowded document, without those of libxml2's fault with dates: paths are alike in the copy."""
    places = padded_places(stream_log(schema, document))
    if places:
        bare = without_padding(document, places)
        within = next(copy for copy, one in zip(bare.iter(), document.iter(), strict=True) if one is within)
        document = bare
    return locate_errors(schema, document, within=within, most=most)


def _plain(message: str | None) -> str:
    return " ".join((message or "").split())


def translate_plain(errors: Sequence[PlainError], document: Element, bases: Mapping[str, str]) -> list[Finding]:
    """The findings, each at an element of this document. `bases` names the base of each simple type of the schema."""
    return [_translate(error, _resolve(error.path, document), bases) for error in errors]


def _translate(error: PlainError, element: Element, bases: Mapping[str, str]) -> Finding:
    message = error.message
    if "is not expected" in message:
        expected = _expected(message)
        return unexpected_element(element, expected, expected)
    if "Missing child element" in message and (expected := _expected(message)):
        return missing_element(element, element, expected)
    if "is required but missing" in message or "is not allowed" in message:
        return _translate_absence(message, element)
    return _translate_value(message, element, bases)


def _translate_absence(message: str, element: Element) -> Finding:
    named = _ATTRIBUTE.search(message.partition(": ")[2])
    if named is None:
        return unexpected_text(element)
    name = local(named[1])
    return missing_attribute(element, name) if "missing" in message else unknown_attribute(element, name)


def _translate_value(message: str, element: Element, bases: Mapping[str, str]) -> Finding:
    head, _, said = message.partition(": ")
    named = _ATTRIBUTE.search(head)
    attribute = local(named[1]) if named else None
    value = (element.get(attribute) if attribute else element.text) or ""
    facet, limit = _FACET.search(said), _LIMIT.search(said)
    if facet:
        finding = wrong_value(element, facet[1], limit[1] if limit else "", attribute=attribute, value=value)
        choices = _CHOICE.findall(said.rpartition("element of the set {")[2]) if facet[1] == "enumeration" else []
        return finding.described(allowed=" | ".join(choices[:SHOWN_CHOICES]), choices=choices) if choices else finding
    name = _built_in(said, bases)
    rule = "number" if name in NUMBERS else "date" if name in DATES else "other"
    return wrong_value(element, rule, DATES.get(name, ""), attribute=attribute, value=value)


def _built_in(said: str, bases: Mapping[str, str]) -> str:
    """The built-in type below the one that the message names."""
    named = _TYPE.search(said)
    name = local(named[1]) if named else ""
    while name in bases and name not in NUMBERS and name not in DATES:
        name = bases[name]
    return name


def _expected(message: str) -> list[str]:
    found = _EXPECTED.search(message)
    return [local(name.strip()) for name in found[1].split(",")] if found else []


def _resolve(path: str, document: Element) -> Element:
    """The element at a path of libxml2, which writes a prefix or, where there is none, an asterisk."""
    namespaces = {prefix: uri for prefix, uri in document.nsmap.items() if prefix}
    try:
        found = document.getroottree().xpath(path, namespaces=namespaces)
    except etree.XPathError:
        return document
    return found[0] if isinstance(found, list) and found and isinstance(found[0], Element) else document
