"""What a schema leaves open: content that it does not describe, kept as raw XML, and attributes of other namespaces."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable

from lxml import etree

from singlewindow.xsd.json_mapping.shape import Content
from singlewindow.xsd.parser import Element, parse

MEMBER = "#xml"
"""The member that holds raw XML: the elements that the shape does not know, or the whole of mixed content."""

_INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
_RESERVED = frozenset({"http://www.w3.org/2000/xmlns/"})
_CLARK = re.compile(r"\{([^{}]{1,1000})\}[^{}:]{1,1000}\Z")
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"}
_MARKUP = re.compile("[&<>\r]")


def write_raw(elements: Iterable[Element]) -> str:
    """The elements one after the other, each with the namespaces that it uses; what stands between them is left out."""
    return "".join(_write_element(element) for element in elements)


def write_inner(element: Element) -> str:
    """Everything between an element's tags, as XML."""
    parts = [escape_text(element.text or "")]
    for child in element:
        parts += [_write_element(child), escape_text(child.tail or "")]
    return "".join(parts)


def escape_text(text: str) -> str:
    """A text as XML holds it."""
    return _MARKUP.sub(lambda found: _ESCAPES[found[0]], text)


def put_raw(parent: Element, raw: str) -> None:
    """Append raw content to an element. Raises Refused where it is not the content of one element."""
    wrapper = parse(f"<raw>{raw}</raw>".encode())
    if wrapper.text:
        _append_text(parent, wrapper.text)
    parent.extend(list(wrapper))


def put_attribute(element: Element, key: str, text: str, content: Content) -> bool:
    """Set an attribute by its key. False, and nothing done, where neither shape nor schema language knows it."""
    name = content.attributes.get(key)
    if name is None:
        if key == "xmlns":
            return False
        clark = _CLARK.match(key)
        if not content.open_attributes and (clark is None or clark[1] != _INSTANCE):
            return False
        if clark is not None and clark[1] in _RESERVED:
            return False
        name = key
    try:
        element.set(name, text)
    except ValueError:  # not a name in XML
        return False
    return True


def _write_element(element: Element) -> str:
    # a copy declares the namespaces in use; the original would bring every one that is in scope
    return etree.tostring(copy.deepcopy(element), encoding="unicode", with_tail=False)


def _append_text(parent: Element, text: str) -> None:
    if len(parent):
        parent[-1].tail = (parent[-1].tail or "") + text
    else:
        parent.text = (parent.text or "") + text
