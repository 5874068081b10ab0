"""Replies read by configuration: what each says, and of which task."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from singlewindow.adapters.declared.configuration import Errors, Meaning, Reply
from singlewindow.adapters.declared.meanings import Meanings
from singlewindow.adapters.declared.reading import AgencyFolder
from singlewindow.adapters.port import NO_ANSWER, UNREADABLE, Answer, Notice, Verdict
from singlewindow.messages.instants import write_instant
from singlewindow.messages.judgement import Problem, ResponseUnit
from singlewindow.xsd.parser import Element
from singlewindow.xsd.soap_envelope import MalformedSoap
from singlewindow.xsd.wsdl_expressions import Expression, compile_expression
from singlewindow.xsd.wsdl_replies import local_name, open_payload, unpack, write_element

_VERDICTS: dict[Meaning, Verdict] = {
    "accepted": "acknowledged",
    "rejected": "rejected",
    "retry": "retry",
    "stop": "retry",
    "unknown": "unknown",
}
LONGEST_NOTICE_ID = 100
"""As exchange.xsd has it."""

_DIGITS = re.compile(r"[0-9]{14}(?:[0-9]{3})?")
_VALUES = ("item", "payload", "task_id", "call_id", "verdict", "code", "text", "time", "document", "notice_id")


@dataclass(frozen=True, slots=True)
class Said:
    """One thing said in a reply. `named` is what it says the task is called, None where it names none."""

    element: Element
    named: str | None
    meaning: Meaning
    code: str
    text: str
    notice: Notice


@dataclass(frozen=True, slots=True)
class ReplyReader:
    """Reads the replies of one operation. `strict`: what cannot be read spoils the whole, else only its own part.

    `element` is the local name that the WSDL gives the reply's element, None where it does not bind it.
    """

    table: Reply
    meanings: Meanings
    strict: bool = False
    element: str | None = None
    values: Mapping[str, Expression] = field(default_factory=dict)
    numbers: Mapping[str, Expression] = field(default_factory=dict)
    errors: Mapping[str, Expression] = field(default_factory=dict)

    def read(self, content: Element) -> tuple[Said, ...]:
        """Everything a reply says, in its order; `content` is the Body's element. Raises MalformedSoap."""
        if self.element not in {None, local_name(content)}:
            raise MalformedSoap(f"{self.element} was expected, not {local_name(content)[:80]}")
        start = self._open(content)
        found = self.values["item"].elements(start) if "item" in self.values else [start]
        return tuple(self._read_one(element) for element in found)

    def answers_another(self, content: Element, call_id: str) -> bool:
        """True when a reply names the call it answers, and that is not this one."""
        named = self.values["call_id"].text(content) if "call_id" in self.values else None
        return bool(named) and named != call_id

    def _open(self, content: Element) -> Element:
        payload = self.values.get("payload")
        if payload is None:
            return content
        found = payload.elements(content)
        if not found:
            raise MalformedSoap(f"the reply has no {payload.source}")
        if self.table.payload_form == "xml" and len(found[0]):
            return found[0][0]
        return open_payload(found[0].text or "", self.table.payload_form)

    def _read_one(self, element: Element) -> Said:
        code, text = self._text(element, "code"), self._text(element, "text")
        named = self.values["task_id"].text(element) if "task_id" in self.values else None
        meaning = self._meaning(element, code)
        try:
            return Said(element, named, meaning, code, text, self._notice(element, meaning, code, text))
        except MalformedSoap as mistake:
            if self.strict:
                raise
            return Said(element, named, "unknown", UNREADABLE, f"{code} {mistake.detail}".lstrip(), Notice("", None))

    def _meaning(self, element: Element, code: str) -> Meaning:
        """Where neither verdict nor code is looked for, an answer's mere presence accepts."""
        if "verdict" not in self.values and "code" not in self.values:
            return "accepted"
        verdict = self._text(element, "verdict") if "verdict" in self.values else code
        return self.meanings.of_code(verdict, self.table.codes) if verdict else "unknown"

    def _notice(self, element: Element, meaning: Meaning, code: str, text: str) -> Notice:
        document = self._document(element)
        said = self._unit(element, meaning, code, text)
        tells = said.state is not None or said.numbers or said.errors
        return Notice(self._text(element, "notice_id"), document, said=(said,) if tells else ())

    def _unit(self, element: Element, meaning: Meaning, code: str, text: str) -> ResponseUnit:
        state = "rejected" if meaning == "rejected" else self.meanings.state_of(code)
        if meaning not in {"accepted", "rejected"}:
            state = None
        errors = tuple(self._errors(element, code))
        if meaning == "rejected" and not errors:
            errors = (Problem(self._problem_code(code), text or "the authority refuses this"),)
        numbers = {name: value for name, one in self.numbers.items() if (value := one.text(element))}
        return ResponseUnit("answer", code, state, _time(self._text(element, "time")), text, {}, numbers, errors)

    def _errors(self, element: Element, otherwise: str) -> Iterable[Problem]:
        if "path" not in self.errors:
            return
        for entry in self.errors["path"].elements(element):
            found = {name: value for name, one in self.errors.items() if name != "path" and (value := one.text(entry))}
            yield Problem(
                self._problem_code(found.get("code", otherwise)),
                found.get("text", "the authority refuses this"),
                pointer=found.get("pointer"),
                value=found.get("value"),
            )

    def _problem_code(self, code: str) -> str:
        return f"agency.{self.meanings.agency}.{code or 'error'}"

    def _document(self, element: Element) -> bytes | None:
        expression = self.values.get("document")
        found = expression.elements(element) if expression else []
        if not found:
            return None
        if self.table.document_form == "xml" and len(found[0]):
            return write_element(found[0][0])
        return unpack(found[0].text or "", self.table.document_form)

    def _text(self, element: Element, name: str) -> str:
        expression = self.values.get(name)
        return (expression.text(element) or "") if expression else ""


