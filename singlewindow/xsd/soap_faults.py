"""SOAP Faults in both versions, and our standard detail `ex:Failure` that says whether to send again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lxml import etree

from singlewindow.errors import SingleWindowError
from singlewindow.xsd.soap_envelope import (
    EX,
    NAMESPACES,
    FaultRole,
    MalformedSoap,
    SoapMessage,
    SoapVersion,
    add_text,
    open_envelope,
    start_envelope,
    write,
)

Retry = Literal["resend", "stop"]

_NAMES: dict[SoapVersion, dict[FaultRole, str]] = {
    "1.1": {
        "client": "Client",
        "server": "Server",
        "must-understand": "MustUnderstand",
        "version-mismatch": "VersionMismatch",
    },
    "1.2": {
        "client": "Sender",
        "server": "Receiver",
        "must-understand": "MustUnderstand",
        "version-mismatch": "VersionMismatch",
    },
}
# of retryAfterSeconds: exchange.xsd allows a day
_SECONDS_DIGITS = 5
_ROLES = {name: role for names in _NAMES.values() for role, name in names.items()}


@dataclass(frozen=True, slots=True)
class SoapFault:
    """A Fault. `code` is the Failure's own code, else the fault code; `retry` is None when no Failure came with it."""

    code: str
    text: str
    role: FaultRole = "server"
    retry: Retry | None = None
    retry_after_seconds: int | None = None

    @property
    def is_server(self) -> bool:
        """True when the side that answered says that the fault is its own."""
        return self.role == "server"


class FaultReceived(SingleWindowError):
    """The other side answered with a Fault."""

    code = "soap-fault"

    def __init__(self, fault: SoapFault) -> None:
        super().__init__(f"SOAP Fault {fault.code}: {fault.text}")
        self.fault = fault


def open_reply(body: bytes) -> SoapMessage:
    """Open the envelope of a reply. Raises FaultReceived for a Fault and MalformedSoap for what is no SOAP."""
    message = open_envelope(body)
    if message.element.tag == f"{{{NAMESPACES[message.version]}}}Fault":
        raise FaultReceived(read_fault(message))
    return message


def describe_mistake(mistake: MalformedSoap) -> SoapFault:
    """The Fault that answers a message we could not read; sending it again cannot help."""
    return SoapFault(mistake.code, mistake.detail, role=mistake.role, retry="stop")


def write_fault(fault: SoapFault, *, version: SoapVersion, call: SoapMessage | None = None) -> bytes:
    """A Fault envelope; the correlation of `call` is repeated when there is one to repeat."""
    root, body = start_envelope(version, call.call_id if call else None)
    soap = f"{{{NAMESPACES[version]}}}"
    element = etree.SubElement(body, f"{soap}Fault")
    detail = _write_fault11(element, fault) if version == "1.1" else _write_fault12(element, fault, soap)
    if fault.retry is not None:
        _write_failure(detail, fault, fault.retry)
    return write(root)


def fault_status(fault: SoapFault, version: SoapVersion) -> int:
    """The HTTP status that the SOAP binding prescribes: 1.1 always 500, 1.2 gives 400 for the sender's faults."""
    return 400 if version == "1.2" and fault.role == "client" else 500


def _write_fault11(element: etree._Element, fault: SoapFault) -> etree._Element:
    etree.SubElement(element, "faultcode").text = f"soap:{_NAMES['1.1'][fault.role]}"
    etree.SubElement(element, "faultstring").text = fault.text
    return etree.SubElement(element, "detail")


def _write_fault12(element: etree._Element, fault: SoapFault, soap: str) -> etree._Element:
    code = etree.SubElement(element, f"{soap}Code")
    etree.SubElement(code, f"{soap}Value").text = f"soap:{_NAMES['1.2'][fault.role]}"
    text = etree.SubElement(etree.SubElement(element, f"{soap}Reason"), f"{soap}Text")
    text.set("{http://www.w3.org/XML/1998/namespace}lang", "en")
    text.text = fault.text
    return etree.SubElement(element, f"{soap}Detail")


def _write_failure(detail: etree._Element, fault: SoapFault, retry: Retry) -> None:
    failure = etree.SubElement(detail, f"{EX}Failure")
    add_text(failure, "code", fault.code)
    add_text(failure, "text", fault.text)
    add_text(failure, "retry", retry)
    if fault.retry_after_seconds is not None:
        add_text(failure, "retryAfterSeconds", str(fault.retry_after_seconds))


def read_fault(message: SoapMessage) -> SoapFault:
    """Agencies' Faults are often untidy, so everything is optional here: an unreadable code counts as the server's."""
    code, text = _read_code_and_text(message)
    role = _ROLES.get(code.rpartition(":")[2].partition(".")[0], "server")
    failure = next(message.element.iter(f"{EX}Failure"), None)
    if failure is None:
        return SoapFault(code, text, role=role)
    return SoapFault(
        failure.findtext(f"{EX}code") or code,
        failure.findtext(f"{EX}text") or text,
        role=role,
        retry=_read_retry(failure),
        retry_after_seconds=_read_seconds(failure),
    )


def _read_code_and_text(message: SoapMessage) -> tuple[str, str]:
    if message.version == "1.1":
        code, text = "faultcode", "faultstring"
    else:
        soap = f"{{{NAMESPACES['1.2']}}}"
        code, text = f"{soap}Code/{soap}Value", f"{soap}Reason/{soap}Text"
    return (message.element.findtext(code) or "").strip(), (message.element.findtext(text) or "").strip()


def _read_retry(failure: etree._Element) -> Retry | None:
    match (failure.findtext(f"{EX}retry") or "").strip():
        case "resend":
            return "resend"
        case "stop":
            return "stop"
        case _:
            return None


def _read_seconds(failure: etree._Element) -> int | None:
    text = (failure.findtext(f"{EX}retryAfterSeconds") or "").strip()
    return int(text) if text.isdecimal() and len(text) <= _SECONDS_DIGITS else None
