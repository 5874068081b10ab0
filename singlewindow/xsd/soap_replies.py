"""Agencies' replies: results and notices, written on the server's side and read on the client's."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from lxml import etree

from singlewindow.xsd.base64_text import decode_base64
from singlewindow.xsd.soap_descriptions import check_schema
from singlewindow.xsd.soap_envelope import EX, MalformedSoap, SoapMessage, add_text, start_reply, write

TaskVerdict = Literal["acknowledged", "rejected", "retry"]
UNKNOWN_TASK = "unknown-task"

_VERDICTS: dict[str, TaskVerdict] = {"acknowledged": "acknowledged", "rejected": "rejected", "retry": "retry"}


@dataclass(frozen=True, slots=True)
class TaskNotice:
    """One notice: the agency's own id for it, its document as issued, and the task it answers if it names one."""

    notice_id: str
    document: bytes | None
    task_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class TaskResult:
    """What an agency answers for one task, to its submission and, the same again, to AskStatus."""

    task_id: UUID
    verdict: TaskVerdict
    code: str = ""
    text: str = ""
    notice: TaskNotice | None = None


def write_results(request: SoapMessage, results: Iterable[TaskResult]) -> bytes:
    """The reply to a submission or to AskStatus."""
    root, reply = start_reply(request)
    for result in results:
        _add_result(reply, result)
    return write(root)


def write_fetch_reply(request: SoapMessage, notices: Iterable[TaskNotice], *, next_cursor: str) -> bytes:
    """The reply to FetchNotices; every notice carries a document."""
    root, reply = start_reply(request)
    for notice in notices:
        add_notice(reply, notice)
    add_text(reply, "next", next_cursor)
    return write(root)


def read_results(message: SoapMessage) -> tuple[TaskResult, ...]:
    """The results of a reply, in its order; one that cannot be read is left out, so that it spoils no other.

    Raises MalformedSoap when the body is no reply with results at all.
    """
    if not message.operation.endswith("Response"):
        raise MalformedSoap(f"a reply was expected, not {message.operation}", version=message.version)
    found = (_read_result(result) for result in message.element.iterfind(f"{EX}result"))
    return tuple(result for result in found if result is not None)


def read_fetch_reply(message: SoapMessage) -> tuple[tuple[TaskNotice, ...], str]:
    """The notices and the next cursor. Raises MalformedSoap: a notice that cannot be read must not be skipped."""
    check_schema(message)
    if message.operation != "FetchNoticesResponse":
        raise MalformedSoap(f"notices were expected, not {message.operation}", version=message.version)
    return read_notices(message.element), message.element.findtext(f"{EX}next") or ""


def read_notices(parent: etree._Element) -> tuple[TaskNotice, ...]:
    """The notices directly in an element that is valid against exchange.xsd."""
    return tuple(_read_notice(notice) for notice in parent.iterfind(f"{EX}notice"))


def add_notice(parent: etree._Element, notice: TaskNotice) -> None:
    """Append a notice in the order that exchange.xsd prescribes."""
    element = etree.SubElement(parent, f"{EX}notice")
    add_text(element, "noticeId", notice.notice_id)
    if notice.task_id is not None:
        add_text(element, "taskId", str(notice.task_id))
    if notice.document is not None:
        add_text(element, "document", b64encode(notice.document).decode("ascii"))


def _add_result(reply: etree._Element, result: TaskResult) -> None:
    element = etree.SubElement(reply, f"{EX}result")
    add_text(element, "taskId", str(result.task_id))
    add_text(element, "verdict", result.verdict)
    if result.code:
        add_text(element, "code", result.code)
    if result.text:
        add_text(element, "text", result.text)
    if result.notice is not None:
        # within a result the task is already named
        add_notice(element, TaskNotice(result.notice.notice_id, result.notice.document))


def _read_result(result: etree._Element) -> TaskResult | None:
    verdict = _VERDICTS.get((result.findtext(f"{EX}verdict") or "").strip())
    if verdict is None:
        return None
    notice = result.find(f"{EX}notice")
    try:
        task_id = UUID((result.findtext(f"{EX}taskId") or "").strip())
        answered = _read_notice(notice, task_id) if notice is not None else None
    except ValueError:
        return None
    code, text = result.findtext(f"{EX}code") or "", result.findtext(f"{EX}text") or ""
    return TaskResult(task_id, verdict, code, text, answered)


def _read_notice(notice: etree._Element, task_id: UUID | None = None) -> TaskNotice:
    named, document = notice.findtext(f"{EX}taskId"), notice.findtext(f"{EX}document")
    notice_id = notice.findtext(f"{EX}noticeId") or ""
    if not notice_id:
        raise ValueError("a notice without its id")
    return TaskNotice(
        notice_id,
        decode_base64(document) if document is not None else None,
        UUID(named.strip()) if named else task_id,
    )
