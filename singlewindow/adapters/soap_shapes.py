"""The shape of a message as a tree of names and types, read from what zeep compiled; zeep itself is not imported."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

DEEPEST = 12
"""Levels looked at; deeper ones, and a type within itself, are left open."""

ANY = "*"
"""Stands in a path for the element that a schema leaves open (`xs:any`)."""


@dataclass(frozen=True, slots=True)
class Shape:
    """One element or attribute of a message. `keyword` is its name among zeep's arguments.

    `namespace` is the element's own; `type` is a name such as `string` or `Invoice`, with its `type_namespace`. What
    an open shape (`xs:any`, recursion) holds is not known further.
    """

    name: str
    keyword: str
    type: str = ""
    type_namespace: str = ""
    required: bool = True
    repeats: bool = False
    attribute: bool = False
    namespace: str = ""
    children: tuple[Shape, ...] = ()

    def child(self, name: str) -> Shape | None:
        """The child of this name; `@name` is an attribute, `*` the open element."""
        return next((child for child in self.children if child.label == name), None)

    @property
    def label(self) -> str:
        """The name as paths write it."""
        return f"@{self.name}" if self.attribute else self.name

    @property
    def is_binary(self) -> bool:
        """True where zeep encodes bytes by itself."""
        return self.type == "base64Binary"


@dataclass(frozen=True, slots=True)
class OperationShape:
    """One operation: what it is sent, what it answers (None: one-way), its header blocks, and how it is bound."""

    name: str
    style: str
    soap_action: str
    request: Shape
    headers: tuple[Shape, ...]
    reply: Shape | None


def describe_operation(operation: Any) -> OperationShape:
    """The shape of one of zeep's SOAP operations."""
    reply = operation.output
    return OperationShape(
        operation.name,
        operation.style,
        operation.soapaction or "",
        _body(operation.input, operation.name),
        _headers(operation.input),
        None if reply is None else _body(reply, f"{operation.name}Response"),
    )


def _body(message: Any, otherwise: str) -> Shape:
    return Shape(otherwise, otherwise) if message.body is None else _describe(message.body, message.body.name, ())


def _headers(message: Any) -> tuple[Shape, ...]:
    if message.header is None:
        return ()
    return tuple(_describe(element, keyword, ()) for keyword, element in message.header.type.elements)


def _describe(element: Any, keyword: str, above: tuple[Any, ...]) -> Shape:
    kind = element.type if hasattr(element, "type") else None
    if element.name is None or kind is None:
        return Shape(ANY, keyword, required=not element.is_optional, repeats=element.accepts_multiple)
    qname = getattr(kind, "qname", None)
    return Shape(
        element.name,
        keyword,
        qname.localname if qname is not None else "",
        (qname.namespace or "") if qname is not None else "",
        not element.is_optional,
        element.accepts_multiple,
        namespace=element.qname.namespace or "",
        children=tuple(_members(kind, above)),
    )


def _members(kind: Any, above: tuple[Any, ...]) -> Iterator[Shape]:
    if any(kind is one for one in above) or len(above) >= DEEPEST or not hasattr(kind, "elements"):
        return
    for keyword, element in kind.elements:
        yield _describe(element, keyword, (*above, kind))
    for keyword, attribute in kind.attributes:
        if getattr(attribute, "name", None) is not None:
            yield _describe_attribute(attribute, keyword)


def _describe_attribute(attribute: Any, keyword: str) -> Shape:
    qname = getattr(attribute.type, "qname", None)
    name, namespace = ("", "") if qname is None else (qname.localname, qname.namespace or "")
    return Shape(attribute.name, keyword, name, namespace, bool(attribute.required), attribute=True)
