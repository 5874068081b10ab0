"""XOP: binary content that travels beside an envelope put into it, by `cid:` alone; nothing is ever fetched."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from urllib.parse import unquote

from lxml import etree

from singlewindow.errors import SingleWindowError
from singlewindow.xsd.parser import Element, parse
from singlewindow.xsd.soap_envelope import MalformedSoap, write

XOP = "http://www.w3.org/2004/08/xop/include"
MOST_PART_BYTES = 7_000_000
"""Longer content, as Base64, is more than the XML door lets stand in one element."""

MOST_INCLUDED_BYTES = 11_000_000

_ENCODINGS = frozenset({"gbk", "gb18030"})


def include_parts(document: bytes, parts: Mapping[str, bytes]) -> bytes:
    """The document with every `xop:Include` replaced by the part it names, as Base64; each part stands in once.

    Raises MalformedSoap for what names anything but a part of the message, names it twice, or grows too large.
    """
    try:
        root = parse(document, encodings=_ENCODINGS)
    except SingleWindowError as error:
        raise MalformedSoap(f"not readable as XML: {error.detail}") from error
    included: set[str] = set()
    for include in list(root.iter(f"{{{XOP}}}Include")):
        name = _name_of(include)
        if name in included:
            raise MalformedSoap("a part is included twice")
        included.add(name)
        _check_size(parts, included, name)
        _replace(include, parts[name])
    return write(root)


def _name_of(include: Element) -> str:
    scheme, _, name = (include.get("href") or "").strip().partition(":")
    if scheme != "cid":
        raise MalformedSoap(f"xop:Include names {scheme[:20]!r}; only cid: is followed, to a part of the same message")
    return unquote(name)


def _check_size(parts: Mapping[str, bytes], included: set[str], name: str) -> None:
    if name not in parts:
        raise MalformedSoap(f"there is no part {name[:100]!r}")
    if len(parts[name]) > MOST_PART_BYTES:
        raise MalformedSoap(f"a part of more than {MOST_PART_BYTES} bytes")
    if sum(len(parts[one]) for one in included) > MOST_INCLUDED_BYTES:
        raise MalformedSoap(f"parts of more than {MOST_INCLUDED_BYTES} bytes")


def _replace(include: Element, content: bytes) -> None:
    """An Include stands alone in its element."""
    holder = include.getparent()
    alone = holder is not None and len(holder) == 1 and not len(include)
    if holder is None or not alone or (holder.text or "").strip() or (include.tail or "").strip():
        raise MalformedSoap("xop:Include does not stand alone in its element")
    holder.remove(include)
    holder.text = b64encode(content).decode("ascii")


def write_include(name: str) -> bytes:
    """An Include of the part of this name, as it stands in a document."""
    include = etree.Element(f"{{{XOP}}}Include", nsmap={"xop": XOP}, href=f"cid:{name}")
    return etree.tostring(include)
