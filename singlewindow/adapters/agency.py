"""The adapter of any agency whose WSDL speaks our exchange: all that differs stands in its profile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from types import MappingProxyType
from typing import Any
from uuid import UUID, uuid4

from singlewindow.adapters.exchange import describe_call, read_answers, read_notice
from singlewindow.adapters.outcomes import WireReply, refuse_fault, refuse_status, refuse_unreadable
from singlewindow.adapters.port import Answer, Call, Envelope, Idempotency, Notice, Reply
from singlewindow.adapters.soap import ServiceDescription
from singlewindow.adapters.wire import Credentials, Wire
from singlewindow.errors import AgencyError, ConfigurationError
from singlewindow.xsd.soap_envelope import MalformedSoap, SoapMessage
from singlewindow.xsd.soap_faults import FaultReceived, open_reply
from singlewindow.xsd.soap_replies import TaskResult, read_fetch_reply, read_results

ANY_ACTION = "*"
ASK_STATUS = "AskStatus"
FETCH_NOTICES = "FetchNotices"


@dataclass(frozen=True, slots=True)
class AgencyProfile:
    """What differs from agency to agency.

    `operations` names the WSDL's operation for each action; the row `*` takes every action without its own.
    """

    agency: str
    description: Path
    url: str
    operations: Mapping[str, str]
    environment: str | None = None
    batch_size: int = 100
    concurrency: int = 4
    deadline_seconds: float = 15.0
    idempotency: Idempotency = "item"
    pulls: bool = False
    credentials: Credentials | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "operations", MappingProxyType(dict(self.operations)))


class SoapAdapter:
    """An Adapter (see port.py) over SOAP. Raises ConfigurationError for an operation that the WSDL lacks."""

    def __init__(self, profile: AgencyProfile) -> None:
        self._profile = profile
        self._service = ServiceDescription.load(profile.description)
        missing = {ASK_STATUS, FETCH_NOTICES, *profile.operations.values()} - self._service.operations
        if missing:
            raise ConfigurationError(f"{profile.description}: no operation {', '.join(sorted(missing))}")
        self._wire = Wire(
            profile.agency,
            deadline_seconds=profile.deadline_seconds,
            connections=profile.concurrency + 2,  # questions and pulls beside the submissions
            credentials=profile.credentials,
        )

    @property
    def agency(self) -> str:
        """The agency's name."""
        return self._profile.agency

    @property
    def batch_size(self) -> int:
        """Tasks in one call at most."""
        return self._profile.batch_size

    @property
    def concurrency(self) -> int:
        """Calls at once at most."""
        return self._profile.concurrency

    @property
    def deadline_seconds(self) -> float:
        """One exchange in total."""
        return self._profile.deadline_seconds

    @property
    def idempotency(self) -> Idempotency:
        """By what the agency deduplicates."""
        return self._profile.idempotency

    @property
    def pulls(self) -> bool:
        """Whether notices are fetched."""
        return self._profile.pulls

    def prepare(self, call: Call) -> Envelope:
        """See the port. Raises AgencyError, never temporary, for what the WSDL has no place for."""
        operations = self._profile.operations
        operation = operations.get(call.action) or operations.get(ANY_ACTION, "")
        arguments = describe_call(call, self._profile.environment)
        try:
            request = self._service.request(operation, arguments, call_id=call.call_id)
        except ConfigurationError as error:
            detail = f"{self.agency}: no request for the action {call.action}: {error.detail}"
            raise AgencyError(detail, temporary=False) from error
        return Envelope(self._profile.url, request.headers, request.body, request.record)

    async def send(self, envelope: Envelope, call: Call) -> Reply:
        """See the port. A task that the reply does not answer, or answers twice differently, is `unknown`."""
        reply, message = await self._post(envelope.url, envelope.headers, envelope.body)
        asked = tuple(task.task_id for item in call.items for task in item.tasks)
        ours = message.call_id in (None, call.call_id)
        return Reply(reply.status, reply.body, read_answers(asked, self._results(reply, message) if ours else ()))

    async def ask(self, task_ids: tuple[UUID, ...]) -> tuple[Answer, ...]:
        """See the port. Asks in portions of the batch size."""
        answers: list[Answer] = []
        for start in range(0, len(task_ids), self.batch_size):
            portion = task_ids[start : start + self.batch_size]
            arguments = {"taskId": [str(task_id) for task_id in portion]}
            reply, message = await self._exchange(ASK_STATUS, arguments)
            answers += read_answers(portion, self._results(reply, message))
        return tuple(answers)

    async def pull(self, cursor: str, *, limit: int = 100) -> tuple[tuple[Notice, ...], str]:
        """See the port."""
        reply, message = await self._exchange(FETCH_NOTICES, {"after": cursor, "limit": limit})
        try:
            notices, next_cursor = read_fetch_reply(message)
        except MalformedSoap as mistake:
            raise refuse_unreadable(self.agency, reply, mistake.detail) from mistake
        return tuple(read_notice(notice) for notice in notices), next_cursor

    async def close(self) -> None:
        """See the port."""
        await self._wire.close()

    async def _exchange(self, operation: str, arguments: Mapping[str, Any]) -> tuple[WireReply, SoapMessage]:
        """Ask something that changes nothing at the agency; a reply to another question is refused."""
        call_id = uuid4()
        request = self._service.request(operation, arguments, call_id=call_id)
        reply, message = await self._post(self._profile.url, request.headers, request.body)
        if message.call_id not in (None, call_id):
            raise refuse_unreadable(self.agency, reply, "it answers another call")
        return reply, message

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> tuple[WireReply, SoapMessage]:
        reply = await self._wire.post(url, headers, body)
        try:
            message = open_reply(reply.body)
        except FaultReceived as received:
            raise refuse_fault(self.agency, reply, received.fault) from received
        except MalformedSoap as mistake:
            raise refuse_unreadable(self.agency, reply, mistake.detail) from mistake
        if reply.status != HTTPStatus.OK:
            raise refuse_status(self.agency, reply)
        return reply, message

    def _results(self, reply: WireReply, message: SoapMessage) -> tuple[TaskResult, ...]:
        try:
            return read_results(message)
        except MalformedSoap as mistake:
            raise refuse_unreadable(self.agency, reply, mistake.detail) from mistake
