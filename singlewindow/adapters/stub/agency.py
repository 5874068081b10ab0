"""An agency that takes whatever is sent as its agency.toml says it will be sent, and answers as it says it answers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from singlewindow.adapters.declared.bodies import BODY
from singlewindow.adapters.declared.configuration import Agency, Items, Operation, Reply
from singlewindow.adapters.declared.plans import Compiler
from singlewindow.adapters.declared.reading import read_agency
from singlewindow.adapters.soap import ServiceDescription
from singlewindow.adapters.stub.choosing import Codes, choose_codes, read_steps
from singlewindow.adapters.stub.filling import fill_shape
from singlewindow.adapters.stub.replying import Said, write_said
from singlewindow.adapters.stub.unpacking import documents_in
from singlewindow.errors import ConfigurationError
from singlewindow.xsd.parser import Element
from singlewindow.xsd.soap_envelope import MalformedSoap, http_headers, write
from singlewindow.xsd.wsdl_answers import body_of, children_at, put_text, read_call, text_at

REJECT = b"REJECT"
"""A document that holds this word is refused, where agency.toml knows a code that refuses."""


@dataclass(frozen=True, slots=True)
class Served:
    """One operation: how it is asked and answered, and by which service. `role`: action, status or pull."""

    role: str
    table: Operation
    service: ServiceDescription


@dataclass(frozen=True, slots=True)
class Answered:
    """HTTP headers and envelope; no envelope where the operation answers nothing."""

    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(slots=True)
class StubAgency:
    """One agency played from its folder. Raises ConfigurationError for a folder that is not sound.

    `taken` are the documents that took effect, in their order; of one task id only the first where the agency
    deduplicates.
    """

    folder: Path
    taken: list[tuple[str, bytes]] = field(default_factory=list)
    _said: dict[str, Said] = field(default_factory=dict)
    _served: list[Served] = field(default_factory=list)
    _agency: Agency = field(init=False)

    def __post_init__(self) -> None:
        read = read_agency(self.folder)
        self._agency = read.agency
        compiler = Compiler(read, "http://stub.invalid")
        compiler.compile()
        services = compiler.services
        first = next(iter(services))
        told: list[tuple[str, Operation]] = [("action", one) for one in read.agency.actions.values()]
        told += [("status", read.agency.status)] if read.agency.status else []
        if (pull := read.agency.notifications).operation:
            table = Operation(operation=pull.operation, service=pull.service, fields=pull.fields, reply=pull.notice)
            told.append(("pull", table))
        self._served = [Served(role, table, services[table.service or first][0]) for role, table in told]

    @property
    def sees_documents(self) -> bool:
        """Whether any request carries the declaration itself, and not only fields of it."""
        return any(_carries(one.table.fields, one.table.items) for one in self._served)

    def answer(self, body: bytes, soap_action: str = "") -> Answered:
        """Read a request, act on it and answer. Raises MalformedSoap for what no operation takes."""
        asked = read_call(body)
        served = self._find(asked.name, soap_action)
        shape = served.service.describe(served.table.operation)
        said = list(self._act(served, asked.content))
        if shape.reply is None or served.table.reply is None:
            return Answered({})
        envelope = served.service.draft_reply(served.table.operation, fill_shape(shape.reply))
        content = body_of(envelope, (shape.reply.namespace, shape.reply.name))
        write_said(content, served.table.reply, self._agency.namespaces, said)
        self._tell_cursor(served, asked.content, content)
        return Answered(http_headers(served.service.version), write(envelope))

    def count(self, references: Sequence[str]) -> int:
        """How many documents that hold one of these references took effect."""
        wanted = [reference.encode() for reference in references]
        return sum(any(reference in document for reference in wanted) for _, document in self.taken)

    def _find(self, name: str, soap_action: str) -> Served:
        named = [one for one in self._served if one.service.describe(one.table.operation).request.name == name]
        exact = [one for one in named if soap_action in {"", one.service.describe(one.table.operation).soap_action}]
        if not named:
            raise MalformedSoap(f"agency.toml uses no operation that is asked by {name}")
        return next(iter(exact or named))

    def _act(self, served: Served, content: Element) -> Iterator[Said]:
        if served.role == "pull":
            yield from self._tell_news(served, content)
            return
        codes = choose_codes(self._agency, served.table.reply or Reply())
        for name, element in _tasks(served.table, content):
            if served.role == "status":
                yield self._said.get(name) or self._say(name, codes.retry)
            else:
                yield self._take(name, element, codes)

    def _say(self, name: str, code: str, serial: str = "") -> Said:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        return Said(name, code, now, serial, decided=code in self._agency.outcomes.states)

    def _take(self, name: str, element: Element, codes: Codes) -> Said:
        """What is said of a task; what deduplicates says what it said, by the document where no task is named."""
        document = b"\n".join(documents_in(element))
        known = name or hashlib.sha256(document).hexdigest()
        if self._agency.idempotency == "item" and known in self._said:
            return self._said[known]
        refused = REJECT in document and bool(codes.rejected)
        self._said[known] = self._say(name, codes.rejected if refused else codes.accepted)
        if not refused:
            self.taken.append((name, document))
        return self._said[known]

    def _tell_news(self, served: Served, content: Element) -> Iterator[Said]:
        """Everything taken after the cursor is decided by the time somebody asks."""
        start, codes = self._cursor(served, content), choose_codes(self._agency, served.table.reply or Reply())
        for number, (name, _) in enumerate(self.taken[start:], start + 1):
            yield self._say(name, codes.decided, serial=str(number))

    def _cursor(self, served: Served, content: Element) -> int:
        path = next((path for path, source in served.table.fields.items() if source == "$cursor"), None)
        text = text_at(content, path) if path else ""
        return int(text) if text.isdigit() else 0

    def _tell_cursor(self, served: Served, asked: Element, content: Element) -> None:
        following = self._agency.notifications.next
        if served.role == "pull" and following:
            number = max(len(self.taken), self._cursor(served, asked))
            put_text(content, read_steps(following, self._agency.namespaces), str(number))


def _carries(fields: Mapping[str, str], items: Items | None) -> bool:
    return BODY in fields.values() or (items is not None and _carries(items.fields, items.items))


def _tasks(table: Operation, content: Element) -> Iterator[tuple[str, Element]]:
    """The tasks of a request: what each is called there, and its element. Raises ConfigurationError."""
    named = (table.reply.sent if table.reply else None) or "$task_id"
    yield from _tasks_below(content, table.fields, table.items, named)


def _tasks_below(
    element: Element, fields: Mapping[str, str], items: Items | None, named: str
) -> Iterator[tuple[str, Element]]:
    path = next((path for path, source in fields.items() if source == named), None)
    if items is None or items.each == "reference":
        yield ("" if path is None else text_at(element, path)), element
        return
    found = children_at(element, items.path)
    if not found:
        raise ConfigurationError(f"the request has no {items.path}")
    for one in found:
        yield from _tasks_below(one, items.fields, items.items, named)
