"""The agencies' SOAP services: each request is read, decided, put on disk, and only then answered."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from uuid import UUID

from aiohttp import web

from singlewindow.adapters.profiles import (
    CARRIERS,
    CUSTOMS_OPERATIONS,
    INSPECTION_OPERATIONS,
    LOGISTICS_OPERATIONS,
)
from singlewindow.adapters.sandbox.documents import write_document
from singlewindow.adapters.sandbox.journal import Line
from singlewindow.adapters.sandbox.magic import FAILED_ATTEMPTS, SLOW_SECONDS, read_magic
from singlewindow.adapters.sandbox.office import Office
from singlewindow.adapters.sandbox.records import Decision, Request
from singlewindow.adapters.sandbox.requests import read_request
from singlewindow.errors import TraderMistake
from singlewindow.xsd.soap_envelope import (
    MalformedSoap,
    SoapMessage,
    SoapVersion,
    check_soap_action,
    http_headers,
    open_envelope,
)
from singlewindow.xsd.soap_faults import SoapFault, describe_mistake, fault_status, write_fault
from singlewindow.xsd.soap_replies import UNKNOWN_TASK, TaskNotice, TaskResult, write_fetch_reply, write_results
from singlewindow.xsd.soap_requests import read_fetch_request, read_status_request, read_submission

SERVICES = {"customs": "customs", "inspection": "inspection"} | dict.fromkeys(CARRIERS, "logistics")
"""The WSDL of each agency."""

SUBMISSIONS = {
    "customs": frozenset(CUSTOMS_OPERATIONS.values()),
    "inspection": frozenset(INSPECTION_OPERATIONS.values()),
    "logistics": frozenset(LOGISTICS_OPERATIONS.values()),
}
"""The operations of each WSDL that carry documents."""

SERVER_FAULT = SoapFault("sandbox-fault", "FAULT in the reference asks for this; the next attempts will be taken")
CLIENT_FAULT = SoapFault("sandbox-refusal", "FAULTC in the reference asks for this", role="client")


@dataclass(frozen=True, slots=True)
class Taken:
    """The tasks of one call: what could not be read, and the rest as requests, those seen before marked `known`."""

    results: dict[UUID, TaskResult]
    requests: tuple[Request, ...]
    words: frozenset[str]
    attempt: int


class Service:
    """One agency behind its URL."""

    def __init__(self, agency: str, office: Office) -> None:
        self._agency, self._office = agency, office
        self._attempts: Counter[str] = Counter()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """POST: a SOAP request of either version."""
        body = await request.read()
        try:
            message = open_envelope(body)
        except MalformedSoap as mistake:
            return _answer_fault(describe_mistake(mistake), mistake.version)
        try:
            check_soap_action(message, _soap_action(request, message.version))
            return await self._answer(request, message)
        except MalformedSoap as mistake:
            return _answer_fault(describe_mistake(mistake), message.version, message)

    async def _answer(self, request: web.Request, message: SoapMessage) -> web.StreamResponse:
        if message.operation == "AskStatus":
            return _answer(message, await self._recall(message))
        if message.operation == "FetchNotices":
            return _answer(message, await self._fetch(message))
        if message.operation not in SUBMISSIONS[SERVICES[self._agency]]:
            raise MalformedSoap(f"{self._agency} offers no {message.operation}", version=message.version)
        return await self._submit(request, message)

    async def _submit(self, request: web.Request, message: SoapMessage) -> web.StreamResponse:
        taken = self._read(message)
        if failure := _fail_before(taken, message):
            return failure
        results = taken.results | await self._perform(taken.requests)
        if "SLOW" in taken.words:
            await asyncio.sleep(SLOW_SECONDS)
        if "LOST" in taken.words and taken.attempt == 1 and request.transport is not None:
            request.transport.abort()
        return _answer(message, write_results(message, results.values()))

    def _read(self, message: SoapMessage) -> Taken:
        """Read every task of the call; one whose document is not for this agency is rejected by itself."""
        submission = read_submission(message)
        results: dict[UUID, TaskResult] = {}
        requests = []
        for item in submission.items:
            for task in item.tasks:
                try:
                    requests.append(read_request(self._agency, submission, item, task, self._office.next_ms()))
                except TraderMistake as mistake:
                    results[task.task_id] = TaskResult(task.task_id, "rejected", mistake.code, mistake.detail)
        words, attempt = self._note_attempt(requests)
        return Taken(results, tuple(requests), words, attempt)

    def _note_attempt(self, requests: list[Request]) -> tuple[frozenset[str], int]:
        """The words of a call are those of all its tasks; its attempt is the lowest of those that bear words."""
        bearing = {
            request.task_id: words for request in requests if (words := read_magic(request.reference, self._agency))
        }
        self._attempts.update(bearing.keys())
        attempt = min((self._attempts[task_id] for task_id in bearing), default=0)
        return frozenset().union(*bearing.values()), attempt

    async def _perform(self, requests: tuple[Request, ...]) -> dict[UUID, TaskResult]:
        """Decide on what is new and put it on disk; what came before gets its first answer."""
        fresh: list[Decision] = []
        lines: list[Line] = []
        results = {}
        for request in requests:
            decision = self._office.register.find(self._agency, request.task_id)
            if decision is None:
                decision, line = self._office.decide(request)
                fresh.append(decision)
                lines.append(line)
            else:
                self._office.note_repeat(request)
            results[UUID(request.task_id)] = _describe(request.task_id, decision)
        await self._office.perform(fresh, lines)
        return results

    async def _recall(self, message: SoapMessage) -> bytes:
        """AskStatus: what was answered, once that is on disk."""
        results = []
        for task_id in read_status_request(message):
            decision = self._office.register.find(self._agency, str(task_id))
            results.append(
                _describe(str(task_id), decision) if decision else TaskResult(task_id, "retry", UNKNOWN_TASK)
            )
        await self._office.perform((), [])
        return write_results(message, results)

    async def _fetch(self, message: SoapMessage) -> bytes:
        """FetchNotices: the cursor is the number of the last notice fetched, kept over restarts."""
        fetch = read_fetch_request(message)
        if fetch.after and not fetch.after.isdecimal():
            raise MalformedSoap("this cursor is not one of ours", version=message.version)
        cursor = int(fetch.after or "0")
        found = self._office.feeds[self._agency].after(cursor, fetch.limit)
        # their numbers must not be given again after a crash
        await self._office.perform((), [])
        notices = [TaskNotice(one.notice_id, write_document(one), UUID(one.task_id)) for _, one in found]
        return write_fetch_reply(message, notices, next_cursor=str(found[-1][0] if found else cursor))


def _fail_before(taken: Taken, message: SoapMessage) -> web.StreamResponse | None:
    """What magic words ask for before anything takes effect."""
    early = taken.attempt <= FAILED_ATTEMPTS
    if "FAULTC" in taken.words:
        return _answer_fault(CLIENT_FAULT, message.version, message)
    if "FAULT" in taken.words and early:
        return _answer_fault(SERVER_FAULT, message.version, message)
    if "HTTP500" in taken.words and early:
        return web.Response(status=500, text="HTTP500 in the reference asks for this")
    return None


def _describe(task_id: str, decision: Decision) -> TaskResult:
    answer = decision.answer
    return TaskResult(UUID(task_id), "acknowledged", notice=TaskNotice(answer.notice_id, write_document(answer)))


def _answer(message: SoapMessage, body: bytes) -> web.Response:
    return web.Response(body=body, headers=http_headers(message.version))


def _answer_fault(fault: SoapFault, version: SoapVersion, call: SoapMessage | None = None) -> web.Response:
    body = write_fault(fault, version=version, call=call)
    return web.Response(status=fault_status(fault, version), body=body, headers=http_headers(version))


def _soap_action(request: web.Request, version: SoapVersion) -> str | None:
    if version == "1.1":
        return request.headers.get("SOAPAction")
    parameters = request.headers.get("Content-Type", "").split(";")[1:]
    return next((part.strip()[7:] for part in parameters if part.strip().startswith("action=")), None)
