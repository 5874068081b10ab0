"""The requests agencies receive, read on the server's side; every one is first validated against exchange.xsd."""

from __future__ import annotations

import hashlib
from base64 import b64decode
from dataclasses import dataclass
from uuid import UUID

from lxml import etree

from singlewindow.xsd.soap_descriptions import check_schema
from singlewindow.xsd.soap_envelope import EX, MalformedSoap, SoapMessage


@dataclass(frozen=True, slots=True)
class SubmittedTask:
    """One declaration to act on: its position in the original (from 1), its leg, and what other authorities gave."""

    task_id: UUID
    ordinal: int
    leg: int | None
    references: dict[str, str]


@dataclass(frozen=True, slots=True)
class SubmittedItem:
    """One original, whose bytes agree with `sha256`, and the tasks that act on its declarations."""

    message_id: UUID
    message_set: str
    root: str
    sha256: str
    original: bytes
    tasks: tuple[SubmittedTask, ...]


@dataclass(frozen=True, slots=True)
class Submission:
    """Everything of one call."""

    call_id: UUID
    sender: str
    environment: str | None
    action: str
    items: tuple[SubmittedItem, ...]


@dataclass(frozen=True, slots=True)
class FetchRequest:
    """Ask for notices after a cursor; the empty cursor is the start."""

    after: str
    limit: int


def read_submission(message: SoapMessage) -> Submission:
    """Read a submission under any operation's name. Raises MalformedSoap, also for an original that is not its hash."""
    check_schema(message)
    element = message.element
    call_id = _uuid(element, "callId")
    if message.call_id not in (None, call_id):
        raise MalformedSoap("Correlation/callId differs from the body's callId", version=message.version)
    items = tuple(_read_item(item, message) for item in element.iterfind(f"{EX}item"))
    sender, environment = _text(element, "sender"), element.findtext(f"{EX}environment")
    return Submission(call_id, sender, environment, _text(element, "action"), items)


def read_status_request(message: SoapMessage) -> tuple[UUID, ...]:
    """The tasks asked about. Raises MalformedSoap."""
    check_schema(message)
    return tuple(UUID(str(task.text).strip()) for task in message.element.iterfind(f"{EX}taskId"))


def read_fetch_request(message: SoapMessage) -> FetchRequest:
    """The cursor and the limit. Raises MalformedSoap."""
    check_schema(message)
    return FetchRequest(_text(message.element, "after"), int(_text(message.element, "limit")))


def _read_item(item: etree._Element, message: SoapMessage) -> SubmittedItem:
    original = b64decode(_text(item, "original"))
    sha256 = _text(item, "sha256").strip()
    if hashlib.sha256(original).hexdigest() != sha256:
        raise MalformedSoap(f"the original is not the one with SHA-256 {sha256}", version=message.version)
    return SubmittedItem(
        _uuid(item, "messageId"),
        _text(item, "messageSet"),
        _text(item, "root").strip(),
        sha256,
        original,
        tuple(_read_task(task) for task in item.iterfind(f"{EX}task")),
    )


def _read_task(task: etree._Element) -> SubmittedTask:
    leg = task.findtext(f"{EX}leg")
    references = {_text(pair, "name"): _text(pair, "value") for pair in task.iterfind(f"{EX}reference")}
    return SubmittedTask(_uuid(task, "taskId"), int(_text(task, "ordinal")), int(leg) if leg else None, references)


def _text(parent: etree._Element, name: str) -> str:
    return parent.findtext(f"{EX}{name}") or ""


def _uuid(parent: etree._Element, name: str) -> UUID:
    return UUID(_text(parent, name).strip())
