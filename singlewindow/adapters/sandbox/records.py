"""What passes between the sandbox's parts: a request as an agency reads it, what it decided, and what it will say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

EventKind = Literal["effect", "duplicate"]

NO_FIELDS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Request:
    """One task: the agency asked, what it is to do (`action`), and what it reads in the original.

    `fields` are the values the agency keeps of the declaration, `lists` its repeated ones (legs, lines); `reference`
    is the trader's own reference, where magic words are looked for; `references` came with the task from others.
    `at_ms` (milliseconds since the epoch) never falls over the requests of a sandbox. `outcome` (a magic word or
    nothing) and `delay_ms` (until the last decision) are what the scenario drew for it.
    """

    agency: str
    action: str
    task_id: str
    sender: str
    at_ms: int
    root: str
    reference: str
    fields: dict[str, str]
    lists: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    references: dict[str, str] = field(default_factory=dict)
    leg: int | None = None
    message_set: str = ""
    outcome: str = ""
    delay_ms: int = 0


def story_key(request: Request) -> str:
    """What a request is called wherever chance decides: the trader's reference and what is asked, and no id of ours."""
    return f"{request.action}|{request.root}|{request.reference}|{request.leg or ''}"


@dataclass(frozen=True, slots=True)
class Statement:
    """What a response document says: its root, the fields repeated from the request (`about`), and the new ones.

    `items` are the lines of a CEB792; `references` (numbers by name) and `error` belong to the Response of export-1.
    """

    root: str
    about: Mapping[str, str]
    values: Mapping[str, str] = field(default_factory=dict)
    items: tuple[Mapping[str, str], ...] = ()
    references: Mapping[str, str] = field(default_factory=dict)
    error: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Notice:
    """One notice about the task `task_id`, to be issued at `due_ms`; its document is written when it is sent.

    `words` are the magic words of the document it is about.
    """

    notice_id: str
    agency: str
    task_id: str
    due_ms: int
    statement: Statement
    words: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Decision:
    """What came of a request. `answer` is the notice in the SOAP reply, `notices` follow later.

    `business_key` and `action` are what effects are counted by; `attempt` counts filings of a key that had become
    free again. A `duplicate` (of another task that is alive) had no effect.
    """

    business_key: str
    action: str
    answer: Notice
    notices: tuple[Notice, ...] = ()
    kind: EventKind = "effect"
    attempt: int = 1
    duplicate_of: str | None = None


def describe(request: Request, decision: Decision) -> dict[str, Any]:
    """The journal's line: what was decided, and the request, from which the same decision can be made again."""
    return {
        "kind": decision.kind,
        "agency": request.agency,
        "business_key": decision.business_key,
        "action": decision.action,
        "attempt": decision.attempt,
        "task_id": request.task_id,
        "at_ms": request.at_ms,
        "sender": request.sender,
        "asked": request.action,
        "root": request.root,
        "reference": request.reference,
        "fields": request.fields,
        "lists": request.lists,
        "references": request.references,
        "leg": request.leg,
        "message_set": request.message_set,
        "outcome": request.outcome,
        "delay_ms": request.delay_ms,
    } | ({"duplicate_of": decision.duplicate_of} if decision.duplicate_of else {})


def recall(line: Mapping[str, Any]) -> Request:
    """The request of a journal's line."""
    return Request(
        agency=line["agency"],
        action=line["asked"],
        task_id=line["task_id"],
        sender=line["sender"],
        at_ms=line["at_ms"],
        root=line["root"],
        reference=line["reference"],
        fields=line["fields"],
        lists=line["lists"],
        references=line["references"],
        leg=line["leg"],
        message_set=line.get("message_set", ""),
        outcome=line.get("outcome", ""),
        delay_ms=line.get("delay_ms", 0),
    )
