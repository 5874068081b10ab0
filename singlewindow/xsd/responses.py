"""Reading what authorities say: leniently, since real responses break their own schemas, and never dropping one."""

from __future__ import annotations

from collections.abc import Iterable

from lxml import etree

from singlewindow.errors import AgencyError
from singlewindow.messages.judgement import ResponseUnit
from singlewindow.messages.manifest import MessageSet, Root
from singlewindow.xsd.catalogue import Catalogue
from singlewindow.xsd.parser import Element, Refused, parse
from singlewindow.xsd.paths import clark


def read_response(catalogue: Catalogue, document: bytes, message_set: str | None = None) -> tuple[ResponseUnit, ...]:
    """What a response document says, one entry per declaration it speaks of.

    Raises AgencyError (temporary, outcome unknown) for a document that no installed set can read.
    """
    try:
        element = parse(document, encodings=catalogue.encodings)
    except Refused as error:
        raise _unreadable(error.detail) from error
    name = etree.QName(element)
    installed = catalogue.by_root(name.namespace or "", name.localname, message_set)
    root = installed.root(name.localname) if installed else None
    if installed is None or root is None or root.direction != "response":
        raise _unreadable(f"{name.localname} is not a response of an installed message set")
    read = installed.response_reader(name.localname).read
    return tuple(read(unit) for unit in _units(element, root, installed.message_set))


def _unreadable(detail: str) -> AgencyError:
    return AgencyError(f"the agency's document cannot be read: {detail}", temporary=True, outcome_unknown=True)


def _units(element: Element, root: Root, message_set: MessageSet) -> Iterable[Element]:
    return [element] if root.unit == "." else element.findall(clark(root.unit, message_set.element_namespace))
