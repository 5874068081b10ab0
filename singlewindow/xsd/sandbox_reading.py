"""What a sandbox agency reads in an original: by element name and without the message sets' manifests.

An agency is not part of the single window. That it reads the trader's bytes on its own makes its journal an
independent witness of what was sent to it.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from lxml import etree

from singlewindow.xsd.parser import Element, parse

_EXPORT_FIELDS: dict[str, tuple[str, ...]] = {
    "lrn": ("{*}LRN", "{*}Target/{*}LRN", "{*}Declaration/{*}LRN"),
    "mrn": ("{*}Target/{*}MRN",),
    "declarant": (
        "{*}Declarant/{*}Identification",
        "{*}Target/{*}DeclarantIdentification",
        "{*}Declaration/{*}Declarant/{*}Identification",
    ),
    "message_id": ("{*}Header/{*}MessageIdentification",),
    "type": ("{*}AdditionalDeclarationType", "{*}Declaration/{*}AdditionalDeclarationType"),
}
"""Where an ExportDeclaration, an Amendment and the messages that point to a declaration say it."""

_ENCODINGS = frozenset({"gbk", "gb18030"})
"""What customs reads beside UTF-8 and UTF-16."""

_LEG_FIELDS = {"number": "{*}LegNumber", "mode": "{*}Mode", "crosses": "{*}CrossesBorder"}


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
    return tuple(_read_ceb_unit(found, fields, lists) for found in _open(original).iterchildren(f"{{*}}{unit}"))


def read_export_document(original: bytes) -> ReadUnit:
    """The one document of an export-1 message.

    Fields: `lrn`, `mrn` and `declarant` of the declaration it is or points to, `message_id`, and `type` (A, D);
    list `legs` with `number`, `mode` and `crosses`. Raises as `read_ceb_units`.
    """
    root = _open(original)
    found = {name: _first_text(root, paths) for name, paths in _EXPORT_FIELDS.items()}
    legs = [
        {name: _first_text(leg, (path,)) for name, path in _LEG_FIELDS.items()} for leg in root.iterfind(".//{*}Leg")
    ]
    return ReadUnit({name: text for name, text in found.items() if text}, {"legs": legs} if legs else {})


def read_foreign_document(original: bytes) -> ReadUnit:
    """A document of a set that customs has never seen; its `lrn` is the first LRN or MRN in it, else its own hash.

    Raises as `read_ceb_units`.
    """
    root = _open(original)
    reference = _first_text(root, (".//{*}LRN", ".//{*}MRN")) or hashlib.sha256(original).hexdigest()[:22].upper()
    return ReadUnit({"lrn": reference}, {})


def _open(original: bytes) -> Element:
    """The business document: itself, or what an exchange envelope carries."""
    root = parse(original, encodings=_ENCODINGS)
    if etree.QName(root).localname != "DxpMsg":
        return root
    return parse(base64.b64decode(root.findtext("{*}Data") or ""), encodings=_ENCODINGS)


def _first_text(element: Element, paths: Collection[str]) -> str:
    texts = ((element.findtext(path) or "").strip() for path in paths)
    return next((text for text in texts if text), "")


def _read_ceb_unit(unit: Element, fields: Collection[str], lists: Mapping[str, Collection[str]]) -> ReadUnit:
    head = unit.find(f"{{*}}{etree.QName(unit).localname}Head")
    return ReadUnit(
        _leaves(unit if head is None else head, fields),
        {name: [_leaves(line, wanted) for line in unit.iterfind(f"{{*}}{name}")] for name, wanted in lists.items()},
    )


def _leaves(parent: Element, wanted: Collection[str]) -> dict[str, str]:
    leaves = ((etree.QName(child).localname, (child.text or "").strip()) for child in parent)
    return {name: text for name, text in leaves if name in wanted and text}
