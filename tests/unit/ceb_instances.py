"""Messages built from a published element table, to ask a schema about every row of it."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

from lxml import etree

CEB = "http://www.chinaport.gov.cn/ceb"
DXP = "http://www.chinaport.gov.cn/dxp"
DS = "http://www.w3.org/2000/09/xmldsig#"

SIGNATURE = f"""
<ds:Signature xmlns:ds="{DS}">
  <ds:SignedInfo>
    <ds:CanonicalizationMethod Algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315"/>
    <ds:SignatureMethod Algorithm="{{method}}"/>
    <ds:Reference URI="">
      <ds:Transforms><ds:Transform Algorithm="{DS}enveloped-signature"/></ds:Transforms>
      <ds:DigestMethod Algorithm="{{digest}}"/>
      <ds:DigestValue>3q2+7w==</ds:DigestValue>
    </ds:Reference>
  </ds:SignedInfo>
  <ds:SignatureValue>
    3q2+7w==
  </ds:SignatureValue>
  <ds:KeyInfo><ds:KeyName>0001</ds:KeyName></ds:KeyInfo>
</ds:Signature>"""

TYPICAL = {
    "int": "1",
    "decimal": "1",
    "ID": "x",
    "dateTime": "2026-03-02T09:15:00+08:00",
    "date": "2026-03-02",
    "base64Binary": "3q2+7w==",
}
"""A lawful value of each type that is no text."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table. `most` is None for unbounded; a facet the row does not set is None."""

    path: str
    least: int
    most: int | None
    base: str
    shortest: int | None
    longest: int | None
    total_digits: int | None
    fraction_digits: int | None
    default: str | None
    fixed: str | None

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def parent(self) -> str:
        return self.path.rpartition("/")[0]

    @property
    def is_attribute(self) -> bool:
        return self.name.startswith("@")

    @property
    def is_value(self) -> bool:
        return self.base == "string" or self.base in TYPICAL

    def typical(self) -> str:
        """A lawful value in the middle of the road."""
        return self.fixed or TYPICAL.get(self.base) or "x" * (self.longest or 1)


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of a table, and the namespace of the elements they name."""

    rows: tuple[Row, ...]
    namespace: str

    def of(self, root: str) -> Iterator[Row]:
        """The rows of one message, the root's own row left out."""
        return (row for row in self.rows if row.path.startswith(f"{root}/"))

    def children(self, path: str) -> Iterator[Row]:
        return (row for row in self.rows if row.parent == path)


def read_table(path: Path, namespace: str) -> Table:
    with path.open(encoding="utf-8", newline="") as lines:
        return Table(tuple(read_rows(lines)), namespace)


def read_rows(lines: Iterable[str]) -> Iterator[Row]:
    """The rows of tab-separated lines, the first of which names the columns."""
    return (_row(cells) for cells in csv.DictReader(lines, delimiter="\t"))


def _row(cells: dict[str, str]) -> Row:
    def number(name: str) -> int | None:
        return int(cells[name]) if cells[name] else None

    return Row(
        path=cells["path"],
        least=int(cells["min"]),
        most=None if cells["max"] == "unbounded" else int(cells["max"]),
        base=cells["base"],
        shortest=number("length") or number("minLength"),
        longest=number("length") or number("maxLength"),
        total_digits=number("totalDigits"),
        fraction_digits=number("fractionDigits"),
        default=cells["default"] or None,
        fixed=cells["fixed"] or None,
    )


def build(table: Table, path: str, *, lean: bool = False) -> etree._Element:
    """The element at `path` with all its content of the table once; `lean` leaves out what is optional."""
    element = etree.Element(f"{{{table.namespace}}}{path.rpartition('/')[2]}", nsmap={"m": table.namespace})
    for row in table.children(path):
        if row.is_attribute:
            element.set(row.name[1:], row.typical())
        elif row.least or not lean:
            element.append(_build_child(table, row, lean=lean))
    return element


def _build_child(table: Table, row: Row, *, lean: bool) -> etree._Element:
    if row.name == "ds:Signature":
        return build_signature()
    if row.name == "*":
        return etree.Element("{urn:example:extension}Anything")
    element = build(table, row.path, lean=lean)
    element.text = row.typical() if row.is_value else None
    return element


def build_signature(method: str = f"{DS}rsa-sha1", digest: str = f"{DS}sha1") -> etree._Element:
    return etree.fromstring(SIGNATURE.format(method=method, digest=digest))


def locate(message: etree._Element, path: str) -> etree._Element:
    """The first element at a path of the table; the path of an attribute locates its element."""
    names = [name for name in path.split("/")[1:] if not name.startswith("@")]
    steps = [name if name in {"*", "ds:Signature"} else f"m:{name}" for name in names]
    found = message.find("/".join([".", *steps]), {"m": _namespace_of(message), "ds": DS})
    if found is None:
        raise LookupError(path)
    return found


def replace_signature(message: etree._Element, signature: etree._Element) -> None:
    present = locate(message, f"{etree.QName(message).localname}/ds:Signature")
    _parent_of(present).replace(present, signature)


def with_value(message: etree._Element, row: Row, value: str) -> etree._Element:
    changed = deepcopy(message)
    element = locate(changed, row.path)
    if row.is_attribute:
        element.set(row.name[1:], value)
    else:
        element.text = value or None  # an empty text node would hide the default from libxml2
    return changed


def with_copies(message: etree._Element, row: Row, copies: int) -> etree._Element:
    """The message with the element `copies` times in a row; 0 takes it away."""
    changed = deepcopy(message)
    element = locate(changed, row.path)
    for _ in range(copies - 1):
        element.addnext(deepcopy(element))
    if copies == 0:
        _parent_of(element).remove(element)
    return changed


def without_attribute(message: etree._Element, row: Row) -> etree._Element:
    changed = deepcopy(message)
    del locate(changed, row.path).attrib[row.name[1:]]
    return changed


def with_next_first(message: etree._Element, row: Row) -> etree._Element | None:
    """The message with the element behind its next sibling, or None where it is the last."""
    changed = deepcopy(message)
    element = locate(changed, row.path)
    following = element.getnext()
    if following is None:
        return None
    element.addprevious(following)
    return changed


def with_stranger(message: etree._Element, row: Row) -> etree._Element:
    """The message with an element no table knows, after the last child of the row's element."""
    changed = deepcopy(message)
    etree.SubElement(locate(changed, row.path), f"{{{_namespace_of(message)}}}stranger")
    return changed


def _namespace_of(message: etree._Element) -> str:
    return etree.QName(message).namespace or ""


def _parent_of(element: etree._Element) -> etree._Element:
    parent = element.getparent()
    if parent is None:
        raise ValueError(f"{element.tag} is the root")
    return parent
