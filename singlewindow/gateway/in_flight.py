"""Back-pressure and shutdown: how much is in work, and filings that a vanished client cannot cancel."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Protocol, TypeVar
from uuid import UUID

from singlewindow.errors import SingleWindowError, TraderMistake, Unavailable
from singlewindow.gateway.loop_lag import LoopLag

Result = TypeVar("Result")

Hold = Callable[[int], None]
"""Counts so many bytes more of a submission. Raises Unavailable and TooManyAtOnce."""

MOST_LAG_SECONDS = 0.04
PART_WHEN_LATE = 4
"""While the loop is late there is one place in so many: they keep transactions full, more would only wait longer."""

LIMIT_BYTES = 256_000_000

REMEMBERED = 1000
"""Credentials of which is known whose they are, by their hash."""


class TooManyAtOnce(TraderMistake):
    """One trader has its share of places in work already; becomes 429 with Retry-After."""

    code = "too-many-at-once"
    status = 429
    retry_after_seconds = 1


class Watermark(Protocol):
    """What may close intake for everybody: a disk that fills up, a backlog."""

    def check(self) -> None:
        """Raises Unavailable while intake is closed. Costs next to nothing: every submission asks."""
        ...


class InFlight:
    """Counts submissions in work, at most `limit`, and keeps started filings alive until they end.

    One trader gets at most half of the places: bodies that never come to their end must not keep others out. While the
    event loop is late there are fewer: more would wait unseen, and refusals with them. Of the `limit_bytes` that may be
    kept of all submissions one trader gets half as well.
    """

    def __init__(
        self,
        limit: int,
        watermarks: Sequence[Watermark] = (),
        on_refused: Callable[[str], None] = lambda _: None,
        *,
        lag: LoopLag | None = None,
        limit_bytes: int = LIMIT_BYTES,
    ) -> None:
        self._limit, self._share = limit, max(limit // 2, 1)
        self._limit_when_late = max(limit // PART_WHEN_LATE, 1)
        self._limit_bytes, self._bytes = limit_bytes, 0
        self._bytes_of_trader: Counter[UUID] = Counter()
        self._watermarks, self._on_refused = watermarks, on_refused
        self._lag = lag or LoopLag()
        self._admitted = 0
        self._of_trader: Counter[UUID] = Counter()
        self._full_handed: dict[bytes, UUID] = {}
        self._kept: set[asyncio.Task[Any]] = set()

    @property
    def admitted(self) -> int:
        """Submissions in work."""
        return self._admitted

    @property
    def standing(self) -> str:
        """The word `open`, or the code that every submission is refused with now."""
        try:
            self._check_everybody()
        except Unavailable as error:
            return error.code
        return "open"

    @contextmanager
    def admit(self, trader: UUID) -> Iterator[Hold]:
        """A place for one submission of a trader, and what counts the bytes that are kept of it until it is left.

        Raises, before any work, Unavailable when all are taken or a watermark is reached, and TooManyAtOnce; so does
        what counts when the bytes are too many.
        """
        self._count_refused(self._check_everybody)
        self._count_refused(partial(self._check_share, trader))
        self._admitted += 1
        self._of_trader[trader] += 1
        held = 0

        def hold(size: int) -> None:
            nonlocal held
            self._count_refused(partial(self._check_bytes, trader, size))
            held += size
            self._bytes += size
            self._bytes_of_trader[trader] += size

        try:
            yield hold
        finally:
            self._admitted -= 1
            self._bytes -= held
            self._of_trader[trader] -= 1
            self._bytes_of_trader[trader] -= held
            if not self._of_trader[trader]:
                del self._of_trader[trader], self._bytes_of_trader[trader]

    def foresee(self, credential: str) -> SingleWindowError | None:
        """Why a submission that comes with this credential would not be admitted, as far as that is known unread.

        None also where only its trader's share could tell and the credential was not remembered.
        """
        try:
            self._check_everybody()
            trader = self._full_handed.get(_digest(credential)) if self._full_handed else None
            if trader is not None:
                self._check_share(trader)
        except SingleWindowError as error:
            self._on_refused(error.code)
            # its traceback holds the caller's frame, which will hold it: 26 objects for the garbage collector each time
            return error.with_traceback(None)
        return None

    def remember(self, credential: str, trader: UUID) -> None:
        """Whose credential it is that was refused for its trader's share: the next is foreseen."""
        if len(self._full_handed) >= REMEMBERED:
            self._full_handed.clear()
        self._full_handed[_digest(credential)] = trader

    def _check_everybody(self) -> None:
        for watermark in self._watermarks:
            watermark.check()
        if self._admitted >= self._limit or (
            self._admitted >= self._limit_when_late and self._lag.seconds > MOST_LAG_SECONDS
        ):
            raise Unavailable("too many submissions are in work; try again shortly", retry_after_seconds=1)

    def _check_share(self, trader: UUID) -> None:
        if self._of_trader[trader] >= self._share:
            raise TooManyAtOnce(f"{self._share} of your submissions are in work; send on as they are answered")

    def _check_bytes(self, trader: UUID, size: int) -> None:
        if self._bytes + size > self._limit_bytes:
            raise Unavailable("too many bytes of submissions are in work; try again shortly", retry_after_seconds=1)
        if self._bytes_of_trader[trader] + size > self._limit_bytes // 2:
            raise TooManyAtOnce(
                f"{self._limit_bytes // 2} bytes of your submissions are in work; send on after answers"
            )

    def _count_refused(self, check: Callable[[], None]) -> None:
        try:
            check()
        except SingleWindowError as error:
            self._on_refused(error.code)
            raise

    async def keep(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Await work that runs to its end even if the caller is cancelled meanwhile."""
        task = asyncio.create_task(work)
        self._kept.add(task)
        task.add_done_callback(self._forget)
        return await asyncio.shield(task)

    async def drain(self, timeout_seconds: float) -> int:
        """Wait for the kept work; how many pieces were still unfinished at the end."""
        if self._kept:
            await asyncio.wait(self._kept, timeout=timeout_seconds)
        return len(self._kept)

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._kept.discard(task)
        if not task.cancelled():
            # read here as well, so that asyncio does not warn when nobody is left to answer
            task.exception()


def _digest(credential: str) -> bytes:
    """What is kept instead of a secret."""
    return hashlib.sha256(credential.encode("utf-8", "surrogateescape")).digest()
