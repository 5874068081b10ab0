"""SOAP section 5 encoding, as far as RPC/encoded services need it: typed parts out, references resolved in."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy

from lxml import etree

from singlewindow.xsd.parser import Element
from singlewindow.xsd.soap_envelope import VERSIONS, MalformedSoap
from singlewindow.xsd.wsdl_bindings import Encoding

XSI_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
MOST_REFERENCES = 1000
"""References resolved in one reply, so that a circle ends."""

MOST_REPEATED_BYTES = 4_000_000
"""What is put in for references altogether: ten that each hold ten that each hold ten grow to anything."""


def mark_encoded(envelope: Element, encoding: Encoding, types: Mapping[str, tuple[str, str]]) -> None:
    """Name the encoding on the operation's element and the type (namespace, name) on each of its parts."""
    soap = etree.QName(envelope).namespace or ""
    for wrapper in envelope.iterfind(f"{{{soap}}}Body/*"):
        if soap in VERSIONS:
            wrapper.set(f"{{{soap}}}encodingStyle", encoding.style)
        for part in wrapper:
            if named := types.get(etree.QName(part).localname):
                _set_type(part, *named)


def _set_type(part: Element, namespace: str, name: str) -> None:
    """An xsi:type needs a prefix in scope; where there is none, an attribute in that namespace brings one."""
    prefix = next((one for one, uri in part.nsmap.items() if uri == namespace and one), None)
    if prefix is None:
        carrier = f"{{{namespace}}}type"
        part.set(carrier, "")
        prefix = next(one for one, uri in part.nsmap.items() if uri == namespace and one)
        del part.attrib[carrier]
    part.set(XSI_TYPE, f"{prefix}:{name}")


def resolve_references(body: Element) -> None:
    """Put what `href="#id"` points to in its place, in a reply's Body; a reference to nothing stays as it is.

    References are followed one level at a time and at most MOST_REFERENCES of them. Raises MalformedSoap for a reply
    that repeats itself beyond MOST_REPEATED_BYTES.
    """
    targets = {one.get("id"): one for one in body.iterfind("*[@id]")}
    if not targets:
        return
    waiting, resolved, repeated = list(body.iterfind(".//*[@href]")), 0, 0
    while waiting and resolved < MOST_REFERENCES:
        reference = waiting.pop()
        target = targets.get((reference.get("href") or "").removeprefix("#"))
        if target is None or target is reference or _encloses(target, reference):
            continue
        resolved += 1
        repeated += len(etree.tostring(target, with_tail=False))
        if repeated > MOST_REPEATED_BYTES:
            raise MalformedSoap(f"its references repeat more than {MOST_REPEATED_BYTES} bytes")
        del reference.attrib["href"]
        reference.text = target.text
        copies = [deepcopy(child) for child in target]
        reference.extend(copies)
        waiting += [one for copy in copies for one in copy.iter() if one.get("href")]


def _encloses(target: Element, reference: Element) -> bool:
    return any(ancestor is target for ancestor in reference.iterancestors())
