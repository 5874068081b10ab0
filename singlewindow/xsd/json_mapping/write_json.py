"""JSON out: an element as its schema's JSON. Every value is a text; a decimal never becomes a float."""

from __future__ import annotations

from typing import Any

import orjson

from singlewindow.xsd.json_mapping.foreign_content import MEMBER as RAW
from singlewindow.xsd.json_mapping.foreign_content import write_inner, write_raw
from singlewindow.xsd.json_mapping.read_json import TEXT
from singlewindow.xsd.json_mapping.shape import Content, ElementShape
from singlewindow.xsd.parser import Element


def to_json(element: Element, shape: ElementShape) -> bytes:
    """The JSON text of an element of this shape, in UTF-8, members in the order of the document.

    Nothing is lost of an element that breaks its schema: what has no place in its shape is raw XML. Comments and
    processing instructions are left out.
    """
    return orjson.dumps({shape.key: _read(element, shape)})


def _read(element: Element, shape: ElementShape) -> Any:
    content = shape.content
    if not len(element) and not element.keys() and not content.attributes and content.text != "elements":
        return element.text or ""
    members = _read_attributes(element, content)
    text = element.text or ""
    if not len(element):
        if content.text != "elements" or text.strip():
            members[TEXT] = text
    elif content.text == "mixed" or _has_text_between(element, text):
        members[RAW] = write_inner(element)
    else:
        _read_children(element, content, members)
    return members


def _read_attributes(element: Element, content: Content) -> dict[str, Any]:
    keys = content.attribute_keys
    return {f"@{keys.get(str(name), name)}": value for name, value in element.items()}


def _read_children(element: Element, content: Content, members: dict[str, Any]) -> None:
    by_tag, foreign = content.by_tag, []
    for child in element.iterchildren("*"):
        shape = by_tag.get(child.tag)
        if shape is None:
            foreign.append(child)
        elif shape.repeatable:
            members.setdefault(shape.key, []).append(_read(child, shape))
        elif shape.key in members:
            foreign.append(child)  # one too many: the schema refuses it, and it is kept
        else:
            members[shape.key] = _read(child, shape)
    if foreign:
        members[RAW] = write_raw(foreign)


def _has_text_between(element: Element, text: str) -> bool:
    return bool(text.strip()) or any(child.tail and not child.tail.isspace() for child in element)
