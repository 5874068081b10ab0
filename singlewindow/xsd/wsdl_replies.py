"""Replies of services that are not ours: opened leniently, since authorities' envelopes are often untidy, but bounded
by the one XML door.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from lxml import etree

from singlewindow.errors import SingleWindowError
from singlewindow.xsd.base64_text import decode_base64
from singlewindow.xsd.parser import Element, parse
from singlewindow.xsd.soap_envelope import MalformedSoap, SoapMessage, version_of
from singlewindow.xsd.soap_faults import SoapFault, read_fault
from singlewindow.xsd.wsdl_encoding import resolve_references

PayloadForm = Literal["xml", "text", "base64", "gzip+base64"]
"""How a document stands within a reply: as elements, as escaped text, or packed."""

MOST_PAYLOAD_BYTES = 16_000_000
_ENCODINGS = frozenset({"gbk", "gb18030"})


@dataclass(frozen=True, slots=True)
class ForeignFault:
    """A Fault, and every name under which configuration may speak of it: its codes, its details' elements, its text."""

    fault: SoapFault
    marks: tuple[str, ...]

    def fits(self, pattern: str) -> bool:
        """True when a pattern with `*` and `?` fits one of the marks."""
        return any(fnmatchcase(mark, pattern) for mark in self.marks)


@dataclass(frozen=True, slots=True)
class ForeignReply:
    """An opened envelope: `content` is the Body's first element (the Body itself when it is empty)."""

    content: Element
    fault: ForeignFault | None


def open_foreign(body: bytes) -> ForeignReply:
    """Open the envelope of any service's reply. Raises MalformedSoap for what is no SOAP at all."""
    try:
        root = parse(_trim(body), encodings=_ENCODINGS)
    except SingleWindowError as error:
        raise MalformedSoap(f"not readable as XML: {error.detail}") from error
    name = etree.QName(root)
    if name.localname != "Envelope":
        raise MalformedSoap(f"a SOAP Envelope was expected, not {name.localname[:80]}")
    version = version_of(name.namespace or "")
    soap = f"{{{name.namespace}}}"
    found = root.find(f"{soap}Body")
    if found is None:
        raise MalformedSoap("the envelope has no Body", version=version)
    resolve_references(found)
    content = found[0] if len(found) else found
    if content.tag != f"{soap}Fault":
        return ForeignReply(content, None)
    return ForeignReply(content, _describe_fault(SoapMessage(version, "Fault", None, content)))


def _trim(body: bytes) -> bytes:
    """Without the white space that some services write before the XML declaration, where XML allows none."""
    mark = b"\xef\xbb\xbf"
    return body.lstrip(b" \t\r\n").removeprefix(mark).lstrip(b" \t\r\n")


def open_payload(text: str, form: PayloadForm) -> Element:
    """The document that stands in a reply as text. Raises MalformedSoap for what cannot be unpacked or read."""
    content = unpack(text, form)
    try:
        return parse(content, encodings=_ENCODINGS)
    except SingleWindowError as error:
        raise MalformedSoap(f"the document within the reply cannot be read: {error.detail}") from error


def unpack(text: str, form: PayloadForm) -> bytes:
    """The bytes of a document that a reply holds. Raises MalformedSoap."""
    try:
        content = text.encode() if form in {"xml", "text"} else decode_base64(text)
        return _unzip(content) if form == "gzip+base64" else content
    except (ValueError, zlib.error) as error:
        raise MalformedSoap(f"the document within the reply cannot be unpacked: {error}") from error


def local_name(element: Element) -> str:
    """An element's name without its namespace."""
    return etree.QName(element).localname


def write_element(element: Element) -> bytes:
    """An element of a reply as a document of its own, to be kept."""
    return etree.tostring(element, encoding="UTF-8", xml_declaration=True, with_tail=False)


def _unzip(content: bytes) -> bytes:
    unpacking = zlib.decompressobj(wbits=31)
    unpacked = unpacking.decompress(content, MOST_PAYLOAD_BYTES)
    if unpacking.unconsumed_tail:
        raise zlib.error(f"more than {MOST_PAYLOAD_BYTES} bytes")
    if not unpacking.eof:
        raise zlib.error("it is cut off")
    return unpacked


def _describe_fault(message: SoapMessage) -> ForeignFault:
    fault = read_fault(message)
    details = [etree.QName(one).localname for one in message.element.iterfind("detail/*")]
    details += [etree.QName(one).localname for one in message.element.iterfind("{*}Detail/*")]
    codes = [(one.text or "").strip() for one in message.element.iter("{*}faultcode", "{*}Value")]
    local = [code.rpartition(":")[2] for code in codes]
    return ForeignFault(fault, tuple(mark for mark in (*codes, *local, fault.code, *details, fault.text) if mark))
