"""One lane: claims what is ready, from the stream or from PostgreSQL, and has it worked through, never dying of it."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog

from singlewindow import failpoints
from singlewindow.errors import Unavailable
from singlewindow.queue.breaker import Breaker
from singlewindow.queue.failures import capture, describe_failure
from singlewindow.queue.port import Claim, Claims, Perform
from singlewindow.queue.retry import RetryPolicy
from singlewindow.queue.streams import ReadyStreams, task_ids

POLL_WITHOUT_STREAMS_SECONDS = (0.05, 0.1)
"""How often PostgreSQL is asked while Valkey is away: drawn anew each time, so that lanes do not march in step."""

GATHER_SECONDS = 0.1
"""While a batch is under way the next one gathers, at most so long: few full calls cost less than many small ones."""

APART_SECONDS = 0.04
"""The least time from one claim to the next, unless the first left some behind; who comes alone waits for nobody."""

_BACK_OFF = RetryPolicy(base_seconds=0.2, cap_seconds=5.0)
_REST_SECONDS = 0.05
_DRAINING_POLL_SECONDS = 0.25

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class LaneLimits:
    """How much a lane takes on: tasks per batch, batches at once (the bulkhead), and for how long a claim holds.

    `poll_seconds`: how often PostgreSQL is asked although the streams work; what a lost entry costs at most, beyond
    the task's own `due_at`.
    """

    batch_size: int
    concurrency: int
    visibility_seconds: float
    poll_seconds: float = 1.0


def wake_when_due(streams: ReadyStreams, lane: str, limits: LaneLimits) -> Callable[[UUID, float], None]:
    """What tells a lane of its retries at the moment they are due, where that is sooner than the next poll."""

    def wake(task_id: UUID, delay_seconds: float) -> None:
        if delay_seconds < limits.poll_seconds:
            loop = asyncio.get_running_loop()
            loop.call_later(delay_seconds, streams.announce, [(lane, task_id)])

    return wake


class Claimer:
    """Claims a lane's next batch: what the stream says is ready, and at intervals what is due in PostgreSQL."""

    def __init__(self, lane: str, tasks: Claims, streams: ReadyStreams, limits: LaneLimits) -> None:
        self._lane, self._tasks, self._streams, self._limits = lane, tasks, streams, limits
        self._poll_at = 0.0

    async def claim_next(self, limit: int) -> list[Claim]:
        """At most `limit` claims; empty after waiting up to `poll_seconds` in vain. Raises Unavailable."""
        if not self._streams.available or time.monotonic() >= self._poll_at:
            claims = await self._claim_due(limit)
            if claims:
                return claims
        return await self._claim_ready(limit)

    async def claim_begun(self, limit: int) -> list[Claim]:
        """At most `limit` claims of what was attempted before; the streams keep what they hold. Raises Unavailable."""
        return await self._tasks.claim_due(
            self._lane, limit=limit, visibility_seconds=self._limits.visibility_seconds, begun=True
        )

    async def _claim_due(self, limit: int) -> list[Claim]:
        claims = await self._tasks.claim_due(
            self._lane, limit=limit, visibility_seconds=self._limits.visibility_seconds
        )
        drained = len(claims) < limit
        self._poll_at = time.monotonic() + self._limits.poll_seconds if drained else 0.0
        return claims

    async def _claim_ready(self, limit: int) -> list[Claim]:
        ready = await self._streams.take(self._lane, limit=limit, wait_seconds=self._wait_seconds())
        if not ready:
            return []
        try:
            return await self._tasks.claim(
                self._lane, task_ids(ready), visibility_seconds=self._limits.visibility_seconds
            )
        finally:
            self._streams.forget(self._lane, ready)

    def _wait_seconds(self) -> float:
        if not self._streams.available:
            return random.uniform(*POLL_WITHOUT_STREAMS_SECONDS)  # noqa: S311 - no secret hangs on it
        return min(max(self._poll_at - time.monotonic(), 0.0), self._limits.poll_seconds)


