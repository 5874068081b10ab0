"""The adapter of an agency that is described by its folder alone."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID, uuid4

from singlewindow.adapters.declared.answers import Answers
from singlewindow.adapters.declared.configuration import Retry
from singlewindow.adapters.declared.meanings import Meanings
from singlewindow.adapters.declared.pace import Pace
from singlewindow.adapters.declared.plans import Compiler, Exchange
from singlewindow.adapters.declared.pushes import HttpAnswer
from singlewindow.adapters.declared.reading import read_agency
from singlewindow.adapters.declared.replies import notice_of
from singlewindow.adapters.declared.scopes import (
    MessageScopes,
    Scope,
    each_task,
    scope_call,
    scope_messages,
    scope_questions,
)
from singlewindow.adapters.declared.seams import NoSecurity, WireSecurity
from singlewindow.adapters.mtom import open_mtom, pack_mtom
from singlewindow.adapters.outcomes import WireReply, refuse_unreadable
from singlewindow.adapters.port import Answer, Call, Envelope, Idempotency, Notice, Reply
from singlewindow.adapters.wire import Credentials, Wire
from singlewindow.errors import AgencyError, ConfigurationError, SingleWindowError
from singlewindow.xsd.parser import Element
from singlewindow.xsd.soap_envelope import MalformedSoap, SoapVersion
from singlewindow.xsd.wsdl_expressions import Expression
from singlewindow.xsd.wsdl_replies import open_foreign


class DeclaredAdapter:
    """An Adapter (see port.py) made of agency.toml and its WSDLs, which are read now and never again.

    `deadline_seconds` replaces that of agency.toml. Raises ConfigurationError naming file, table and key. Opens no
    connection.
    """

    def __init__(
        self,
        folder: Path,
        *,
        agencies_url: str = "",
        environment: str = "",
        deadline_seconds: float | None = None,
        credentials: Credentials | None = None,
        security: WireSecurity | None = None,
    ) -> None:
        read = read_agency(folder)
        if read.agency.security and security is None:
            raise ConfigurationError(f"{read.place('security')}: nothing here signs and verifies; nothing is sent bare")
        self.configuration = read.agency
        self.folder = folder
        self._plans = Compiler(read, agencies_url).compile()
        self._environment = read.agency.environment or environment
        self._answers = Answers(read.agency.name, Meanings(read.agency.name, read.agency.outcomes))
        self._security = security or NoSecurity()
        limits = read.agency.limits
        connections = limits.concurrency + 2  # questions and pulls beside the submissions
        self._pace = Pace(limits.rate_per_second, connections)
        self._exchange_seconds = deadline_seconds or limits.deadline_seconds
        self._wire = Wire(
            read.agency.name,
            deadline_seconds=self._exchange_seconds,
            connections=connections,
            credentials=credentials,
        )

    @property
    def agency(self) -> str:
        """The agency's name."""
        return self.configuration.name

    @property
    def batch_size(self) -> int:
        """Tasks in one call at most."""
        return self.configuration.limits.batch_size

    @property
    def concurrency(self) -> int:
        """Calls at once at most."""
        return self.configuration.limits.concurrency

    @property
    def deadline_seconds(self) -> float:
        """One exchange in total, with its wait for its turn."""
        return self._exchange_seconds + self._pace.longest_wait_seconds

    @property
    def idempotency(self) -> Idempotency:
        """By what the agency deduplicates."""
        return self.configuration.idempotency

    @property
    def pulls(self) -> bool:
        """Whether notices are fetched as a rule; those of an agency that pushes may be fetched too, to catch up."""
        return self.configuration.notifications.mode == "pulled"

    @property
    def retry(self) -> Retry:
        """The retry budget."""
        return self.configuration.limits.retry

    def prepare(self, call: Call) -> Envelope:
        """See the port. Raises AgencyError, never temporary, for an original that gives no request."""
        exchange = self._exchange_for(call)
        outer = scope_call(call, self._environment)
        try:
            request = exchange.request.make(outer, self._scopes(call, outer))
        except SingleWindowError as error:
            detail = f"{self.agency}: no request for the action {call.action}: {error.detail}"
            raise AgencyError(detail, temporary=False) from error
        return Envelope(exchange.url, request.headers, request.body, request.record, request.attachments)

    async def send(self, envelope: Envelope, call: Call) -> Reply:
        """See the port. A task that the reply does not answer, or answers twice differently, is `unknown`."""
        exchange = self._exchange_for(call)
        reply = await self._post(envelope)
        asked = [task.task_id for item in call.items for task in item.tasks]
        named = self._names(call, exchange.sent) if exchange.sent else {str(task_id): task_id for task_id in asked}
        answers = self._answers.read(self._prove(reply), exchange, named, asked, str(call.call_id))
        return Reply(reply.status, reply.body, answers)

    async def ask(self, task_ids: tuple[UUID, ...]) -> tuple[Answer, ...]:
        """See the port. Asks in portions of the batch size. An agency without `[status]` cannot be asked."""
        exchange = self._plans.status
        if exchange is None:
            raise AgencyError(f"{self.agency} cannot be asked what became of a task", temporary=False)
        answers: list[Answer] = []
        size = self.batch_size if exchange.request.level.items else 1
        for start in range(0, len(task_ids), size):
            portion = task_ids[start : start + size]
            outer = self._question(str(len(portion)))
            asked = scope_questions(portion, outer)
            reply = self._prove(await self._post(self._envelope(exchange, outer, (asked,))))
            named = {str(task_id): task_id for task_id in portion}
            answers += self._answers.read(reply, exchange, named, portion, outer.variables["call_id"])
        return tuple(answers)

    async def pull(self, cursor: str, *, limit: int = 100) -> tuple[tuple[Notice, ...], str]:
        """See the port. Without a cursor of its own the agency goes on from the last notice's id."""
        exchange = self._plans.pull
        if exchange is None or exchange.reply is None:
            raise AgencyError(f"{self.agency} has no notices to fetch", temporary=False)
        outer = self._question("0", cursor=cursor, limit=str(limit))
        reply = self._prove(await self._post(self._envelope(exchange, outer, ())))
        content = self._answers.content(reply)
        notices = tuple(notice_of(said) for said in self._answers.said(reply, exchange.reply, content))
        if exchange.reply.answers_another(content, str(outer.variables["call_id"])):
            raise refuse_unreadable(self.agency, reply, "it answers another call")
        return notices, self._next_cursor(reply, content, notices[-1].notice_id if notices else cursor)

    @property
    def reads_pushes(self) -> bool:
        """Whether agency.toml says how the agency's pushes are read; else they are those of notification.wsdl."""
        return self._plans.pushed is not None

    @property
    def push_version(self) -> SoapVersion:
        """The version of SOAP in which the agency pushes, as far as its WSDLs tell."""
        return self._plans.push_answer.version

    def answer_push(self, accepted: int) -> HttpAnswer:
        """What answers a push of which so many notices were taken."""
        return self._plans.push_answer.make(accepted)

    def read_pushed(self, body: bytes, content_type: str = "") -> tuple[Notice, ...]:
        """The notices of an envelope that the agency pushed, at least one.

        Raises MalformedSoap, and AgencyError if it may not push or does not prove that it did.
        """
        if self._plans.pushed is None:
            raise AgencyError(f"{self.agency} does not push notices, says its agency.toml", temporary=False)
        opened = open_foreign(self._security.verify(open_mtom(body, content_type)))
        notices = tuple(notice_of(said) for said in self._plans.pushed.read(opened.content))
        if not notices:
            raise MalformedSoap("there is no notice in it that agency.toml tells how to read")
        return notices

    async def close(self) -> None:
        """See the port."""
        await self._wire.close()

    def _exchange_for(self, call: Call) -> Exchange:
        exchange = self._plans.for_action(call.action)
        if exchange is None:
            raise AgencyError(f"{self.agency}: agency.toml has no action {call.action}", temporary=False)
        return exchange

    def _scopes(self, call: Call, outer: Scope) -> tuple[MessageScopes, ...]:
        return scope_messages(call, outer, self._plans.units)

    def _names(self, call: Call, sent: Expression) -> dict[str, UUID]:
        """The tasks by what the request calls them."""
        messages = self._scopes(call, scope_call(call, self._environment))
        named = ((task.text(sent), task.task_id) for task in each_task(messages))
        return {name: task_id for name, task_id in named if name is not None and task_id is not None}

    def _question(self, count: str, **more: str) -> Scope:
        return Scope({"call_id": str(uuid4()), "environment": self._environment, "count": count, **more})

    def _envelope(self, exchange: Exchange, outer: Scope, messages: tuple[MessageScopes, ...]) -> Envelope:
        request = exchange.request.make(outer, messages)
        return Envelope(exchange.url, request.headers, request.body, request.record)

    async def _post(self, envelope: Envelope) -> WireReply:
        await self._pace.keep()
        signed = self._security.sign(envelope)
        return await self._travel(signed, envelope.attachments)

    async def _travel(self, signed: Envelope, attachments: tuple[bytes, ...]) -> WireReply:
        """Send what is signed, its attachments beside it; the reply with those that came beside it put in."""
        headers, body = signed.headers, signed.body
        if attachments:
            headers, body = pack_mtom(body, attachments, headers)
        reply = await self._wire.post(signed.url, headers, body)
        try:
            opened = open_mtom(reply.body, reply.headers.get("Content-Type", ""))
        except MalformedSoap as mistake:
            raise refuse_unreadable(self.agency, reply, mistake.detail) from mistake
        return WireReply(reply.status, reply.headers, opened)

    def _prove(self, reply: WireReply) -> WireReply:
        """The same reply with only what is proven to be the agency's."""
        return WireReply(reply.status, reply.headers, self._security.verify(reply.body))

    def _next_cursor(self, reply: WireReply, content: Element, otherwise: str) -> str:
        """Where to go on. Raises AgencyError where a cursor is looked for and missing: something would be skipped."""
        if self._plans.next_cursor is None:
            return otherwise
        found = self._plans.next_cursor.text(content)
        if found is None:
            raise refuse_unreadable(self.agency, reply, "it does not say where to go on")
        return found
