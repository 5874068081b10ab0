"""JSON in: a message in JSON as the XML that its schema is asked about.

Only what has no XML form is refused here. What is missing, too long or no number is written as it is; the judge of the
XML says so.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import Any

from lxml import etree

from singlewindow.messages.judgement import MAX_ERRORS, Problem
from singlewindow.xsd.json_mapping import refusals
from singlewindow.xsd.json_mapping.foreign_content import MEMBER as RAW
from singlewindow.xsd.json_mapping.foreign_content import put_attribute, put_raw
from singlewindow.xsd.json_mapping.literals import DuplicateMembers, Number, load, write_plain
from singlewindow.xsd.json_mapping.refusals import JsonRefused, Place
from singlewindow.xsd.json_mapping.shape import Content, ElementShape
from singlewindow.xsd.parser import MAX_DEPTH, Element, Refused

__all__ = ["JsonRefused", "read_json_root", "to_xml"]

TEXT = "#text"
"""The member that holds the text of an element with attributes."""

MAX_TEXT_BYTES = 9_999_999
"""The longest text that libxml2 reads in one element."""

_ROOT = re.compile(rb'(?:\xef\xbb\xbf)?\s*\{\s*("(?:[^"\\\x00-\x1f]|\\.)*")\s*:')
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def read_json_root(body: bytes) -> str:
    """The name of the first member, which names the root; the rest is not looked at unless that is not found.

    Raises JsonRefused (not-json, root-expected).
    """
    found = _ROOT.match(body)
    if found is not None:
        try:
            return refusals.show(json.loads(found[1]))
        except ValueError:
            pass  # not UTF-8 or an escape that JSON does not know: reading the whole says where
    return refusals.show(_only_member(load(body))[0])


def to_xml(body: bytes, shape: ElementShape) -> bytes:
    """The document in UTF-8, children in the order of the schema, the same bytes for the same message.

    Raises JsonRefused with every mistake found, at most MAX_ERRORS.
    """
    loaded = load(body)
    name, value = _only_member(loaded)
    if name != shape.name:
        raise JsonRefused((refusals.root_expected(shape.name),))
    root, writer = etree.Element(shape.tag, nsmap=_declare(shape)), _Writer()
    with suppress(_Enough):
        writer.note_duplicates(loaded, None)
        writer.fill(root, value, shape, Place(name))
    if writer.problems:
        raise JsonRefused(tuple(writer.problems))
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


class _Enough(Exception):
    """As many mistakes as an answer may tell have been found."""


class _Writer:
    """Fills elements from values and notes each value that cannot be written."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def note_duplicates(self, members: dict[str, Any], place: Place | None) -> None:
        """Note the names that occur more than once in an object."""
        if isinstance(members, DuplicateMembers):
            for name in members.duplicates:
                self._note(refusals.duplicate_name(Place(name, place)))

    def fill(self, element: Element, value: Any, shape: ElementShape, place: Place) -> None:
        """Write a value into an element of this shape. Raises _Enough."""
        if isinstance(value, dict):
            self._fill_members(element, value, shape, place)
        elif isinstance(value, list):
            self._note(refusals.array_not_expected(place))
        elif shape.content.text == "elements" and value != "":
            self._note(refusals.object_expected(place))
        else:
            element.text = self._read_text(value, place)

    def _note(self, problem: Problem) -> None:
        self.problems.append(problem)
        if len(self.problems) >= MAX_ERRORS:
            raise _Enough

    def _fill_members(self, element: Element, members: dict[str, Any], shape: ElementShape, place: Place) -> None:
        content = shape.content
        if place.depth > MAX_DEPTH:
            self._note(refusals.too_deep(place, MAX_DEPTH))
        elif _holds_only_text(content) and any(name[:1] not in {"@", "#"} for name in members):
            self._note(refusals.text_expected(place))
        else:
            self.note_duplicates(members, place)
            if unread := [name for name in members if name not in content.by_key]:
                self._fill_special(element, {name: members[name] for name in unread}, content, place)
            self._fill_children(element, members, shape, place)

    def _fill_special(self, element: Element, members: dict[str, Any], content: Content, place: Place) -> None:
        """Attributes, the text beside them, and names that nothing has. Raw content waits for its place."""
        for name, value in members.items():
            inner = Place(name, place)
            if name == TEXT and value is not None:
                element.text = self._read_text(value, inner)
            elif name[:1] == "@":
                self._set_attribute(element, value, content, inner)
            elif name not in {TEXT, RAW}:
                self._note(refusals.unknown_name(inner, _known(content)))

    def _fill_children(self, element: Element, members: dict[str, Any], shape: ElementShape, place: Place) -> None:
        raw, children = members.get(RAW), shape.content.children
        raw_at = len(children) if shape.content.wildcard is None else shape.content.wildcard
        for number, child in enumerate(children):
            if number == raw_at:
                self._put_raw(element, raw, Place(RAW, place))
            value = members.get(child.key)
            if value is not None:
                nsmap = None if child.namespace == shape.namespace else _declare(child)
                self._add(element, value, child, Place(child.key, place, place.depth + 1), nsmap)
        if raw_at == len(children):
            self._put_raw(element, raw, Place(RAW, place))

    def _add(
        self, parent: Element, value: Any, shape: ElementShape, place: Place, nsmap: dict[str, str] | None
    ) -> None:
        if not shape.repeatable:
            self.fill(etree.SubElement(parent, shape.tag, None, nsmap), value, shape, place)
        elif isinstance(value, list):
            for number, one in enumerate(value):
                inner = Place(number, place, place.depth)
                self.fill(etree.SubElement(parent, shape.tag, None, nsmap), one, shape, inner)
        else:
            self._note(refusals.array_expected(place))

    def _set_attribute(self, element: Element, value: Any, content: Content, place: Place) -> None:
        text = None if value is None else self._read_text(value, place)
        if text is None:
            return
        if not put_attribute(element, str(place.step)[1:], text, content):
            self._note(refusals.unknown_name(place, _known(content)))

    def _put_raw(self, element: Element, value: Any, place: Place) -> None:
        text = None if value is None else self._read_text(value, place)
        if not text:
            return
        try:
            put_raw(element, text)
        except Refused as refused:
            self._note(refusals.not_xml(place, refused.detail))

    def _read_text(self, value: Any, place: Place) -> str | None:
        """The value's text, or None where it has none or is refused."""
        if isinstance(value, bool):
            return "true" if value else "false"
        if not isinstance(value, str):
            self._note(refusals.text_expected(place))
            return None
        text = write_plain(value) if isinstance(value, Number) else value
        if text is None:
            self._note(refusals.not_representable(place, "a number of too many digits", "位数过多的数字"))
        elif _FORBIDDEN.search(text):
            self._note(refusals.not_representable(place, "a character that XML forbids", "XML 禁止的字符"))
        elif len(text) > MAX_TEXT_BYTES // 4 and len(text.encode()) > MAX_TEXT_BYTES:
            self._note(refusals.too_large(place))
        else:
            return text
        return None


def _only_member(value: Any) -> tuple[str, Any]:
    if isinstance(value, dict) and len(value) == 1:
        return next(iter(value.items()))
    raise JsonRefused((refusals.root_expected(None),))


def _holds_only_text(content: Content) -> bool:
    return content.text == "text" and not content.attributes


def _known(content: Content) -> list[str]:
    return [*content.by_key, *(f"@{key}" for key in content.attributes)]


def _declare(shape: ElementShape) -> dict[str, str] | None:
    """The schema's own prefix; no default namespace, which would also take in the elements without namespace below."""
    return {shape.prefix: shape.namespace} if shape.prefix else None