class Lane:
    """Runs `perform` over a lane's tasks until stopped, at most `limits.concurrency` batches at once.

    A failing `perform` costs its batch an attempt and nothing else: the tasks come back when their visibility ends.
    While `breaker` is open nothing is claimed, so waiting costs no attempts; while it drains, nothing new.
    """

    def __init__(
        self,
        name: str,
        tasks: Claims,
        *,
        streams: ReadyStreams,
        perform: Perform,
        limits: LaneLimits,
        breaker: Breaker | None = None,
    ) -> None:
        self.name = name
        self._claimer = Claimer(name, tasks, streams, limits)
        self._perform = perform
        self._limits = limits
        self.breaker = breaker or Breaker()
        self._batch_size = limits.batch_size
        self._slots = asyncio.Semaphore(limits.concurrency)
        self._stopping = asyncio.Event()
        self._failures = 0
        self._loop: asyncio.Task[None] | None = None
        self._running: set[asyncio.Task[None]] = set()
        self._more_waits = False
        self._claimed_at = 0.0

    def start(self) -> None:
        """Begin to claim, in a task of its own."""
        self._loop = asyncio.create_task(self._run(), name=f"lane {self.name}")

    async def stop(self, *, timeout_seconds: float = 20.0) -> None:
        """Claim no more, let what runs finish, and cancel what does not within the time; its tasks come back later."""
        self._stopping.set()
        unfinished = {*self._running, *([self._loop] if self._loop else [])}
        deadline = time.monotonic() + timeout_seconds
        while unfinished:
            _, unfinished = await asyncio.wait(unfinished, timeout=max(deadline - time.monotonic(), 0.0))
            if time.monotonic() >= deadline:
                break
            unfinished |= self._running
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)

    async def _run(self) -> None:
        while not self._stopping.is_set():
            await self._slots.acquire()
            await self._gather()
            claims = await self._claim()
            if not claims:
                self._slots.release()
                continue
            task = asyncio.create_task(self._work(claims), name=f"batch of lane {self.name}")
            self._running.add(task)
            task.add_done_callback(self._finish)

    async def _gather(self) -> None:
        """Let tasks come together while a batch runs and shortly after a claim, unless that left some behind."""
        if self._more_waits:
            return
        if self._running:
            await asyncio.wait(self._running, timeout=GATHER_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        left_seconds = self._claimed_at + APART_SECONDS - time.monotonic()
        if left_seconds > 0:
            await self._rest(left_seconds)

    def _finish(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._slots.release()

    async def _claim(self) -> list[Claim]:
        permitted = self.breaker.permit(self._batch_size, running=len(self._running))
        if not permitted or self._stopping.is_set():
            await self._rest(_REST_SECONDS)
            return []
        if self.breaker.draining:
            return await self._claim_begun(permitted)
        claims: list[Claim] = await self._attempt(self._claimer.claim_next(permitted)) or []
        self._more_waits = len(claims) >= permitted
        if claims:
            self._claimed_at = time.monotonic()
        return claims

    async def _claim_begun(self, limit: int) -> list[Claim]:
        claims: list[Claim] = await self._attempt(self._claimer.claim_begun(limit)) or []
        if not claims:
            await self._rest(_DRAINING_POLL_SECONDS)
        return claims

    async def _work(self, claims: list[Claim]) -> None:
        given_back = await self._attempt(self._call_perform(claims)) or 0
        if given_back:
            self._batch_size = max(len(claims) - given_back, 1)
        else:
            self._batch_size = min(self._batch_size * 2, self._limits.batch_size)

    async def _call_perform(self, claims: list[Claim]) -> int:
        await failpoints.reach("W1")
        given_back = await self._perform(claims) or 0
        await failpoints.reach("W6")
        return given_back

    async def _attempt(self, work: Coroutine[Any, Any, Any]) -> Any:
        """The result of `work`; None after a failure, which is logged and, when PostgreSQL is away, waited out."""
        outcome = await capture(work)
        if not isinstance(outcome, Exception):
            self._failures = 0
            return outcome
        self._failures += 1
        _log.warning("lane_failed", lane=self.name, reason=describe_failure(outcome), failures=self._failures)
        if isinstance(outcome, Unavailable):
            await self._rest(max(_BACK_OFF.delay_seconds(self._failures), _REST_SECONDS))
        else:
            await self._rest(_REST_SECONDS)
        return None

    async def _rest(self, seconds: float) -> None:
        """Wait, unless the lane is stopped first."""
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return
