"""Filing messages by group commit: everything waiting while one transaction runs is written by the next."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Self
from uuid import UUID

import structlog

from singlewindow import failpoints
from singlewindow.errors import OutcomeUnknown, SingleWindowError, Unavailable
from singlewindow.ledger.database import Connection, Database, Transaction
from singlewindow.ledger.doubtful_commit import find_committed
from singlewindow.ledger.intake_transaction import IntakeTransaction, Written
from singlewindow.ledger.submissions import Filed, Pending, RepeatInProgress, Submission, as_filed
from singlewindow.ledger.traders import Traders
from singlewindow.messages.filing import (
    Canonical,
    FiledUnit,
    filing_key,
    join_hash,
    target_key,
)
from singlewindow.messages.identifiers import Clock, IdentifierSource, hash_values
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
            return as_filed(await pending.future, pending)
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
