"""What the files of a schema say of themselves, read without compiling them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from lxml import etree

from singlewindow.xsd.findings import local

_NAMESPACES = {"xs": "http://www.w3.org/2001/XMLSchema"}
_repeating: Any = etree.XPath(
    "//xs:element[@maxOccurs and @maxOccurs != '1' and @maxOccurs != '0']/@*[name() = 'name' or name() = 'ref']",
    namespaces=_NAMESPACES,
)
_restrictions: Any = etree.XPath("//xs:simpleType[@name]/xs:restriction[@base]", namespaces=_NAMESPACES)


def repeatable_names(files: Sequence[bytes]) -> frozenset[str]:
    """The local names of elements that some file lets occur more than once."""
    return frozenset(local(name) for content in files for name in _repeating(etree.fromstring(content)))


def simple_type_bases(files: Sequence[bytes]) -> dict[str, str]:
    """The local name of the base of each named simple type."""
    restrictions: Iterable[Any] = (one for content in files for one in _restrictions(etree.fromstring(content)))
    return {one.getparent().get("name"): local(one.get("base")) for one in restrictions}
