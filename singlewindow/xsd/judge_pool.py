"""A few judge children: started when needed, asked one message at a time, killed when they overrun or have grown."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import UUID
from weakref import WeakValueDictionary

import orjson
import structlog

import singlewindow
from singlewindow.errors import SingleWindowError, Unavailable
from singlewindow.messages.judgement import Judgement
from singlewindow.xsd.parser import Refused
from singlewindow.xsd.transcript import read_verdict

WALL_SECONDS = 5.0
"""Time that one message may take in a child before the child is killed, and one second more for each megabyte."""

WAITING_SECONDS = 10.0
"""Time that a message may wait for a free child."""

WARMING_SECONDS = 120.0
CHILDREN = 3
"""One trader gets all but one of them: its messages may take half a minute each, and others' must not wait for that."""

log = structlog.get_logger()


class ChildLost(SingleWindowError):
    """A judge child overran its budget or died; the message it had may be the reason."""

    code = "judge-child-lost"


class JudgeChild:
    """One running child."""

    def __init__(self, process: asyncio.subprocess.Process, generation: int) -> None:
        self._process = process
        self.generation = generation
        self.retiring = False

    @property
    def alive(self) -> bool:
        """Whether it has not ended, as far as the event loop has heard."""
        return self._process.returncode is None

    async def ask(self, frames: list[bytes], *, seconds: float) -> dict[str, Any]:
        """Send a request and read its answer. Raises ChildLost; then the child must be killed."""
        try:
            async with asyncio.timeout(seconds):
                return await self._converse(frames)
        except (OSError, EOFError, TimeoutError, orjson.JSONDecodeError) as error:
            raise ChildLost(f"a judge child gave no answer: {type(error).__name__}") from error

    async def kill(self) -> None:
        """End it, whatever it is doing."""
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()

    async def _converse(self, frames: list[bytes]) -> dict[str, Any]:
        sender, receiver = self._process.stdin, self._process.stdout
        if sender is None or receiver is None:
            raise EOFError
        for frame in frames:
            sender.write(len(frame).to_bytes(8, "big"))
            sender.write(frame)
        await sender.drain()
        length = int.from_bytes(await receiver.readexactly(8), "big")
        answer = await receiver.readexactly(length)
        self.retiring = answer[:1] == b"1"
        parsed: dict[str, Any] = orjson.loads(answer[1:])
        return parsed


class JudgePool:
    """The children of one process. `extra` is the folder of further message sets that the catalogue was loaded with."""

    def __init__(
        self, extra: Path | None = None, *, children: int = CHILDREN, wall_seconds: float = WALL_SECONDS
    ) -> None:
        self._extra, self._wall_seconds = extra, wall_seconds
        self._idle: list[JudgeChild] = []
        self._generation = 0
        self._places = asyncio.Semaphore(children)
        self._share = max(children - 1, 1)
        self._shares: WeakValueDictionary[UUID | None, asyncio.Semaphore] = WeakValueDictionary()
        self._closed = False

    async def judge(self, body: bytes, editions: Sequence[str] = (), *, whose: UUID | None = None) -> Judgement:
        """The verdict on a message, explained; or with libxml2's errors alone, where explaining cost a child its life.

        `whose` is the trader that sent it, who gets all children but one.

        Raises Refused (422 `too-complex` where both cost a child), Unavailable where none is free in time.
        """
        return read_verdict(await self._judge("judge", body, editions, whose))

    async def judge_json(
        self, body: bytes, editions: Sequence[str] = (), *, whose: UUID | None = None
    ) -> tuple[Judgement, bytes]:
        """The verdict on a message in JSON, and the XML that was judged. Raises as `judge`, and JsonRefused."""
        answer = await self._judge("judge-json", body, editions, whose)
        return read_verdict(answer), answer["document"].encode()

    async def write_json(self, body: bytes, editions: Sequence[str] = (), *, whose: UUID | None = None) -> bytes:
        """A message in JSON. Raises as `judge`."""
        answer = await self._judge("write-json", body, editions, whose)
        if "refused" in answer:
            read_verdict(answer)
        return orjson.dumps(answer)

    async def _judge(self, ask: str, body: bytes, editions: Sequence[str], whose: UUID | None) -> dict[str, Any]:
        for explained in (True, False):
            request = {"ask": ask, "editions": list(editions), "explained": explained}
            seconds = self._wall_seconds + len(body) / 1_000_000
            try:
                return await self._ask([orjson.dumps(request), body], seconds=seconds, whose=whose)
            except ChildLost as lost:
                log.warning("judging.child_lost", explained=explained, bytes=len(body), reason=lost.detail)
        raise Refused(422, "too-complex", "the message could not be judged within its budget; send several messages")

    async def warm(self) -> None:
        """Start one child and let it compile every schema, so that no trader waits for that."""
        with suppress(ChildLost):
            await self._ask([orjson.dumps({"ask": "warm"})], seconds=WARMING_SECONDS)

    async def renew(self, extra: Path | None) -> None:
        """Judge by the sets of this folder from now on: children that know the former ones end with their message."""
        self._extra = extra
        self._generation += 1
        await self._end_idle()

    async def close(self) -> None:
        """End the idle children; those at work end with their message."""
        self._closed = True
        await self._end_idle()

    async def _end_idle(self) -> None:
        while self._idle:
            await self._idle.pop().kill()

    async def _ask(self, frames: list[bytes], *, seconds: float, whose: UUID | None = None) -> dict[str, Any]:
        async with self._place(whose):
            child = self._pop_idle() or await self._start()
            return await self._ask_child(child, frames, seconds)

    def _pop_idle(self) -> JudgeChild | None:
        """A child that waits. One that ended meanwhile (for want of memory, say) is no message's fault."""
        while self._idle:
            child = self._idle.pop()
            if child.alive:
                return child
        return None

    async def _ask_child(self, child: JudgeChild, frames: list[bytes], seconds: float) -> dict[str, Any]:
        try:
            answer = await child.ask(frames, seconds=seconds)
        except BaseException:
            # also when the caller has gone: half a conversation must not be continued with the next message
            await child.kill()
            raise
        if child.retiring or self._closed or child.generation != self._generation:
            await child.kill()
        else:
            self._idle.append(child)
        return answer

    @asynccontextmanager
    async def _place(self, whose: UUID | None) -> AsyncIterator[None]:
        """A child's place for a trader's message: first within the trader's share, then among all."""
        share = self._shares.setdefault(whose, asyncio.Semaphore(self._share))
        async with AsyncExitStack() as held:
            try:
                async with asyncio.timeout(WAITING_SECONDS):
                    await held.enter_async_context(share)
                    await held.enter_async_context(self._places)
            except TimeoutError as error:
                raise Unavailable("too many messages wait to be explained") from error
            yield

    async def _start(self) -> JudgeChild:
        package = str(Path(singlewindow.__file__).parent.parent)
        arguments, generation = [] if self._extra is None else [str(self._extra.resolve())], self._generation
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "singlewindow.xsd.judge_child", *arguments,
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
                start_new_session=True, env={**os.environ, "PYTHONPATH": package},
            )  # fmt: skip
        except OSError as error:
            raise ChildLost(f"a judge child cannot be started: {error.strerror}") from error
        return JudgeChild(process, generation)
