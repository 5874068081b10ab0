"""The backlog's limit: with so many tasks waiting nothing more is taken in until the lanes have caught up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from singlewindow.errors import Unavailable

LOOK_SECONDS = 5.0
RELIEF = 0.9
"""Intake begins again when the backlog is down to this part of its limit."""

RETRY_AFTER_SECONDS = 30

log = structlog.get_logger()


class BacklogFull(Unavailable):
    """As many tasks wait as may; becomes 503 with Retry-After, before a body is read."""

    code = "backlog-full"


class Backlog:
    """Counts what waits every few seconds, in the background. A limit of 0 counts nothing."""

    def __init__(self, limit: int, count: Callable[[], Awaitable[int]]) -> None:
        self._limit, self._count = limit, count
        self.full = False

    def check(self) -> None:
        """Raises BacklogFull while the last count was over the limit, or has not come down far enough."""
        if self.full:
            detail = "too many tasks wait for the agencies; what was acknowledged is safe, and nothing more is taken in"
            raise BacklogFull(detail, retry_after_seconds=RETRY_AFTER_SECONDS)

    async def watch(self) -> None:
        """Count again and again until cancelled. While it cannot be counted the last count stands."""
        while self._limit:
            try:
                self._judge(await self._count())
            except Unavailable as error:
                log.warning("gateway.backlog_uncounted", detail=error.detail)
            except Exception as error:  # noqa: BLE001 - one count must not leave intake closed, or open, for ever
                # no traceback: it may quote a row
                log.error("gateway.backlog_uncounted", error=type(error).__name__)  # noqa: TRY400
            await asyncio.sleep(LOOK_SECONDS)

    def _judge(self, waiting: int) -> None:
        before = self.full
        self.full = waiting >= self._limit * (RELIEF if before else 1.0)
        if self.full != before:
            event = "gateway.backlog_full" if self.full else "gateway.backlog_relieved"
            log.error(event, waiting=waiting, limit=self._limit)
