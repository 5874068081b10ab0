"""What traders submit, on its way through the intake, and what it came to."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from singlewindow.errors import TraderMistake
from singlewindow.messages.filing import FiledUnit
from singlewindow.messages.judgement import Judgement, Problem


@dataclass(frozen=True, slots=True)
class Submission:
    """A judged message of an authenticated trader.

    `company_problems` maps ordinals to their not-your-company error; `derived` is the XML that a message in JSON was
    judged as and is forwarded as.
    """

    trader: UUID
    message_set: str
    root: str
    body: bytes
    judgement: Judgement
    company_problems: Mapping[int, Problem] = field(default_factory=dict)
    idempotency_key: str | None = None
    environment: str = "sandbox"
    derived: bytes | None = None


@dataclass(slots=True)
class Outcome:
    """What became of one message of the batch; exactly one of receipt, refusal and key_reused speaks."""

    message_id: UUID
    receipt: bytes = b""
    replayed: bool = False
    key_reused: bool = False
    refusal: tuple[int, str, str] | None = None
    entries: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Pending:
    """A submission on its way: its ids and hashes, and the future its sender waits on. Only itself is equal to it.

    `deferred`: it wants a key that an earlier one in the queue wants too.
    """

    submission: Submission
    message_id: UUID
    sha256: bytes
    received_at: datetime
    idempotency_hash: bytes | None
    units: list[FiledUnit]
    targets: dict[UUID, bytes]
    future: asyncio.Future[Outcome]
    deferred: bool = False

    @property
    def derived_sha256(self) -> bytes | None:
        """The hash of the XML that JSON was judged as, None for a message in XML."""
        derived = self.submission.derived
        return None if derived is None else hashlib.sha256(derived).digest()

    @property
    def wanted_keys(self) -> set[bytes]:
        """The business keys and the idempotency key that it wants for itself."""
        keys = {unit.key_hash for unit in self.units if unit.verdict != "invalid"}
        if self.idempotency_hash is not None:
            keys.add(self.submission.trader.bytes + self.idempotency_hash)
        return keys


@dataclass(frozen=True, slots=True)
class Filed:
    """What was stored (or had been, when `replayed`): the receipt's bytes and the ids of what was received.

    `verdicts` has one for each declaration, none where nothing was decided anew.
    """

    message_id: UUID
    receipt: bytes
    replayed: bool
    declaration_ids: tuple[UUID, ...]
    verdicts: tuple[str, ...]


class Refusal(TraderMistake):
    """Nothing of the message can be taken; nothing was stored. `entries` has a line per declaration."""

    def __init__(self, status: int, code: str, detail: str, entries: list[dict[str, Any]]) -> None:
        super().__init__(detail)
        self.status, self.code, self.entries = status, code, entries


class KeyReused(TraderMistake):
    """The Idempotency-Key was used before with other bytes."""

    code = "key-reused"
    status = 422


class RepeatInProgress(TraderMistake):
    """The same key is being filed by another request; ask again after `retry_after_seconds`."""

    code = "in-progress"
    status = 409
    retry_after_seconds = 1


def as_filed(outcome: Outcome, pending: Pending) -> Filed:
    """What its sender hears of a message. Raises KeyReused or Refusal."""
    if outcome.key_reused:
        raise KeyReused("this Idempotency-Key was used before with another body; use a new key")
    if outcome.refusal is not None:
        status, code, detail = outcome.refusal
        raise Refusal(status, code, detail, outcome.entries)
    if outcome.replayed:
        return Filed(outcome.message_id, outcome.receipt, replayed=True, declaration_ids=(), verdicts=())
    ids = tuple(unit.id for unit in pending.units if unit.verdict in {"received", "saved"})
    verdicts = tuple(unit.verdict for unit in pending.units)
    return Filed(outcome.message_id, outcome.receipt, replayed=False, declaration_ids=ids, verdicts=verdicts)
