"""The effects journal: append-only JSON lines, synced in groups by one thread before anybody is answered."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

import orjson

from singlewindow.errors import ConfigurationError

Line = dict[str, Any]

FLUSH_SECONDS = 0.2
"""How long a line that nobody waits for may stay in memory."""


class Journal:
    """One file for all agencies. What `append` returned from is on disk; `note` only promises the order of lines.

    Lines keep the order of the calls. Use as an async context: leaving it writes what is left.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._waiting: list[bytes] = []
        self._anew = False
        self._failure: OSError | None = None
        self._next: asyncio.Future[None] | None = None
        self._current: asyncio.Future[None] | None = None
        self._writer: asyncio.Task[None] | None = None
        self._flush: asyncio.TimerHandle | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sandbox-journal")

    async def __aenter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
        _lock(self._file, self._path)
        _drop_torn_line(self._path)
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            await self.append(())
        finally:
            self._thread.shutdown()
            os.close(self._file)

    def note(self, line: Line) -> None:
        """Add a line that nobody waits for; it is on disk within FLUSH_SECONDS unless the process dies before."""
        self._waiting.append(orjson.dumps(line))
        if self._flush is None:
            self._flush = asyncio.get_running_loop().call_later(FLUSH_SECONDS, self._start_group)

    def restart(self, line: Line) -> None:
        """Empty the file: this line is its first, and what was not written yet never will be. `append` to await it."""
        self._anew, self._waiting = True, []
        self.note(line)

    async def append(self, lines: Sequence[Line]) -> None:
        """Return when these lines, and every line added before, are on disk.

        Raises OSError when the disk refuses, and from then on always: what memory knows is no longer what is on disk.
        """
        if self._failure is not None:
            raise self._failure
        self._waiting.extend(orjson.dumps(line) for line in lines)
        synced = self._start_group() if self._waiting else self._current
        if synced is not None:
            await asyncio.shield(synced)

    def _start_group(self) -> asyncio.Future[None]:
        if self._flush is not None:
            self._flush.cancel()
            self._flush = None
        if self._next is None:
            self._next = asyncio.get_running_loop().create_future()
            self._next.add_done_callback(_retrieve)
        self._writer = self._writer or asyncio.create_task(self._write_groups())
        return self._next

    async def _write_groups(self) -> None:
        """Write group after group: whatever arrives while one is being synced is the next."""
        loop = asyncio.get_running_loop()
        while self._next is not None:
            group, self._waiting = self._waiting, []
            anew, self._anew = self._anew, False
            self._current, self._next = self._next, None
            try:
                if self._failure is not None:
                    raise self._failure
                await loop.run_in_executor(self._thread, self._write, group, anew)
            except OSError as error:
                self._failure = error
                self._current.set_exception(error)
            else:
                self._current.set_result(None)
        self._current = self._writer = None

    def _write(self, group: list[bytes], anew: bool) -> None:  # noqa: FBT001 - called by the executor alone
        if anew:
            os.ftruncate(self._file, 0)
        before = os.fstat(self._file).st_size
        try:
            _write_whole(self._file, b"\n".join([*group, b""]))
        except OSError:
            # half a line must not stand before a whole one
            os.ftruncate(self._file, before)
            raise
        os.fdatasync(self._file)


def _retrieve(synced: asyncio.Future[None]) -> None:
    """A group may fail while nobody waits for it; whoever does wait still gets the error."""
    if not synced.cancelled():
        synced.exception()


def read_journal(path: Path) -> Iterator[Line]:
    """Every line of a journal, oldest first, a torn last one left out. Raises ConfigurationError for a damaged one."""
    if not path.exists():
        return
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.endswith(b"\n"):
                return
            try:
                yield orjson.loads(line)
            except orjson.JSONDecodeError as error:
                raise ConfigurationError(f"{path}, line {number}: {error}; move the file away to start anew") from error


def _lock(file: int, path: Path) -> None:
    """One writer per journal, held until its process ends. Raises ConfigurationError when there is another."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(file)
        raise ConfigurationError(f"another sandbox writes {path}; give this one its own data folder") from error


def _drop_torn_line(path: Path) -> None:
    """Cut what a crash left of a last line, so that the next one starts on its own."""
    if not path.exists():
        return
    with path.open("rb+") as file:
        end = file.seek(0, os.SEEK_END)
        while end > 0:
            start = max(0, end - 65_536)
            file.seek(start)
            newline = file.read(end - start).rfind(b"\n")
            if newline >= 0:
                file.truncate(start + newline + 1)
                return
            end = start
        file.truncate(0)


def _write_whole(file: int, data: bytes) -> None:
    """os.write may take a part only, on a nearly full disk for one."""
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]
