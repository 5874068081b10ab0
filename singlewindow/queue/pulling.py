"""Fetches the notices of an agency that does not push them: often while something is awaited, else now and then."""

from __future__ import annotations

import asyncio
import random

import structlog

from singlewindow.queue.failures import capture, describe_failure
from singlewindow.queue.port import Adapter, Notices, ReadResponse
from singlewindow.queue.quarantining import FORGET, Quarantine, keep_refused
from singlewindow.queue.retry import RetryPolicy
from singlewindow.queue.words import read_words

BUSY_SECONDS = (0.1, 0.2)
IDLE_SECONDS = 2.0
PAGE_LENGTH = 100

_BACK_OFF = RetryPolicy(base_seconds=0.4, cap_seconds=15.0)

_log = structlog.get_logger(__name__)


class Puller:
    """Pulls one agency's notices until stopped.

    The words are taken before the cursor moves, and each notice id counts once: two pullers at work, or one that dies
    in between, pull something twice and lose nothing.
    """

    def __init__(
        self,
        tasks: Notices,
        adapter: Adapter,
        read_response: ReadResponse,
        quarantine: Quarantine = FORGET,
    ) -> None:
        self._tasks, self._adapter, self._read_response = tasks, adapter, read_response
        self._quarantine = quarantine
        self._stopping = asyncio.Event()
        self._awakened = asyncio.Event()
        self._failures = 0
        self._loop: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to pull, in a task of its own."""
        self._loop = asyncio.create_task(self._run(), name=f"puller of {self._adapter.agency}")

    def wake(self) -> None:
        """Something was sent to the agency: look at once, whatever the interval."""
        self._awakened.set()

    async def stop(self, *, timeout_seconds: float = 20.0) -> None:
        """Finish the page at hand, or cancel it when that takes too long; it is pulled again later."""
        self._stopping.set()
        self._awakened.set()
        if self._loop is None:
            return
        _, unfinished = await asyncio.wait({self._loop}, timeout=timeout_seconds)
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)

    async def pull(self) -> int:
        """Take one page of notices; its length. Raises AgencyError and Unavailable."""
        agency = self._adapter.agency
        before = await self._tasks.cursor(agency)
        async with asyncio.timeout(self._adapter.deadline_seconds):
            notices, after = await self._adapter.pull(before, limit=PAGE_LENGTH)
        words = read_words(agency, notices, self._read_response, via="pull")
        if words:
            await self._tasks.take_words(words)
        if after != before:
            await self._tasks.move_cursor(agency, after)
        return len(notices)

    async def _run(self) -> None:
        while not self._stopping.is_set():
            outcome = await capture(self._pull_and_judge_interval())
            if isinstance(outcome, Exception):
                await keep_refused(self._quarantine, self._adapter.agency, "pull", outcome)
                outcome = self._judge_failure(outcome)
            await self._rest(outcome)

    async def _pull_and_judge_interval(self) -> float:
        """Pull a page; the seconds to rest after it."""
        count = await self.pull()
        self._failures = 0
        if count == PAGE_LENGTH:
            return 0.0
        if count or await self._tasks.awaited(self._adapter.agency):
            return random.uniform(*BUSY_SECONDS)  # noqa: S311 - no secret hangs on it
        return IDLE_SECONDS

    def _judge_failure(self, error: Exception) -> float:
        self._failures += 1
        reason = describe_failure(error)
        _log.warning("pull_failed", agency=self._adapter.agency, reason=reason, failures=self._failures)
        return BUSY_SECONDS[1] + _BACK_OFF.delay_seconds(self._failures)

    async def _rest(self, seconds: float) -> None:
        """Wait; only an idle wait is cut short by `wake`, so that failures keep their distance."""
        woken = self._awakened if seconds == IDLE_SECONDS else self._stopping
        try:
            async with asyncio.timeout(seconds):
                await woken.wait()
        except TimeoutError:
            pass
        if not self._stopping.is_set():
            self._awakened.clear()
