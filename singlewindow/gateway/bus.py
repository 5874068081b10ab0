"""The notification bus: wakes whoever waits for news of a trader, here at once and in other processes through Valkey.

It carries no content, only "look again", so losing any of it costs time and nothing else: waiters also poll. One
channel serves all traders: a waiting request then needs no SUBSCRIBE of its own, and whatever was announced while one
PUBLISH was under way leaves with the next.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Self
from uuid import UUID

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

CHANNEL = "singlewindow:news"
RECONNECT_SECONDS = 1.0
"""Pause after Valkey failed, before it is tried again."""

log = structlog.get_logger()


class News:
    """One waiter's bell. News between two waits is not lost: the next wait returns at once."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def ring(self) -> None:
        """Something changed."""
        self._event.set()

    async def wait(self, timeout_seconds: float) -> bool:
        """Wait for a ring; False when the time passed without one."""
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._event.wait()
        except TimeoutError:
            return False
        self._event.clear()
        return True


class Bus:
    """Use as an async context manager. Without a URL, or while Valkey is away, it works within this process."""

    def __init__(self, redis_url: str | None, *, timeout_seconds: float = 0.1) -> None:
        self._redis_url, self._timeout = redis_url, timeout_seconds
        self._origin = os.urandom(16)
        self._waiting: dict[UUID, Counter[News]] = {}
        self._unsent: set[UUID] = set()
        self._to_send = asyncio.Event()
        self._workers: list[asyncio.Task[None]] = []
        self.connected = False

    async def __aenter__(self) -> Self:
        if self._redis_url is not None:
            self._workers = [
                asyncio.create_task(self._publish_for_ever(), name="bus-publisher"),
                asyncio.create_task(self._listen_for_ever(), name="bus-listener"),
            ]
            for worker in self._workers:
                worker.add_done_callback(_report)
        return self

    async def __aexit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)

    @property
    def waiters(self) -> int:
        """How many wait in this process."""
        return sum(bells.total() for bells in self._waiting.values())

    def announce(self, traders: Iterable[UUID]) -> None:
        """Say, after COMMIT, that these traders' declarations changed. Never blocks and never fails."""
        changed = set(traders)
        self._ring(changed)
        if self._workers:
            self._unsent |= changed
            self._to_send.set()

    @contextmanager
    def subscribe(self, trader: UUID, news: News | None = None) -> Iterator[News]:
        """A bell, your own or a new one, that rings at a trader's news.

        Subscribe first and look then, or news in between is missed. One bell may serve many subscriptions.
        """
        news = news or News()
        bells = self._waiting.setdefault(trader, Counter())
        bells[news] += 1
        try:
            yield news
        finally:
            bells[news] -= 1
            if not bells[news]:
                del bells[news]
            if not bells:
                del self._waiting[trader]

    def _ring(self, traders: Iterable[UUID]) -> None:
        for trader in traders:
            for news in self._waiting.get(trader, ()):
                news.ring()

    async def _publish_for_ever(self) -> None:
        client = self._client(self._timeout)
        try:
            while True:
                await self._to_send.wait()
                self._to_send.clear()
                sent, self._unsent = self._unsent, set()
                await self._publish(client, sent)
        finally:
            await client.aclose()

    async def _publish(self, client: Redis, traders: set[UUID]) -> None:
        payload = self._origin + b"".join(trader.bytes for trader in traders)
        try:
            async with asyncio.timeout(self._timeout):
                await client.publish(CHANNEL, payload)
        except (RedisError, OSError, TimeoutError):
            # a command cut off may leave its answer behind on the connection
            await client.connection_pool.disconnect()
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _listen_for_ever(self) -> None:
        while True:
            client = self._client(None)
            try:
                await self._listen(client)
            except (RedisError, OSError) as error:
                if self.connected:
                    log.warning("bus.disconnected", error=type(error).__name__)
            finally:
                self.connected = False
                await client.aclose()
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _listen(self, client: Redis) -> None:
        async with client.pubsub(ignore_subscribe_messages=True) as channel:
            await channel.subscribe(CHANNEL)
            self.connected = True
            # what was announced while we were not listening is unknown: everybody looks once
            self._ring(list(self._waiting))
            async for message in channel.listen():
                self._take(message["data"])

    def _take(self, payload: bytes) -> None:
        if payload[:16] != self._origin:
            self._ring(UUID(bytes=payload[at : at + 16]) for at in range(16, len(payload) - 15, 16))

    def _client(self, timeout_seconds: float | None) -> Redis:
        return Redis.from_url(
            str(self._redis_url),
            socket_timeout=timeout_seconds,
            socket_connect_timeout=self._timeout,
            retry=Retry(NoBackoff(), 0),
        )


def _report(worker: asyncio.Task[None]) -> None:
    """A worker ends only by being cancelled; anything else must be seen, since polling would hide it."""
    if not worker.cancelled():
        log.error("bus.worker_died", worker=worker.get_name(), error=repr(worker.exception()))
