"""Delivers events to the traders' webhooks: one lane for each endpoint, so that none waits for another.

A pass each second is what correctness rests on; a wake-up only makes it sooner.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from uuid import UUID

import structlog

from singlewindow import failpoints
from singlewindow.errors import ConfigurationError
from singlewindow.ledger.grouping import Grouped
from singlewindow.messages.identifiers import Clock
from singlewindow.messages.webhook_signatures import sign_delivery
from singlewindow.queue.breaker import Breaker
from singlewindow.queue.failures import capture, describe_failure
from singlewindow.queue.port import Deliveries, Delivery, Outcome
from singlewindow.queue.posting import DEADLINE_SECONDS, Posted, Poster, retry_after_seconds

SCHEDULE_SECONDS = (5.0, 300.0, 1800.0, 7200.0, 18_000.0, 36_000.0, 50_400.0, 72_000.0, 86_400.0)
"""The wait after each failed attempt, from the first (Standard Webhooks); the tenth failure is the last."""

JITTER = 0.1
"""Up to this part of a wait is added, so that what failed together does not come back together."""

LONGEST_WAIT_SECONDS = 86_400.0
VISIBILITY_SECONDS = DEADLINE_SECONDS + 10.0
"""How long an attempt holds its delivery; what a killed process held is tried again after."""

CONCURRENCY = 16
"""Posts to one endpoint at once; also what one transaction claims, and mostly what one settles."""

SETTLED_AT_ONCE = 500
"""Outcomes in one transaction at most."""

LANES = 200
PASS_SECONDS = 1.0
SHORTEST_PASS_SECONDS = 0.1
"""Between two passes, however often they are asked for."""

_log = structlog.get_logger(__name__)


def judge(delivery: Delivery, posted: Posted, *, now: float, draw: Callable[[float, float], float]) -> Outcome:
    """What an answer means: 2xx arrived, 410 ends the endpoint, anything else is tried again by the schedule."""
    told = Outcome(delivery, delivered=False, http_status=posted.status, answer=posted.answer, error=posted.error)
    if posted.status is not None and HTTPStatus.OK <= posted.status < HTTPStatus.MULTIPLE_CHOICES:
        return replace(told, delivered=True)
    if posted.status == HTTPStatus.GONE:
        return replace(told, delay_seconds=0.0, disable="the receiver answered 410 Gone")
    if delivery.attempt > len(SCHEDULE_SECONDS):
        return told
    wait = SCHEDULE_SECONDS[delivery.attempt - 1]
    asked = min(retry_after_seconds(posted.retry_after, now=now), LONGEST_WAIT_SECONDS)
    return replace(told, delay_seconds=max(wait, asked) + draw(0.0, wait * JITTER))


def fails_everybody(posted: Posted) -> bool:
    """Whether an answer speaks of the endpoint and not of the event it was given."""
    if posted.status is None or posted.status == HTTPStatus.TOO_MANY_REQUESTS:
        return True
    return posted.status >= HTTPStatus.INTERNAL_SERVER_ERROR


class Deliverer:
    """Delivers until stopped. Any number may run: the ledger gives each attempt to one of them."""

    def __init__(
        self,
        deliveries: Deliveries,
        poster: Poster,
        clock: Clock,
        *,
        draw: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._deliveries, self._poster, self._clock, self._draw = deliveries, poster, clock, draw
        self._settling = Grouped(self._settle, most=SETTLED_AT_ONCE)
        self._lanes: dict[UUID, asyncio.Task[None]] = {}
        self._breakers: dict[UUID, Breaker] = {}
        self._stopping, self._awakened = asyncio.Event(), asyncio.Event()
        self._loop: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to deliver, in a task of its own."""
        self._loop = asyncio.create_task(self._run(), name="deliverer")

    def wake(self) -> None:
        """There are new events: look at once."""
        self._awakened.set()

    async def stop(self, *, timeout_seconds: float = 20.0) -> None:
        """Finish the attempts at hand, or cancel them when that takes too long; they are made again later."""
        self._stopping.set()
        self._awakened.set()
        unfinished = {*self._lanes.values(), *([self._loop] if self._loop else [])}
        if unfinished:
            _, unfinished = await asyncio.wait(unfinished, timeout=timeout_seconds)
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)
        await self._settling.finish()
        await self._poster.close()

    async def _settle(self, outcomes: Sequence[Outcome]) -> list[None]:
        await self._deliveries.settle(outcomes)
        return [None] * len(outcomes)

    async def pass_once(self) -> int:
        """Fan the feeds out and start a lane for each endpoint that has none; how many events were fanned out."""
        count = await self._deliveries.fan_out()
        due = await self._deliveries.due_webhooks()
        self._breakers = {key: kept for key, kept in self._breakers.items() if kept.away or key in self._lanes}
        idle = [webhook for webhook in due if webhook not in self._lanes]
        # not in the order of their ids: where there are too many, each gets its turn
        random.shuffle(idle)
        for webhook in idle[: LANES - len(self._lanes)]:
            self._lanes[webhook] = asyncio.create_task(self._run_lane(webhook), name="lane of a webhook")
            self._lanes[webhook].add_done_callback(partial(self._forget_lane, webhook))
        return count

    async def finish_lanes(self) -> None:
        """Wait until the lanes that run have nothing left to do."""
        while self._lanes:
            await asyncio.wait(set(self._lanes.values()))

    def _forget_lane(self, webhook: UUID, _ended: asyncio.Task[None]) -> None:
        del self._lanes[webhook]

    async def _run(self) -> None:
        while not self._stopping.is_set():
            started = time.monotonic()
            outcome = await capture(self.pass_once())
            if isinstance(outcome, Exception):
                _log.warning("fan_out_failed", reason=describe_failure(outcome))
            elif outcome:
                self._awakened.set()
            await self._rest(started)

    async def _rest(self, started: float) -> None:
        try:
            async with asyncio.timeout(PASS_SECONDS):
                await self._awakened.wait()
        except TimeoutError:
            pass
        if self._stopping.is_set():
            return
        self._awakened.clear()
        await asyncio.sleep(max(started + SHORTEST_PASS_SECONDS - time.monotonic(), 0.0))

    async def _run_lane(self, webhook: UUID) -> None:
        failure = await capture(self._drain(webhook))
        if isinstance(failure, Exception):
            _log.warning("delivering_failed", webhook=str(webhook), reason=describe_failure(failure))

    async def _drain(self, webhook: UUID) -> None:
        """Send what is due, at most CONCURRENCY at once; a failure of the endpoint is its breaker's business."""
        breaker = self._breakers.setdefault(webhook, Breaker())
        running: set[asyncio.Task[None]] = set()
        try:
            while not self._stopping.is_set():
                running |= await self._start_attempts(webhook, breaker, len(running))
                if not running:
                    return
                ended, running = await asyncio.wait(running, timeout=PASS_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                for task in ended:
                    task.result()
            await asyncio.gather(*running)
        finally:
            for task in running:
                task.cancel()

    async def _start_attempts(self, webhook: UUID, breaker: Breaker, running: int) -> set[asyncio.Task[None]]:
        free = breaker.permit(CONCURRENCY, running=running) - running
        if free <= 0:
            return set()
        claimed = await self._deliveries.claim(webhook, limit=free, visibility_seconds=VISIBILITY_SECONDS)
        secrets = await self._deliveries.secrets(webhook) if claimed else []
        if claimed:
            await failpoints.reach("N1")
        return {asyncio.create_task(self._attempt(one, secrets, breaker), name="delivery") for one in claimed}

    async def _attempt(self, delivery: Delivery, secrets: list[bytes], breaker: Breaker) -> None:
        if delivery.body is None:
            await self._settling.add(Outcome(delivery, delivered=False, error="the event was erased"))
            return
        if not secrets:
            raise ConfigurationError("a webhook has no secret to sign with")
        now = self._clock.time()
        headers = sign_delivery(delivery.message_id, int(now), delivery.body, secrets)
        await failpoints.reach("N2")
        posted = await self._poster.post(delivery.url, headers, delivery.body)
        await failpoints.reach("N3")
        if fails_everybody(posted):
            breaker.fail()
        else:
            breaker.succeed()
        await self._settling.add(judge(delivery, posted, now=now, draw=self._draw))
        await failpoints.reach("N4")
