"""The port's types put into the words of exchange.xsd, and its answers put into the port's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from singlewindow.adapters.port import Answer, Call, Notice, OriginalItem, TaskItem
from singlewindow.xsd.soap_replies import TaskNotice, TaskResult


def describe_call(call: Call, environment: str | None) -> dict[str, Any]:
    """The call as `Submission` of exchange.xsd."""
    return {
        "callId": str(call.call_id),
        "sender": call.sender,
        "environment": environment,
        "action": call.action,
        "item": [_describe_item(item) for item in call.items],
    }


def _describe_item(item: OriginalItem) -> dict[str, Any]:
    return {
        "messageId": str(item.message_id),
        "messageSet": item.message_set,
        "root": item.root,
        "sha256": item.sha256,
        "original": item.original,
        "task": [_describe_task(task) for task in item.tasks],
    }


def _describe_task(task: TaskItem) -> dict[str, Any]:
    references = [{"name": name, "value": value} for name, value in sorted(task.references.items())]
    return {"taskId": str(task.task_id), "ordinal": task.ordinal, "leg": task.leg, "reference": references}


def read_answers(asked: Iterable[UUID], results: Iterable[TaskResult]) -> tuple[Answer, ...]:
    """One answer for each task asked about; a task answered never, or twice and differently, is `unknown`.

    Results for other tasks are dropped.
    """
    found: dict[UUID, Answer] = {}
    for result in results:
        answer = Answer(result.task_id, result.verdict, result.code, result.text, _notice_of(result))
        if found.setdefault(result.task_id, answer) != answer:
            found[result.task_id] = _unknown(result.task_id, "the agency answered twice and differently")
    return tuple(found.get(task_id) or _unknown(task_id, "the reply does not answer this task") for task_id in asked)


def _unknown(task_id: UUID, text: str) -> Answer:
    return Answer(task_id, "unknown", code="no-answer", text=text)


def _notice_of(result: TaskResult) -> Notice | None:
    return read_notice(result.notice) if result.notice is not None else None


def read_notice(notice: TaskNotice) -> Notice:
    """A notice of the exchange as the port's."""
    return Notice(notice.notice_id, notice.document, notice.task_id)
