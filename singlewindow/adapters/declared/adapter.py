"""The adapter of an agency that is described by its folder alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID, uuid4

from singlewindow.adapters.declared.answers import Answers
from singlewindow.adapters.declared.configuration import Retry
from singlewindow.adapters.declared.meanings import Meanings
from singlewindow.adapters.declared.pace import Pace
from singlewindow.adapters.declared.plans import Compiler, Exchange
from singlewindow.adapters.declared.pushes import HttpAnswer
from singlewindow.adapters.declared.reading import AgencyFolder, read_agency
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
from singlewindow.adapters.outcomes import ReplyRefused, WireReply, refuse_unproven, refuse_unreadable
from singlewindow.adapters.port import Answer, Call, Envelope, Idempotency, Notice, Reply
from singlewindow.adapters.security.loading import load_security
from singlewindow.adapters.wire import Credentials, Wire
from singlewindow.errors import AgencyError, ConfigurationError, SingleWindowError
from singlewindow.xsd.parser import Element
from singlewindow.xsd.soap_envelope import MalformedSoap, SoapVersion
from singlewindow.xsd.wsdl_expressions import Expression
from singlewindow.xsd.wsdl_replies import open_foreign
from singlewindow.xsd.wss_references import Unproven


def _refuse_unsigned_attachments(read: AgencyFolder) -> None:
    """A signature covers the envelope, in which an attachment is only named. Raises ConfigurationError."""
    attaching = [name for name, action in read.agency.actions.items() if action.body == "mtom"]
    if attaching and read.agency.security.signature is not None:
        raise ConfigurationError(
            f'{read.place("actions", attaching[0], "body")}: "mtom" cannot be signed: what is attached would not be '
            'covered; use "base64", or leave [security.signature] out'
        )


class DeclaredAdapter:
    """An Adapter (see port.py) made of agency.toml and its WSDLs, which are read now and never again.

    `deadline_seconds` replaces that of agency.toml; with `base_url` every service is looked for there (see Compiler).
    Raises ConfigurationError naming file, table and key. Opens no connection.
    """

    def __init__(
        self,
        folder: Path,
        *,
        agencies_url: str = "",
        base_url: str | None = None,
        environment: str = "",
        deadline_seconds: float | None = None,
        credentials: Credentials | None = None,
        security: WireSecurity | None = None,
    ) -> None:
        read = read_agency(folder)
        _refuse_unsigned_attachments(read)
        self.configuration = read.agency
        self.folder = folder
        self._plans = Compiler(read, agencies_url, base_url=base_url).compile()
        self._environment = read.agency.environment or environment
        self._answers = Answers(read.agency.name, Meanings(read.agency.name, read.agency.outcomes))
        self._security = security or load_security(read, self._plans.urls) or NoSecurity()
        limits = read.agency.limits
        connections = limits.concurrency + 2  # questions and pulls beside the submissions
        self._pace = Pace(limits.rate_per_second, connections)
        self._exchange_seconds = deadline_seconds or limits.deadline_seconds
        self._wire = Wire(
            read.agency.name,
            deadline_seconds=self._exchange_seconds,
            connections=connections,
            credentials=credentials or self._security.credentials,
            tls=self._security.tls,
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
        received, reply = await self._post(envelope, str(call.call_id))
        asked = [task.task_id for item in call.items for task in item.tasks]
        named = self._names(call, exchange.sent) if exchange.sent else {str(task_id): task_id for task_id in asked}
        with _kept_as_received(received):
            answers = self._answers.read(reply, exchange, named, asked, str(call.call_id))
        return Reply(received.status, received.body, answers)

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
            call_id = outer.variables["call_id"]
            _, reply = await self._post(self._envelope(exchange, outer, (asked,)), call_id)
            named = {str(task_id): task_id for task_id in portion}
            answers += self._answers.read(reply, exchange, named, portion, call_id)
        return tuple(answers)

    async def pull(self, cursor: str, *, limit: int = 100) -> tuple[tuple[Notice, ...], str]:
        """See the port. Without a cursor of its own the agency goes on from the last notice's id."""
        exchange = self._plans.pull
        if exchange is None or exchange.reply is None:
            raise AgencyError(f"{self.agency} has no notices to fetch", temporary=False)
        outer = self._question("0", cursor=cursor, limit=str(limit))
        call_id = str(outer.variables["call_id"])
        _, reply = await self._post(self._envelope(exchange, outer, ()), call_id)
        content = self._answers.content(reply)
        notices = tuple(notice_of(said) for said in self._answers.said(reply, exchange.reply, content))
        if exchange.reply.answers_another(content, call_id):
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
        try:
            opened = open_foreign(self._security.verify(open_mtom(body, content_type), None))
        except Unproven as error:
            raise AgencyError(
                f"{self.agency}: a notice is not proven to be its own: {error.detail}", temporary=False
            ) from error
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

    async def _post(self, envelope: Envelope, call_id: str) -> tuple[WireReply, WireReply]:
        """The reply as it came, to be kept, and with only what is proven to be the agency's, to be read."""
        await self._pace.keep()
        try:
            signed = self._security.sign(envelope, call_id)
        except SingleWindowError as error:
            raise AgencyError(f"{self.agency}: it cannot be signed: {error.detail}", temporary=False) from error
        with self._unread_is_unproven():
            reply = await self._travel(signed, envelope.attachments)
        received = self._security.clean(reply)
        try:
            body = self._security.verify(reply.body, call_id)
        except Unproven as error:
            raise refuse_unproven(self.agency, received, error.detail) from error
        return received, self._security.clean(WireReply(reply.status, reply.headers, body))

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

    @contextmanager
    def _unread_is_unproven(self) -> Iterator[None]:
        """A reply that the wire could not read to its end proves nothing either, and is kept without our secrets."""
        try:
            yield
        except ReplyRefused as refused:
            received = self._security.clean(WireReply(refused.status, {}, refused.body))
            if self._security.proves:
                raise refuse_unproven(self.agency, received, refused.detail) from refused
            refused.body = received.body
            raise

    def _next_cursor(self, reply: WireReply, content: Element, otherwise: str) -> str:
        """Where to go on. Raises AgencyError where a cursor is looked for and missing: something would be skipped."""
        if self._plans.next_cursor is None:
            return otherwise
        found = self._plans.next_cursor.text(content)
        if found is None:
            raise refuse_unreadable(self.agency, reply, "it does not say where to go on")
        return found


@contextmanager
def _kept_as_received(received: WireReply) -> Iterator[None]:
    """Keep of a reply that is refused all that came, its signature too."""
    try:
        yield
    except ReplyRefused as refused:
        refused.body = received.body
        raise
