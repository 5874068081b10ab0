"""One kept HTTP/1.1 connection of the load driver: writes ready bytes, reads one answer at a time, parses no more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

Answered = Callable[["Connection", "Answer"], None]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer: its status, its head in lower case and its body."""

    status: int
    head: bytes
    body: bytes


class Connection(asyncio.Protocol):
    """Calls `on_answer` for each answer and `on_lost` once it is closed; `intended` is when the request was due."""

    def __init__(self, on_answer: Answered, on_lost: Callable[[Connection], None]) -> None:
        self._on_answer, self._on_lost = on_answer, on_lost
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self.intended = 0.0
        self.waiting = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - why does not matter to the count
        """Closed by either side."""
        self._transport = None
        self._on_lost(self)

    def send(self, request: bytes, intended: float) -> None:
        """Send a whole request; `intended` (of the loop's clock) is what its latency counts from."""
        self.intended, self.waiting = intended, True
        if self._transport is not None:
            self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Wait until the answer is whole. Only answers with a Content-Length are known."""
        self._received += data
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self._received[:end]).lower()
        whole = end + 4 + _length(head)
        if len(self._received) < whole:
            return
        answer = Answer(int(head[9:12]), head, bytes(self._received[end + 4 : whole]))
        del self._received[:whole]
        if self.waiting:
            self.waiting = False
            self._on_answer(self, answer)

    def close(self) -> None:
        """Close it."""
        if self._transport is not None:
            self._transport.close()


def _length(head: bytes) -> int:
    start = head.find(b"\r\ncontent-length:")
    return 0 if start < 0 else int(head[start + 17 :].split(b"\r\n", 1)[0])
