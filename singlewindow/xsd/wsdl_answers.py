"""The other side of a call: a request taken apart by element names, and a reply filled in where expressions will look.

Names are compared without their namespaces: a stub must understand what an adapter under construction sends.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass

from lxml import etree

from singlewindow.xsd.parser import Element, parse
from singlewindow.xsd.soap_envelope import MalformedSoap
from singlewindow.xsd.wsdl_replies import open_foreign

Step = tuple[str, str]
"""Namespace (empty: none, or whatever is there) and local name."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: the local name of the Body's element, and that element."""

    name: str
    content: Element


def read_call(body: bytes) -> Asked:
    """Open a request. Raises MalformedSoap."""
    content = open_foreign(body).content
    return Asked(etree.QName(content).localname, content)


def children_at(element: Element, path: str) -> list[Element]:
    """Every element at a path of local names; `.` is the element itself."""
    found = [element]
    for step in path.split("/"):
        if step != ".":
            found = [child for one in found for child in one.iterchildren("{*}" + step)]
    return found


def text_at(element: Element, path: str) -> str:
    """The text at a path of local names, or of an attribute (`@name`) there; empty where nothing is."""
    above, _, last = path.rpartition("/")
    if last.startswith("@"):
        holder = next(iter(children_at(element, above or ".")), None)
        return "" if holder is None else holder.get(last[1:], "")
    found = next(iter(children_at(element, path)), None)
    return "" if found is None else "".join(str(text) for text in found.itertext()).strip()


def body_of(envelope: Element, step: Step) -> Element:
    """The Body's element of a reply under construction; one of this name where the Body is empty."""
    body = next(envelope.iterchildren("{*}Body"))
    found = next(iter(body), None)
    return reach(body, [step]) if found is None else found


def reach(element: Element, steps: Sequence[Step]) -> Element:
    """The element at these steps, made where it is missing."""
    for namespace, name in steps:
        tag = f"{{{namespace}}}{name}" if namespace else name
        found = next(element.iterchildren(tag if namespace else "{*}" + name), None)
        element = etree.SubElement(element, tag) if found is None else found
    return element


def put_text(element: Element, steps: Sequence[Step], text: str) -> None:
    """Write a text at these steps, in place of whatever is there."""
    place = reach(element, steps)
    for child in list(place):
        place.remove(child)
    place.text = text


def repeat(element: Element, steps: Sequence[Step], count: int) -> list[Element]:
    """So many elements at these steps, beside each other; none where the count is 0."""
    first = reach(element, steps)
    parent = first.getparent()
    if parent is None:
        raise MalformedSoap("the reply's own element cannot be repeated")
    copies = [deepcopy(first) for _ in range(count)]
    place = parent.index(first)
    for other in list(parent.iterchildren(first.tag)):
        parent.remove(other)
    for offset, copy in enumerate(copies):
        parent.insert(place + offset, copy)
    return copies


def open_element() -> Element:
    """Something for a place that a schema leaves open."""
    return etree.Element("anything")


def put_document(element: Element, document: bytes) -> Element:
    """Put a document into an element, in place of what is there, and give its root."""
    root = parse(document)
    for child in list(element):
        element.remove(child)
    element.text = None
    element.append(root)
    return root
