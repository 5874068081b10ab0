"""An agency behind a real socket, made of the server's side of the exchange, that fails on demand."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from uuid import UUID

from aiohttp import web
from aiohttp.test_utils import TestServer

from singlewindow.adapters.port import Notice
from singlewindow.adapters.unreliable import Failure
from singlewindow.xsd.soap_envelope import (
    MalformedSoap,
    SoapMessage,
    SoapVersion,
    check_soap_action,
    http_headers,
    open_envelope,
)
from singlewindow.xsd.soap_faults import SoapFault, describe_mistake, fault_status, write_fault
from singlewindow.xsd.soap_replies import TaskNotice, TaskResult, write_fetch_reply, write_results
from singlewindow.xsd.soap_requests import Submission, read_fetch_request, read_status_request, read_submission

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class AgencyServer:
    """Deduplicates by task id and counts effects. `reply_next` answers the next request with a handler of the test."""

    def __init__(self) -> None:
        self.effects: Counter[UUID] = Counter()
        self.submissions: list[Submission] = []
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self._results: dict[UUID, TaskResult] = {}
        self._notices: list[TaskNotice] = []
        self._replies: deque[Handler] = deque()
        self._failures: deque[Failure] = deque()
        self._released = asyncio.Event()
        app = web.Application(client_max_size=50_000_000)
        app.router.add_post("/agency", self._handle)
        app.router.add_post("/agency/{name}", self._handle)
        self._server = TestServer(app)

    async def start(self) -> str:
        await self._server.start_server()
        return str(self._server.make_url("/agency"))

    async def stop(self) -> None:
        self._released.set()
        await self._server.close()

    def reply_next(self, handler: Handler) -> None:
        self._replies.append(handler)

    def fail_next(self, *failures: Failure) -> None:
        self._failures.extend(failures)

    def announce(self, notice: Notice) -> None:
        self._notices.append(TaskNotice(notice.notice_id, notice.document, notice.task_id))

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.requests.append((dict(request.headers), body))
        if self._replies:
            return await self._replies.popleft()(request)
        try:
            message = open_envelope(body)
            check_soap_action(message, request.headers.get("SOAPAction"))
            return await self._answer(request, message)
        except MalformedSoap as mistake:
            return fault_response(describe_mistake(mistake), mistake.version)

    async def _answer(self, request: web.Request, message: SoapMessage) -> web.StreamResponse:
        failure = self._failures.popleft() if self._failures else None
        match failure:
            case "refused":
                return web.Response(status=503)
            case "fault-client":
                return fault_response(SoapFault("bad", "no such tariff", role="client"), message.version)
            case "fault-server":
                return fault_response(SoapFault("busy", "later", retry="resend"), message.version)
        reply = self._act(message)
        if failure == "reply-lost":
            assert request.transport is not None
            request.transport.abort()
        elif failure == "slow":
            await self._released.wait()
        return web.Response(body=reply, headers=http_headers(message.version))

    def _act(self, message: SoapMessage) -> bytes:
        if message.operation == "AskStatus":
            return write_results(message, [self._recall(task_id) for task_id in read_status_request(message)])
        if message.operation == "FetchNotices":
            fetch = read_fetch_request(message)
            start = int(fetch.after or "0")
            notices = self._notices[start : start + fetch.limit]
            return write_fetch_reply(message, notices, next_cursor=str(start + len(notices)))
        submission = read_submission(message)
        self.submissions.append(submission)
        return write_results(message, [self._take(task.task_id) for item in submission.items for task in item.tasks])

    def _take(self, task_id: UUID) -> TaskResult:
        if task_id not in self._results:
            self.effects[task_id] += 1
            notice = TaskNotice(f"n-{task_id}", b"<Response/>")
            self._results[task_id] = TaskResult(task_id, "acknowledged", code="OK", text="taken", notice=notice)
        return self._results[task_id]

    def _recall(self, task_id: UUID) -> TaskResult:
        return self._results.get(task_id) or TaskResult(task_id, "retry", code="unknown-task")


def fault_response(fault: SoapFault, version: SoapVersion) -> web.Response:
    body = write_fault(fault, version=version)
    return web.Response(status=fault_status(fault, version), body=body, headers=http_headers(version))
