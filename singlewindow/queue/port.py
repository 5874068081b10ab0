"""What dispatch needs of others: the agencies' port, the ledger's side of a lane, and callables from wiring.

The only place of the queue that names the adapters' port; no adapter is imported here or anywhere in the queue.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol
from uuid import UUID

from singlewindow.adapters.port import (
    NO_ANSWER,
    UNREADABLE,
    Adapter,
    Answer,
    Call,
    Envelope,
    Idempotency,
    Notice,
    OriginalItem,
    Reply,
    TaskItem,
)
from singlewindow.ledger.deliveries import Delivery, Outcome
from singlewindow.ledger.outcomes import Cause
from singlewindow.ledger.tasks import Claim, Decision, Word, Work
from singlewindow.messages.judgement import ResponseUnit

__all__ = [
    "NO_ANSWER",
    "UNREADABLE",
    "Adapter",
    "Answer",
    "Call",
    "Cause",
    "Claim",
    "Claims",
    "Decision",
    "Deliveries",
    "Delivery",
    "Envelope",
    "Exchanges",
    "Idempotency",
    "Notice",
    "Notices",
    "OriginalItem",
    "Outcome",
    "Perform",
    "ReadResponse",
    "Reply",
    "ResponseUnit",
    "TaskItem",
    "Word",
    "Work",
]

ReadResponse = Callable[[str | None, bytes], tuple[ResponseUnit, ...]]
"""Reads a response document of a message set (None: recognise it). Raises SingleWindowError when it cannot."""

Perform = Callable[[list[Claim]], Awaitable[int | None]]
"""Works through claims within their visibility; returns how many it gave back for want of time, if any."""


class Claims(Protocol):
    """Taking the right to work; each task goes to one caller only. Raises Unavailable."""

    async def claim(self, lane: str, task_ids: Sequence[UUID], *, visibility_seconds: float) -> list[Claim]:
        """Claim those of these tasks that are ready."""
        ...

    async def claim_due(self, lane: str, *, limit: int, visibility_seconds: float, begun: bool = False) -> list[Claim]:
        """Claim what is due, oldest first; with `begun` only what was attempted before."""
        ...


class Exchanges(Protocol):
    """Recording a call and what came of it. Raises Unavailable."""

    async def describe(self, claims: Sequence[Claim]) -> list[Work]:
        """What these tasks are about, in the order of filing."""
        ...

    async def bodies(self, message_ids: Sequence[UUID]) -> dict[UUID, bytes]:
        """The originals; an erased one is missing or empty."""
        ...

    async def begin_exchange(
        self,
        exchange_id: UUID,
        *,
        agency: str,
        action: str,
        sender: UUID,
        request: bytes,
        claims: Sequence[Claim],
    ) -> None:
        """Record the envelope; committed when it returns."""
        ...

    async def end_call(
        self,
        exchange_id: UUID | None,
        *,
        http_status: int | None,
        reply: bytes | None,
        error: str | None,
        words: Sequence[Word],
        decisions: Sequence[Decision],
    ) -> None:
        """Reply, words and decisions in one transaction; repeating it changes nothing."""
        ...


class Notices(Protocol):
    """Taking what an agency has to say, and remembering how far it was read. Raises Unavailable."""

    async def take_words(self, words: Sequence[Word]) -> int:
        """Take words in one transaction, each notice id once; how many were new."""
        ...

    async def cursor(self, agency: str) -> str:
        """Where pulling stands; empty at the start."""
        ...

    async def move_cursor(self, agency: str, cursor: str) -> None:
        """Remember where pulling stands."""
        ...

    async def awaited(self, agency: str) -> int:
        """How many parts wait for the agency's decision."""
        ...


class Deliveries(Protocol):
    """Events on their way to webhooks; each attempt is given to one caller only. Raises Unavailable."""

    async def fan_out(self) -> int:
        """Make deliveries of new events; how many events were looked at."""
        ...

    async def due_webhooks(self) -> list[UUID]:
        """Endpoints that something may be sent to now."""
        ...

    async def claim(self, webhook: UUID, *, limit: int, visibility_seconds: float) -> list[Delivery]:
        """Claim what is due; of the events of one declaration only the earliest."""
        ...

    async def secrets(self, webhook: UUID) -> list[bytes]:
        """The secrets that sign now, the newest first."""
        ...

    async def settle(self, outcomes: Sequence[Outcome]) -> None:
        """Record what came of attempts, all or none; repeating it changes nothing."""
        ...
