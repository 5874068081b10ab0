"""The agencies' SOAP services: each request is read, decided, put on disk, and only then answered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from uuid import UUID

from aiohttp import web

from singlewindow.adapters.profiles import CARRIERS
from singlewindow.adapters.sandbox.calls import Opened, act, carry_out
from singlewindow.adapters.sandbox.documents import write_document
from singlewindow.adapters.sandbox.incidents import answer_fault
from singlewindow.adapters.sandbox.office import STATUS, Office
from singlewindow.adapters.sandbox.records import Decision, Request, story_key
from singlewindow.adapters.sandbox.requests import read_request
from singlewindow.adapters.sandbox.sky import Sky
from singlewindow.errors import TraderMistake
from singlewindow.xsd.soap_envelope import MalformedSoap, SoapMessage, SoapVersion, check_soap_action, open_envelope
from singlewindow.xsd.soap_faults import describe_mistake
from singlewindow.xsd.soap_replies import UNKNOWN_TASK, TaskNotice, TaskResult, write_fetch_reply, write_results
from singlewindow.xsd.soap_requests import read_fetch_request, read_status_request, read_submission

SERVICES = {"customs": "customs", "inspection": "inspection"} | dict.fromkeys(CARRIERS, "logistics")
"""The WSDL of each agency."""

SUBMISSIONS = {
    "customs": frozenset({"Declare", "Amend", "Invalidate"}),
    "inspection": frozenset({"ApplyForInspection"}),
    "logistics": frozenset({"Book", "Release", "Cancel", "Inform"}),
}
"""The operations of each WSDL that carry documents."""

TOLD_BY_FETCHING = "fetch"
"""The key by which the weather of FetchNotices is chosen: such a call is about no document."""


class Service:
    """One agency behind its URL."""

    def __init__(self, agency: str, office: Office, sky: Sky) -> None:
        self._agency, self._office, self._sky = agency, office, sky

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """POST: a SOAP request of either version."""
        body = await request.read()
        try:
            message = open_envelope(body)
        except MalformedSoap as mistake:
            return answer_fault(describe_mistake(mistake), mistake.version)
        try:
            check_soap_action(message, _soap_action(request, message.version))
            return await self._answer(request, message)
        except MalformedSoap as mistake:
            return answer_fault(describe_mistake(mistake), message.version, message)

    async def _answer(self, request: web.Request, message: SoapMessage) -> web.StreamResponse:
        opened = self._open(message)
        incident = opened.magic or self._sky.meet(self._agency, opened.key, opened.documents)
        return await carry_out(request, message, opened, incident, self._office)

    def _open(self, message: SoapMessage) -> Opened:
        if message.operation == "AskStatus":
            return self._open_status(message)
        if message.operation == "FetchNotices":
            return Opened(TOLD_BY_FETCHING, 1, partial(self._fetch, message))
        if message.operation not in SUBMISSIONS[SERVICES[self._agency]]:
            raise MalformedSoap(f"{self._agency} offers no {message.operation}", version=message.version)
        return self._open_submission(message)

    def _open_status(self, message: SoapMessage) -> Opened:
        task_ids = read_status_request(message)
        self._office.note_requests(self._agency, STATUS, task_ids, message.call_id)
        found = (self._office.register.find(self._agency, str(task_id)) for task_id in task_ids)
        keys = [decision.business_key for decision in found if decision is not None]
        key = f"{STATUS}|{min(keys, default=str(min(task_ids, default='')))}"
        return Opened(key, len(task_ids), partial(self._recall, message, task_ids))

    def _open_submission(self, message: SoapMessage) -> Opened:
        """Read every task of the call; one whose document is not for this agency is rejected by itself."""
        submission = read_submission(message)
        results: dict[UUID, TaskResult] = {}
        requests = []
        for item in submission.items:
            self._office.note_requests(
                self._agency, submission.action, [task.task_id for task in item.tasks], submission.call_id
            )
            for task in item.tasks:
                try:
                    requests.append(read_request(self._agency, submission, item, task, self._office.next_ms()))
                except TraderMistake as mistake:
                    results[task.task_id] = TaskResult(task.task_id, "rejected", mistake.code, mistake.detail)
        key = min(map(story_key, requests), default="")
        perform = partial(self._submit, message, results, requests)
        return Opened(key, len(requests), perform, self._office.ask_magic(requests))

    async def _submit(
        self, message: SoapMessage, results: Mapping[UUID, TaskResult], requests: Sequence[Request]
    ) -> bytes:
        decisions = await act(requests, self._office, self._sky)
        decided = {
            UUID(request.task_id): _describe(request.task_id, decision)
            for request, decision in zip(requests, decisions, strict=True)
        }
        return write_results(message, [*results.values(), *decided.values()])

    async def _recall(self, message: SoapMessage, task_ids: Iterable[UUID]) -> bytes:
        """AskStatus: what was answered, once that is on disk."""
        results = []
        for task_id in task_ids:
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


def _describe(task_id: str, decision: Decision) -> TaskResult:
    answer = decision.answer
    return TaskResult(UUID(task_id), "acknowledged", notice=TaskNotice(answer.notice_id, write_document(answer)))


def _soap_action(request: web.Request, version: SoapVersion) -> str | None:
    if version == "1.1":
        return request.headers.get("SOAPAction")
    parameters = request.headers.get("Content-Type", "").split(";")[1:]
    return next((part.strip()[7:] for part in parameters if part.strip().startswith("action=")), None)
