"""Pushes an agency's notices to the single window: in order, up to 100 at once, again and again until accepted."""

from __future__ import annotations

import asyncio
import random
from http import HTTPStatus
from uuid import UUID, uuid4

import aiohttp
import structlog

from singlewindow.adapters.sandbox.delivery import Feed, delivered_line
from singlewindow.adapters.sandbox.documents import write_document
from singlewindow.adapters.sandbox.journal import Journal
from singlewindow.adapters.sandbox.records import Notice
from singlewindow.adapters.sandbox.sky import Sky
from singlewindow.errors import AgencyError, SingleWindowError
from singlewindow.xsd.soap_envelope import http_headers, soap_action
from singlewindow.xsd.soap_faults import FaultReceived, open_reply
from singlewindow.xsd.soap_notices import NOTIFY, Notification, read_notification_reply, write_notification
from singlewindow.xsd.soap_replies import TaskNotice

BATCH_SIZE = 100
POST_TIMEOUT_SECONDS = 20.0
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0
OUTAGE_POLL_SECONDS = 0.05

_log = structlog.get_logger(__name__)


class Sender:
    """Delivers one feed to `{notify_url}/soap/agencies/{agency}` with the agency's name and password (HTTP Basic).

    What is refused for good (a Fault that says not to send again) is given up: sending it again would not help.
    """

    def __init__(
        self, feed: Feed, journal: Journal, client: aiohttp.ClientSession, sky: Sky, *, notify_url: str, password: str
    ) -> None:
        self._feed, self._journal, self._client, self._sky = feed, journal, client, sky
        self._url = f"{notify_url.rstrip('/')}/soap/agencies/{feed.agency}"
        self._authorization = aiohttp.encode_basic_auth(feed.agency, password)

    async def run(self) -> None:
        """Deliver until cancelled."""
        while True:
            batch = await self._feed.wait(BATCH_SIZE)
            await self._deliver([notice for _, notice in batch])
            number = batch[-1][0]
            self._feed.settle(number)
            self._journal.note(delivered_line(self._feed.agency, number))

    async def _deliver(self, notices: list[Notice]) -> None:
        """Post one batch until it is accepted, with growing pauses."""
        body = self._write(notices)
        pause_seconds = FIRST_PAUSE_SECONDS
        while True:
            await self._sit_out()
            try:
                await self._post(body)
            except FaultReceived as refused:
                if refused.fault.retry == "stop":
                    _log.error("sandbox.notices_refused", agency=self._feed.agency, reason=refused.detail)
                    return
                pause_seconds = await self._pause(pause_seconds, refused)
            except (SingleWindowError, aiohttp.ClientError, TimeoutError, OSError) as error:
                pause_seconds = await self._pause(pause_seconds, error)
            else:
                return

    async def _pause(self, seconds: float, error: Exception) -> float:
        """Wait before the next attempt; the pause after that."""
        _log.warning("sandbox.notices_not_accepted", agency=self._feed.agency, reason=str(error))
        await asyncio.sleep(seconds * random.uniform(0.5, 1.0))  # noqa: S311 - no secret hangs on it
        return min(2 * seconds, LONGEST_PAUSE_SECONDS)

    async def _sit_out(self) -> None:
        """During an outage nothing is pushed either."""
        while self._sky.is_out(self._feed.agency):  # noqa: ASYNC110 - windows open and close by the clock
            await asyncio.sleep(OUTAGE_POLL_SECONDS)

    def _write(self, notices: list[Notice]) -> bytes:
        told = tuple(TaskNotice(notice.notice_id, write_document(notice), UUID(notice.task_id)) for notice in notices)
        return write_notification(Notification(self._feed.agency, told), call_id=uuid4())

    async def _post(self, body: bytes) -> None:
        headers = http_headers("1.1", soap_action(NOTIFY)) | {"Authorization": self._authorization}
        async with self._client.post(self._url, data=body, headers=headers) as reply:
            content = await reply.read()
        message = open_reply(content) if reply.content_type.endswith("xml") else None
        if reply.status != HTTPStatus.OK or message is None:
            raise AgencyError(f"HTTP {reply.status}", temporary=True)
        read_notification_reply(message)
