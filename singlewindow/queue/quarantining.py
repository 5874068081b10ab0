"""Replies that could not be read are kept with their bytes; that they cannot be kept stops no work."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

import structlog

from singlewindow.errors import AgencyError
from singlewindow.ledger.quarantine import KEPT_BYTES, Source, Unreadable
from singlewindow.queue.failures import capture, describe_failure

__all__ = ["FORGET", "KEPT_BYTES", "Quarantine", "Unreadable", "keep_refused", "keep_unreadable"]

_log = structlog.get_logger(__name__)


class Quarantine(Protocol):
    """Where such bytes are kept. Raises Unavailable."""

    async def keep(self, one: Unreadable) -> None:
        """Keep the beginning of what came."""
        ...


class NoQuarantine:
    """Keeps nothing."""

    async def keep(self, one: Unreadable) -> None:
        """Forget it."""


FORGET = NoQuarantine()


async def keep_unreadable(quarantine: Quarantine, one: Unreadable) -> None:
    """Keep it, or say in the log why not."""
    _log.warning("reply_quarantined", agency=one.agency, source=one.source, bytes=len(one.content))
    outcome = await capture(quarantine.keep(one))
    if isinstance(outcome, Exception):
        _log.error("quarantine_failed", agency=one.agency, reason=describe_failure(outcome))


async def keep_refused(
    quarantine: Quarantine,
    agency: str,
    source: Source,
    error: Exception,
    *,
    exchange_id: UUID | None = None,
    task_ids: tuple[UUID, ...] = (),
) -> None:
    """Keep the reply behind an error, where the error says that it could not be read."""
    if not isinstance(error, AgencyError) or not getattr(error, "unreadable", False):
        return
    content, status = getattr(error, "body", b""), getattr(error, "status", None)
    size = getattr(error, "size", None)
    await keep_unreadable(
        quarantine, Unreadable(agency, source, error.detail, content, status, exchange_id, task_ids, size)
    )