def compile_reply(
    read: AgencyFolder,
    keys: tuple[str, ...],
    table: Reply,
    *,
    meanings: Meanings,
    strict: bool = False,
    element: str | None = None,
) -> ReplyReader:
    """Compile a reply's table; see ReplyReader. Raises ConfigurationError naming file, table and key."""

    def compiled(source: str, *more: str) -> Expression:
        with read.blame(*keys, *more):
            return compile_expression(source, read.agency.namespaces)

    values = {name: compiled(source, name) for name in _VALUES if (source := getattr(table, name)) is not None}
    numbers = {name: compiled(source, "numbers", name) for name, source in table.numbers.items()}
    errors = {name: compiled(source, "errors", name) for name, source in _given(table.errors).items()}
    return ReplyReader(table, meanings, strict, element, values, numbers, errors)


def _given(errors: Errors | None) -> dict[str, str]:
    return {} if errors is None else {name: value for name, value in errors.model_dump().items() if value is not None}


def match_answers(asked: Sequence[UUID], names: Mapping[str, UUID], said: Sequence[Said]) -> tuple[Answer, ...]:
    """One answer for each task. Answers that name no task are taken in the order of the request when there are as many;
    a task answered never, or twice and differently, is `unknown`.
    """
    if all(one.named is None for one in said):
        pairs = list(zip(asked, said, strict=True)) if len(said) == len(asked) else []
    else:
        pairs = [(names[one.named], one) for one in said if one.named is not None and one.named in names]
    found: dict[UUID, Answer] = {}
    for task_id, one in pairs:
        answer = answer_of(task_id, one)
        if found.setdefault(task_id, answer) != answer:
            found[task_id] = Answer(task_id, "unknown", NO_ANSWER, "the agency answered twice and differently")
    return tuple(found.get(task_id) or _unanswered(task_id) for task_id in asked)


def answer_of(task_id: UUID, said: Said) -> Answer:
    """What was said as the port's answer; a notice that tells nothing is left out."""
    notice = said.notice
    tells = (notice.said or notice.document) and said.meaning in {"accepted", "rejected"}
    notice_id = _notice_id(str(task_id), said)
    own = Notice(notice_id, notice.document, task_id, notice.said) if tells else None
    return Answer(task_id, _VERDICTS[said.meaning], said.code, said.text, own)


def notice_of(said: Said) -> Notice:
    """What was said as a notice of its own; the element itself is kept where no document came with it."""
    try:
        task_id = UUID(said.named) if said.named else None
    except ValueError:
        task_id = None
    document, notice_id = said.notice.document, _notice_id(said.named or "", said)
    read = said.notice.said or (() if document is not None else (_recorded(said),))
    return Notice(notice_id, document or write_element(said.element), task_id, read)


def _recorded(said: Said) -> ResponseUnit:
    return ResponseUnit("answer", said.code, None, None, said.text)


def _unanswered(task_id: UUID) -> Answer:
    return Answer(task_id, "unknown", NO_ANSWER, "the reply does not answer this task")


def _notice_id(named: str, said: Said) -> str:
    """The agency's own id of a notice, the hash of one too long for the ledger's index, or one by what is said."""
    own = said.notice.notice_id
    if len(own) > LONGEST_NOTICE_ID:
        return hashlib.sha256(own.encode()).hexdigest()
    return own or _digest(named, said)


def _digest(named: str, said: Said) -> str:
    """The same words of the same task give the same id, so that hearing them again changes nothing."""
    told = (named, said.code, said.text, said.notice.document, said.notice.said)
    return hashlib.sha256(repr(told).encode()).hexdigest()[:32]


def _time(text: str) -> str | None:
    """ISO 8601, or its digits alone (20260302101500, with milliseconds or without), in UTC with microseconds, so that
    texts compare as times do; None for anything else. A time without a zone is taken for UTC.
    """
    if _DIGITS.fullmatch(text):
        text = f"{text[:8]}T{text[8:14]}.{text[14:] or '0'}"
    try:
        return write_instant(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        return None
