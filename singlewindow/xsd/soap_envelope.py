"""SOAP 1.1 and 1.2 envelopes: opened through the one XML door, checked, and wrapped around a body.

A message is dispatched on the body's element alone; the HTTP header SOAPAction may only agree with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from lxml import etree

from singlewindow.errors import SingleWindowError
from singlewindow.xsd.parser import parse

SoapVersion = Literal["1.1", "1.2"]
FaultRole = Literal["client", "server", "must-understand", "version-mismatch"]

EXCHANGE = "urn:singlewindow:exchange:1"
EX = f"{{{EXCHANGE}}}"
NAMESPACES: dict[SoapVersion, str] = {
    "1.1": "http://schemas.xmlsoap.org/soap/envelope/",
    "1.2": "http://www.w3.org/2003/05/soap-envelope",
}
VERSIONS = {namespace: version for version, namespace in NAMESPACES.items()}


class MalformedSoap(SingleWindowError):
    """Not a SOAP message we can act on. `version` and `role` say how to answer it with a Fault."""

    code = "malformed-soap"

    def __init__(self, detail: str, *, role: FaultRole = "client", version: SoapVersion = "1.1") -> None:
        super().__init__(detail)
        self.role: FaultRole = role
        self.version: SoapVersion = version


@dataclass(frozen=True, slots=True)
class SoapMessage:
    """An opened envelope. `operation` is the local name of the body's only element, `call_id` that of the header."""

    version: SoapVersion
    operation: str
    call_id: UUID | None
    element: etree._Element


def open_envelope(body: bytes) -> SoapMessage:
    """Parse and check an envelope: one Body, one element in it, no header that must be understood and is unknown.

    Raises MalformedSoap, also for bytes that are no XML or carry a DOCTYPE.
    """
    root = _parse(body)
    version = _read_version(root)
    namespace = NAMESPACES[version]
    header, content = _split(root, version)
    if header is not None:
        _refuse_unknown_headers(header, version)
    name = etree.QName(content)
    if name.namespace not in (EXCHANGE, namespace):
        raise MalformedSoap(f"the body's element {name.text} is in no namespace of ours", version=version)
    return SoapMessage(version, name.localname, _read_call_id(header, version), content)


def check_soap_action(message: SoapMessage, named: str | None) -> None:
    """Refuse an HTTP SOAPAction (or SOAP 1.2 `action`) that names another operation than the body does.

    Absent and empty values are allowed: the header is a hint for firewalls and decides nothing.
    """
    action = (named or "").strip('" ')
    if action and action != soap_action(message.operation):
        raise MalformedSoap(f"SOAPAction {action[:200]!r} but the body is {message.operation}", version=message.version)


def version_of(namespace: str) -> SoapVersion:
    """The SOAP version of an envelope namespace. Raises MalformedSoap for any other namespace."""
    if namespace not in VERSIONS:
        raise MalformedSoap("neither SOAP 1.1 nor SOAP 1.2", role="version-mismatch")
    return VERSIONS[namespace]


def start_envelope(version: SoapVersion, call_id: UUID | None) -> tuple[etree._Element, etree._Element]:
    """An envelope with our correlation header (none without a call id), and its empty Body to fill."""
    soap = f"{{{NAMESPACES[version]}}}"
    root = etree.Element(f"{soap}Envelope", nsmap={"soap": NAMESPACES[version], "ex": EXCHANGE})
    if call_id is not None:
        correlation = etree.SubElement(etree.SubElement(root, f"{soap}Header"), f"{EX}Correlation")
        add_text(correlation, "callId", str(call_id))
    return root, etree.SubElement(root, f"{soap}Body")


def start_reply(message: SoapMessage) -> tuple[etree._Element, etree._Element]:
    """The envelope that answers a message, in its version and with its correlation, and the wrapper to fill."""
    root, body = start_envelope(message.version, message.call_id)
    return root, etree.SubElement(body, f"{EX}{message.operation}Response")


def add_text(parent: etree._Element, name: str, value: str) -> None:
    """Append a leaf of the exchange namespace."""
    etree.SubElement(parent, f"{EX}{name}").text = value


def write(root: etree._Element) -> bytes:
    """The bytes for the wire: UTF-8 with an XML declaration."""
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def soap_action(operation: str) -> str:
    """The SOAPAction of an operation in our own WSDLs."""
    return f"{EXCHANGE}/{operation}"


def http_headers(version: SoapVersion, action: str = "") -> dict[str, str]:
    """HTTP headers of a request with this SOAPAction, or of a reply when none is given."""
    if version == "1.2":
        parameter = f'; action="{action}"' if action else ""
        return {"Content-Type": f"application/soap+xml; charset=utf-8{parameter}"}
    headers = {"Content-Type": "text/xml; charset=utf-8"}
    return headers | {"SOAPAction": f'"{action}"'} if action else headers


def _parse(body: bytes) -> etree._Element:
    try:
        return parse(body)
    except SingleWindowError as error:
        raise MalformedSoap(f"not readable as XML: {error.detail}") from error


def _read_version(root: etree._Element) -> SoapVersion:
    name = etree.QName(root)
    if name.localname != "Envelope":
        raise MalformedSoap(f"a SOAP Envelope was expected, not {name.localname[:80]}")
    return version_of(name.namespace or "")


def _split(root: etree._Element, version: SoapVersion) -> tuple[etree._Element | None, etree._Element]:
    soap = f"{{{NAMESPACES[version]}}}"
    parts = [child.tag for child in root]
    if parts not in ([f"{soap}Body"], [f"{soap}Header", f"{soap}Body"]):
        raise MalformedSoap("an envelope holds one optional Header and then one Body, nothing else", version=version)
    if len(root[-1]) != 1:
        raise MalformedSoap(f"the Body holds {len(root[-1])} elements and must hold one", version=version)
    return root.find(f"{soap}Header"), root[-1][0]


def _refuse_unknown_headers(header: etree._Element, version: SoapVersion) -> None:
    must = f"{{{NAMESPACES[version]}}}mustUnderstand"
    for block in header:
        if block.tag != f"{EX}Correlation" and block.get(must, "0").strip() in {"1", "true"}:
            raise MalformedSoap(f"header {block.tag} is not understood", role="must-understand", version=version)


def _read_call_id(header: etree._Element | None, version: SoapVersion) -> UUID | None:
    text = header.findtext(f"{EX}Correlation/{EX}callId") if header is not None else None
    if text is None:
        return None
    try:
        return UUID(text.strip())
    except ValueError as error:
        raise MalformedSoap("Correlation/callId is not a UUID", version=version) from error
