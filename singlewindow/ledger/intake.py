"""Filing messages by group commit: everything waiting while one transaction runs is written by the next."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self
from uuid import UUID

import structlog

from singlewindow import failpoints
from singlewindow.errors import (
    OutcomeUnknown,
    SingleWindowError,
    TraderMistake,
    Unavailable,
)
from singlewindow.ledger.database import Connection, Database, Transaction
from singlewindow.ledger.doubtful_commit import find_committed
from singlewindow.ledger.intake_transaction import IntakeTransaction, Outcome, Written
from singlewindow.ledger.traders import Traders
from singlewindow.messages.filing import (
    Canonical,
    FiledUnit,
    filing_key,
    join_hash,
    target_key,
)
from singlewindow.messages.identifiers import Clock, IdentifierSource, hash_values
from singlewindow.messages.judgement import Judgement, Problem
from singlewindow.messages.manifest import MessageSet
from singlewindow.messages.receipts import ReceiptSigner
from singlewindow.messages.series import series_of

MAX_BATCH = 256
"""Messages written by one transaction."""

MAX_BATCH_BYTES = 32_000_000

ANSWER_SECONDS = 4.5
"""Within this everybody hears something; a repeat waits as long for the first one under way."""

UNKNOWN = "the outcome of storing is unknown; retry with the same Idempotency-Key"

log = structlog.get_logger()


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


class Intake:
    """The one way into the ledger. Use as an async context manager; `file` may be called concurrently."""

    def __init__(
        self,
        database: Database,
        traders: Traders,
        sets: Mapping[str, MessageSet],
        signer: ReceiptSigner,
        *,
        clock: Clock,
        ids: IdentifierSource,
        on_stored: Callable[[list[tuple[str, UUID]]], None],
        task_delay_seconds: Callable[[], float] = lambda: 2.0,
    ) -> None:
        self._database, self._traders, self._sets = database, traders, sets
        self._clock, self._ids, self._on_stored = clock, ids, on_stored
        self._transaction = IntakeTransaction(sets, signer, ids, task_delay_seconds)
        self._waiting: list[Pending] = []
        self._wake = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._writer = asyncio.create_task(self._write_for_ever(), name="intake-writer")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)
        for pending in self._waiting:
            if not pending.future.done():
                pending.future.set_exception(Unavailable("the gateway is shutting down"))

    @property
    def depth(self) -> int:
        """Messages waiting for the next transaction."""
        return len(self._waiting)

    async def file(self, submission: Submission) -> Filed:
        """Store durably and sign the receipt; the same again answers as it did. Returns only after COMMIT.

        Raises Refusal or KeyReused (nothing stored), Unavailable (nothing stored), OutcomeUnknown.
        """
        pending = await self._prepare(submission)
        self._waiting.append(pending)
        self._wake.set()
        giving_up = asyncio.get_running_loop().call_later(ANSWER_SECONDS, self._give_up, pending)
        try:
            return _as_filed(await pending.future, pending)
        finally:
            giving_up.cancel()

    def _give_up(self, pending: Pending) -> None:
        if not pending.future.done():
            pending.future.set_exception(self._tell_why_late(pending))

    def _tell_why_late(self, pending: Pending) -> SingleWindowError:
        """Why a sender is answered before its message: still in the queue, or its transaction has not come back."""
        if pending not in self._waiting:
            return OutcomeUnknown(UNKNOWN)
        self._waiting.remove(pending)
        if pending.deferred:
            return RepeatInProgress("another request is filing under the same key; ask again")
        return Unavailable("too many messages are waiting to be stored")

    async def _prepare(self, submission: Submission) -> Pending:
        canonical = await self._traders.canonical()
        space, sha256 = self._key_space(submission), hashlib.sha256(submission.body).digest()
        positions = range(len(submission.judgement.units))
        units = [self._filed_unit(submission, position, canonical, sha256) for position in positions]
        targets = {filed.id: target_key(space, filed.unit, canonical) for filed in units if filed.unit.action != "new"}
        key = submission.idempotency_key
        return Pending(
            submission,
            self._ids.next(),
            sha256,
            datetime.fromtimestamp(self._clock.time(), UTC),
            None if key is None else hash_values([key]),
            units,
            targets,
            asyncio.get_running_loop().create_future(),
        )

    def _filed_unit(self, submission: Submission, position: int, canonical: Canonical, body_sha256: bytes) -> FiledUnit:
        unit, space = submission.judgement.units[position], self._key_space(submission)
        foreign = submission.company_problems.get(unit.ordinal)
        if foreign is not None or not unit.valid:
            problems = () if foreign is None else (foreign,)
            return FiledUnit(self._ids.next(), unit, b"", (), verdict="invalid", problems=problems)
        return FiledUnit(
            self._ids.next(),
            unit,
            filing_key(space, unit, canonical, body_sha256),
            tuple((join.name, join_hash(space, join, canonical)) for join in unit.joins),
            series_of(space, unit, canonical),
        )

    def _key_space(self, submission: Submission) -> str:
        return self._sets[submission.message_set].key_space

    async def _write_for_ever(self) -> None:
        while True:
            await self._wake.wait()
            batch = self._next_batch()
            if not self._waiting:
                self._wake.clear()
            if batch:
                await self._write_or_say_so(batch)

    async def _write_or_say_so(self, batch: list[Pending]) -> None:
        """Whatever happens, the writer lives on and every sender of the batch hears something."""
        try:
            await self._write(batch)
        except Exception as error:  # noqa: BLE001 - the one writer must not die of one batch
            log.error("intake.writer_failed", error=type(error).__name__)  # noqa: TRY400 - a traceback may quote
        finally:
            _fail(batch, OutcomeUnknown(UNKNOWN))

    def _next_batch(self) -> list[Pending]:
        """What the next transaction takes: of messages that want one and the same key, only the first."""
        taken: set[bytes] = set()
        batch: list[Pending] = []
        left: list[Pending] = []
        size = 0
        for pending in self._waiting:
            wanted = pending.wanted_keys
            pending.deferred = bool(wanted & taken)
            if pending.deferred or len(batch) >= MAX_BATCH or size > MAX_BATCH_BYTES:
                left.append(pending)
                continue
            taken |= wanted
            size += len(pending.submission.body)
            batch.append(pending)
        self._waiting = left
        return batch

    async def _write(self, batch: list[Pending]) -> None:
        try:
            await self._commit(batch)
        except asyncio.CancelledError:
            _fail(batch, OutcomeUnknown(UNKNOWN))
            raise
        except Unavailable as error:
            _fail(batch, error)
        except Exception as error:  # noqa: BLE001 - a row PostgreSQL refuses: find whose it is, spare the others
            await self._bisect(batch, error)

    async def _commit(self, batch: list[Pending]) -> None:
        """One transaction. Whatever fails before COMMIT is sent has stored nothing; after it, the fate is looked up."""
        sent: Written | None = None
        try:
            async with self._database.connection() as connection:
                transaction = connection.transaction()
                await transaction.start()
                await failpoints.reach("F2")
                written = await self._write_rows(connection, transaction, batch)
                sent = written
                await _send_commit(transaction)
                await failpoints.reach("F5")
        except Unavailable as error:
            if sent is None or sent.transaction is None:
                raise
            await self._look_up(batch, sent, sent.transaction, error)
        else:
            self._tell(batch, written)

    async def _write_rows(self, connection: Connection, transaction: Transaction, batch: list[Pending]) -> Written:
        try:
            written = await self._transaction.write(connection, batch)
            await failpoints.reach("F3")
        except BaseException:
            await transaction.rollback()
            raise
        return written

    def _tell(self, batch: list[Pending], written: Written) -> None:
        for pending, outcome in zip(batch, written.outcomes, strict=True):
            if not pending.future.done():
                pending.future.set_result(outcome)
        self._on_stored(written.ready)

    async def _look_up(self, batch: list[Pending], sent: Written, transaction: str, error: Unavailable) -> None:
        """COMMIT was sent and no answer came: prove what became of it before answering anybody."""
        stored = await find_committed(self._database, transaction, [pending.message_id for pending in batch])
        log.warning("intake.commit_looked_up", messages=len(batch), found=len(stored))
        if stored:
            self._tell(batch, sent)
        else:
            _fail(batch, error)

    async def _bisect(self, batch: list[Pending], error: Exception) -> None:
        if len(batch) == 1:
            log.error(
                "intake.row_refused",
                message_id=str(batch[0].message_id),
                error=type(error).__name__,
            )
            _fail(batch, SingleWindowError("the message could not be stored"))
            return
        middle = len(batch) // 2
        await self._write(batch[:middle])
        await self._write(batch[middle:])


async def _send_commit(transaction: Transaction) -> None:
    committing = asyncio.ensure_future(transaction.commit())
    # one turn of the loop, in which the statement leaves
    await asyncio.sleep(0)
    try:
        await failpoints.reach("F4")
    finally:
        await committing


def _fail(batch: list[Pending], error: Exception) -> None:
    for pending in batch:
        if not pending.future.done():
            pending.future.set_exception(error)


def _as_filed(outcome: Outcome, pending: Pending) -> Filed:
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
