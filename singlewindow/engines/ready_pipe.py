"""A pipe on which a process that serves nobody directly says that it has begun its work."""

from __future__ import annotations

import os
from contextlib import suppress
from types import TracebackType
from typing import Self

READ_BYTES = 65_536


class ReadyPipe:
    """Held by the supervisor; `descriptor` is the end that its children inherit. Never blocks either side."""

    def __init__(self) -> None:
        self._reader, self.descriptor = os.pipe()
        for end in (self._reader, self.descriptor):
            os.set_blocking(end, False)
        self._rest = b""
        self._heard: set[int] = set()

    def heard_from(self, pid: int) -> bool:
        """Whether the process of this id announced itself by now."""
        with suppress(BlockingIOError):
            while part := os.read(self._reader, READ_BYTES):
                *lines, self._rest = (self._rest + part).split(b"\n")
                self._heard.update(int(line) for line in lines if line.isdigit())
        return pid in self._heard

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._reader)
        os.close(self.descriptor)


def announce_ready(descriptor: int | None) -> None:
    """Write our process id on an inherited pipe; nothing without one. A supervisor that is gone or deaf is no error."""
    if descriptor is not None:
        with suppress(OSError):
            os.write(descriptor, b"%d\n" % os.getpid())
