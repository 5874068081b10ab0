"""Writing small documents: nested names and values in, escaped XML out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lxml import etree

from singlewindow.xsd.parser import Element

Content = Any
"""A text, a mapping of child names to contents, or a sequence of contents for a repeated child; None leaves it out."""


def build(
    namespace: str, root: str, content: Mapping[str, Content], attributes: Mapping[str, str] | None = None
) -> bytes:
    """A document in one namespace, children in the mapping's order, in UTF-8 with a declaration."""
    namespaces: Any = {None: namespace} if namespace else None
    element = etree.Element(f"{{{namespace}}}{root}" if namespace else root, nsmap=namespaces)
    for name, value in (attributes or {}).items():
        element.set(name, value)
    _fill(element, namespace, content)
    return etree.tostring(element, xml_declaration=True, encoding="UTF-8")


def _fill(element: Element, namespace: str, content: Content) -> None:
    if isinstance(content, Mapping):
        for name, value in content.items():
            _add(element, namespace, name, value)
    elif content is not None:
        element.text = str(content)


def _add(parent: Element, namespace: str, name: str, value: Content) -> None:
    if value is None:
        return
    if isinstance(value, Sequence) and not isinstance(value, str):
        for one in value:
            _add(parent, namespace, name, one)
        return
    _fill(etree.SubElement(parent, f"{{{namespace}}}{name}" if namespace else name), namespace, value)
