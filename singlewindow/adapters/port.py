"""The port every agency is reached through: what is sent, what comes back, and the duties of an adapter."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol
from uuid import UUID

from singlewindow.messages.judgement import ResponseUnit

Verdict = Literal["acknowledged", "rejected", "retry", "unknown"]
Idempotency = Literal["item", "call", "none"]


NO_ANSWER, UNREADABLE = "no-answer", "unreadable"
"""Codes of our own for a reply that says of a task nothing that could be read."""


@dataclass(frozen=True, slots=True)
class TaskItem:
    """One declaration to act on within an original: the stable task id, its ordinal and what others gave for it."""

    task_id: UUID
    ordinal: int
    references: dict[str, str] = field(default_factory=dict)
    leg: int | None = None


@dataclass(frozen=True, slots=True)
class OriginalItem:
    """One message as received, sent once per call, with the tasks that act on its declarations."""

    message_id: UUID
    message_set: str
    root: str
    sha256: str
    original: bytes
    tasks: tuple[TaskItem, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """Everything of one SOAP call: one sender, one action, at most the adapter's batch size of tasks.

    `call_id` is stable over attempts when the agency deduplicates by call.
    """

    call_id: UUID
    agency: str
    action: str
    sender: str
    items: tuple[OriginalItem, ...]


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing the agency says of one task; `document` is its response document exactly as sent, if it sent one.

    `notice_id` is the agency's own id, by which we deduplicate; `task_id` is None when the agency names only keys.
    `said` is what the adapter read of it by itself; left empty, the document is read by its message set.
    """

    notice_id: str
    document: bytes | None
    task_id: UUID | None = None
    said: tuple[ResponseUnit, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What the agency answered for one task in the SOAP reply.

    `acknowledged`: it has the document (a `notice` may already bring a state). `rejected`: it will not take it.
    `retry`: not now. `unknown`: it says itself that nobody knows, or the reply could not be read for this task, which
    the code NO_ANSWER (it is not in it, or twice and differently) or UNREADABLE tells.
    """

    task_id: UUID
    verdict: Verdict
    code: str = ""
    text: str = ""
    notice: Notice | None = None


@dataclass(frozen=True, slots=True)
class Envelope:
    """A request ready to send and its record: URL, SOAP headers, bytes for the wire, and the bytes to record.

    The recorded form names the originals by hash in place of their Base64, so that an exchange row stays small.
    `attachments` are contents that travel beside the envelope, which holds them as Base64 until it is packed.
    """

    url: str
    headers: dict[str, str]
    body: bytes
    record: bytes
    attachments: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back over the wire: HTTP status, the raw bytes, and the answers read from them."""

    status: int
    body: bytes
    answers: tuple[Answer, ...]


class Adapter(Protocol):
    """One agency. Stateless between calls; the same task id goes out over all attempts.

    `idempotency` says by what the agency deduplicates. `deadline_seconds` bounds one exchange in total.
    """

    @property
    def agency(self) -> str:
        """The agency's name, which is also its lane's."""
        ...

    @property
    def batch_size(self) -> int:
        """Most tasks in one call."""
        ...

    @property
    def concurrency(self) -> int:
        """Most calls at a time."""
        ...

    @property
    def deadline_seconds(self) -> float:
        """Bound on one exchange in total."""
        ...

    @property
    def idempotency(self) -> Idempotency:
        """By what the agency deduplicates: `item` (task id), `call`, or not at all."""
        ...

    @property
    def pulls(self) -> bool:
        """True when the agency's notices are fetched by `pull` and not pushed to us."""
        ...

    def prepare(self, call: Call) -> Envelope:
        """Build the request; pure and repeatable for the same call."""
        ...

    async def send(self, envelope: Envelope, call: Call) -> Reply:
        """Send once. Raises AgencyError, whose `temporary` and `outcome_unknown` decide what happens next."""
        ...

    async def ask(self, task_ids: tuple[UUID, ...]) -> tuple[Answer, ...]:
        """The agency's own record of these tasks; a task it does not know answers `retry`. Raises AgencyError."""
        ...

    async def pull(self, cursor: str, *, limit: int = 100) -> tuple[tuple[Notice, ...], str]:
        """Notices after the cursor (empty string: from the start) and the next cursor. Raises AgencyError."""
        ...

    async def close(self) -> None:
        """Release connections."""
        ...
