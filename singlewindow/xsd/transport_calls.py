"""Calls of the sandbox carriers' own services: each mode of transport has its description and its vocabulary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from lxml import etree

from singlewindow.xsd.parser import Element, parse
from singlewindow.xsd.refused import Refused
from singlewindow.xsd.soap_descriptions import DESCRIPTIONS
from singlewindow.xsd.soap_envelope import NAMESPACES, MalformedSoap, SoapMessage, version_of, write
from singlewindow.xsd.writing import build

_XS = "{http://www.w3.org/2001/XMLSchema}"
_WSDL = "{http://schemas.xmlsoap.org/wsdl/}"
_ADDRESSES = ("{http://schemas.xmlsoap.org/wsdl/soap/}address", "{http://schemas.xmlsoap.org/wsdl/soap12/}address")


@dataclass(frozen=True, slots=True)
class TransportCall:
    """A call that is valid by its service's description; `values` are its elements' texts by name, in their order."""

    message: SoapMessage
    values: Mapping[str, tuple[str, ...]]

    def first(self, name: str) -> str:
        """The first text of an element, empty when there is none."""
        return next(iter(self.values.get(name, ())), "")


def describe_transport(mode: str, *, address: str) -> bytes:
    """The WSDL of a mode (`road`, `rail`, `sea`, `air`) with its port at `address`."""
    root = _read_description(mode)
    for name in _ADDRESSES:
        for port in root.iter(name):
            port.set("location", address)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def open_transport_call(mode: str, body: bytes) -> TransportCall:
    """Read a call of either SOAP version. Raises MalformedSoap for what the mode's description does not allow."""
    try:
        root = parse(body)
    except Refused as refusal:
        raise MalformedSoap(f"not readable as XML: {refusal.detail}") from refusal
    version = version_of(etree.QName(root).namespace or "")
    content = root.find(f"{{{NAMESPACES[version]}}}Body/*")
    if content is None:
        raise MalformedSoap("the Body is empty", version=version)
    schema = _schema(mode)
    if not schema.validate(content):
        errors: Any = schema.error_log
        raise MalformedSoap(f"line {errors[0].line}: {errors[0].message[:500]}", version=version)
    values: dict[str, tuple[str, ...]] = {}
    for leaf in content:
        name = etree.QName(leaf).localname
        values[name] = (*values.get(name, ()), (leaf.text or "").strip())
    return TransportCall(SoapMessage(version, etree.QName(content).localname, None, content), values)


def write_transport_reply(message: SoapMessage, content: Mapping[str, Any]) -> bytes:
    """The reply to a call: names, texts and what is nested, in the order of the description."""
    soap = f"{{{NAMESPACES[message.version]}}}"
    root = etree.Element(f"{soap}Envelope", nsmap={"soap": NAMESPACES[message.version]})
    namespace = etree.QName(message.element).namespace or ""
    reply = build(namespace, f"{message.operation}Response", content)
    etree.SubElement(root, f"{soap}Body").append(parse(reply))
    return write(root)


@cache
def _schema(mode: str) -> etree.XMLSchema:
    return etree.XMLSchema(next(_read_description(mode).iterfind(f"{_WSDL}types/{_XS}schema")))


def _read_description(mode: str) -> Element:
    return parse((DESCRIPTIONS / "transport" / f"{mode}.wsdl").read_bytes())
