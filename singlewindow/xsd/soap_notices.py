"""Notices that agencies push to us: the operation Notify of notification.wsdl, both sides."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from lxml import etree

from singlewindow.xsd.soap_descriptions import check_schema
from singlewindow.xsd.soap_envelope import (
    EX,
    MalformedSoap,
    SoapMessage,
    SoapVersion,
    add_text,
    start_envelope,
    start_reply,
    write,
)
from singlewindow.xsd.soap_replies import TaskNotice, add_notice, read_notices

NOTIFY = "Notify"


@dataclass(frozen=True, slots=True)
class Notification:
    """1 to 100 notices of one agency, every one with a document."""

    agency: str
    notices: tuple[TaskNotice, ...]


def write_notification(notification: Notification, *, call_id: UUID, version: SoapVersion = "1.1") -> bytes:
    """The request of an agency that pushes."""
    root, body = start_envelope(version, call_id)
    notify = etree.SubElement(body, f"{EX}{NOTIFY}")
    add_text(notify, "agency", notification.agency)
    for notice in notification.notices:
        add_notice(notify, notice)
    return write(root)


def read_notification(message: SoapMessage) -> Notification:
    """What an agency pushed. Raises MalformedSoap for another operation and for content against exchange.xsd."""
    if message.operation != NOTIFY:
        raise MalformedSoap(f"this service offers {NOTIFY}, not {message.operation}", version=message.version)
    check_schema(message)
    return Notification(message.element.findtext(f"{EX}agency") or "", read_notices(message.element))


def write_notification_reply(request: SoapMessage, *, accepted: int) -> bytes:
    """Our answer after the notices are stored; repeated ones count as accepted."""
    root, reply = start_reply(request)
    add_text(reply, "accepted", str(accepted))
    return write(root)


def read_notification_reply(message: SoapMessage) -> int:
    """How many notices were accepted. Raises MalformedSoap."""
    check_schema(message)
    if message.operation != f"{NOTIFY}Response":
        raise MalformedSoap(f"{NOTIFY}Response was expected, not {message.operation}", version=message.version)
    return int(message.element.findtext(f"{EX}accepted") or "0")
