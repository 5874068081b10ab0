"""Ready-streams in Valkey: which tasks are ready, told fast. Only a hint: PostgreSQL has every task and its owner.

Nothing here raises or blocks its caller when Valkey is away, frozen, full or wiped.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

STREAM_LENGTH = 100_000
"""Entries kept in a lane's stream, roughly; older ones are found in PostgreSQL."""
BUFFER_LENGTH = 50_000
LOCAL_LENGTH = 10_000
RECONNECT_SECONDS = 0.5

_GROUP = "workers"
_CONSUMER = "worker"
"""One name for all: nobody's pending entries are ever taken over, as entries are read with NOACK."""
_PIPELINE_LENGTH = 500
_ADD_ALL = "for i = 2, #ARGV do redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 't', ARGV[i]) end"
"""Adds an entry for each task. A command of its own for each costs its sender 9 of the 180 us of a declaration."""
_PROBE = "singlewindow:probe"

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Ready:
    """A task said to be ready, and its stream entry (None: told within this process)."""

    task_id: UUID
    entry_id: bytes | None = None


@dataclass(frozen=True, slots=True)
class _Entry:
    """Something for the writer: add a task, or delete an entry that was read."""

    lane: str
    task_id: UUID | None = None
    entry_id: bytes | None = None


class ReadyStreams:
    """One stream per lane. `redis_url` None: there is no Valkey, and only lanes of this process are told.

    Open with `open()`, or as an async context. Each call to Valkey has `timeout_seconds`.
    """

    def __init__(self, redis_url: str | None, *, timeout_seconds: float = 0.1) -> None:
        self._url = redis_url
        self._timeout_seconds = timeout_seconds
        self._available = False
        self._outgoing: deque[_Entry] = deque(maxlen=BUFFER_LENGTH)
        self._something_to_send = asyncio.Event()
        self._readers: dict[str, Redis] = {}
        self._local: dict[str, deque[UUID]] = {}
        self._told: dict[str, asyncio.Event] = {}
        self._writer: Redis | None = None
        self._writing: asyncio.Task[None] | None = None

    @property
    def available(self) -> bool:
        """True while Valkey takes and gives entries; when False lanes must look into PostgreSQL often."""
        return self._available

    async def open(self) -> None:
        """Connect, and start to write and reconnect in the background."""
        if self._url is None:
            return
        self._writer = self._connect(self._timeout_seconds)
        self._available = await self._probe()
        self._writing = asyncio.create_task(self._write(), name="ready-streams")

    async def close(self) -> None:
        """Stop at once; what was not written yet is found in PostgreSQL."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)
        self._available = False
        clients = [*self._readers.values(), *([self._writer] if self._writer else [])]
        await asyncio.gather(*(client.aclose() for client in clients), return_exceptions=True)

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def announce(self, pairs: Iterable[tuple[str, UUID]]) -> None:
        """Tell lanes of tasks that are committed. Returns at once; may forget them when Valkey is away."""
        for lane, task_id in pairs:
            if self._available:
                self._outgoing.append(_Entry(lane, task_id=task_id))
            elif lane in self._local:
                self._local[lane].append(task_id)
                self._told[lane].set()
        self._something_to_send.set()

    def forget(self, lane: str, ready: Iterable[Ready]) -> None:
        """Delete entries after their tasks were claimed, or turned out to be somebody else's. Returns at once."""
        if self._available:
            self._outgoing.extend(_Entry(lane, entry_id=one.entry_id) for one in ready if one.entry_id is not None)
            self._something_to_send.set()

    async def take(self, lane: str, *, limit: int, wait_seconds: float) -> list[Ready]:
        """Up to `limit` tasks said to be ready, after waiting at most `wait_seconds` for the first.

        An entry is given to one taker only and never again.
        """
        self._local.setdefault(lane, deque(maxlen=LOCAL_LENGTH))
        self._told.setdefault(lane, asyncio.Event())
        if not self._available or self._local[lane]:
            return await self._take_local(lane, limit, wait_seconds)
        async with self._budget(wait_seconds + self._timeout_seconds):
            return await self._read(lane, limit, wait_seconds)
        return []

    async def _take_local(self, lane: str, limit: int, wait_seconds: float) -> list[Ready]:
        told, waiting = self._told[lane], self._local[lane]
        if not waiting:
            told.clear()
            try:
                async with asyncio.timeout(wait_seconds):
                    await told.wait()
            except TimeoutError:
                return []
        return [Ready(waiting.popleft()) for _ in range(min(limit, len(waiting)))]

    async def _read(self, lane: str, limit: int, wait_seconds: float) -> list[Ready]:
        if lane not in self._readers:
            self._readers[lane] = self._connect(None)
        reader = self._readers[lane]
        block = max(int(wait_seconds * 1000), 1)
        try:
            reply: Any = await reader.xreadgroup(
                _GROUP, _CONSUMER, {_stream(lane): ">"}, count=limit, block=block, noack=True
            )
        except ResponseError as error:
            if not str(error).startswith(("NOGROUP", "UNBLOCKED")):
                raise
            await self._create_group(reader, lane)
            return []
        return [Ready(UUID(bytes=fields[b"t"]), entry_id) for _, entries in reply for entry_id, fields in entries]

    async def _create_group(self, reader: Redis, lane: str) -> None:
        """From the stream's start, as tasks may have been announced before the first lane came."""
        try:
            await reader.xgroup_create(_stream(lane), _GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise

    async def _write(self) -> None:
        while True:
            if not self._available:
                await asyncio.sleep(RECONNECT_SECONDS)
                self._available = await self._probe()
                continue
            await self._something_to_send.wait()
            self._something_to_send.clear()
            while self._outgoing and self._available:
                await self._send_some()

    async def _send_some(self) -> None:
        """One command for what is added to a lane and one for what leaves it, however many tasks they name."""
        assert self._writer is not None
        count = min(len(self._outgoing), _PIPELINE_LENGTH)
        added, read = defaultdict[str, list[bytes]](list), defaultdict[str, list[bytes]](list)
        for entry in (self._outgoing.popleft() for _ in range(count)):
            if entry.task_id is not None:
                added[entry.lane].append(entry.task_id.bytes)
            elif entry.entry_id is not None:
                read[entry.lane].append(entry.entry_id)
        async with self._budget(self._timeout_seconds), self._writer.pipeline(transaction=False) as pipeline:
            for lane, tasks in added.items():
                pipeline.eval(_ADD_ALL, 1, _stream(lane), STREAM_LENGTH, *tasks)
            for lane, entry_ids in read.items():
                pipeline.xdel(_stream(lane), *entry_ids)
            await pipeline.execute()

    async def _probe(self) -> bool:
        """Whether Valkey takes a write: one that is full or a replica answers a ping and is of no use."""
        assert self._writer is not None
        try:
            async with asyncio.timeout(self._timeout_seconds * 2):
                await self._writer.set(_PROBE, b"1", ex=60)
        except (RedisError, OSError, TimeoutError):
            return False
        return True

    @asynccontextmanager
    async def _budget(self, seconds: float) -> AsyncIterator[None]:
        """Do something with Valkey within `seconds`; when that fails, do without it until it answers again."""
        try:
            async with asyncio.timeout(seconds):
                yield
        except (RedisError, OSError, TimeoutError) as error:
            if self._available:
                _log.warning("valkey_away", reason=type(error).__name__)
            self._available = False
            self._outgoing.clear()
            self._something_to_send.set()

    def _connect(self, read_seconds: float | None) -> Redis:
        assert self._url is not None
        return Redis.from_url(
            self._url,
            protocol=2,
            max_connections=1,
            socket_timeout=read_seconds,
            socket_connect_timeout=self._timeout_seconds,
            retry=Retry(NoBackoff(), 0),
        )


def _stream(lane: str) -> str:
    return f"singlewindow:ready:{lane}"


def task_ids(ready: Sequence[Ready]) -> list[UUID]:
    """Their tasks, each once."""
    return list(dict.fromkeys(one.task_id for one in ready))
