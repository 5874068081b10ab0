"""The intake transaction: claims keys in sorted order, sets every verdict, and writes a whole batch at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from singlewindow.ledger.database import Connection, Record, query
from singlewindow.ledger.dossiers import columns
from singlewindow.ledger.feed import event_columns, message_events, number_events
from singlewindow.ledger.intake_rows import (
    declaration_columns,
    filing_columns,
    join_columns,
    message_columns,
    search_columns,
)
from singlewindow.ledger.ledger_rules import (
    check_message_numbers,
    check_targets,
    message_number_rows,
    name_conflicts,
    refuse_broken,
)
from singlewindow.ledger.split_documents import warn_of_gaps
from singlewindow.ledger.submissions import Outcome, Pending
from singlewindow.ledger.versions import find_targets, refuse_older, refuse_older_changes
from singlewindow.messages.filing import FiledUnit, Occupant, judge_against
from singlewindow.messages.identifiers import IdentifierSource
from singlewindow.messages.instants import write_instant
from singlewindow.messages.manifest import MessageSet
from singlewindow.messages.receipts import ReceiptSigner, declaration_entry

CONFLICT = "another declaration with other content stands under this key"
"""What a set without a rule for it says."""

NONE_TAKEN = "none of the declarations can be taken"


@dataclass(frozen=True, slots=True)
class Written:
    """What a batch came to: an outcome per message in its order, and the matching tasks to announce after COMMIT.

    `transaction` is its number in PostgreSQL, None when there is nothing to commit.
    """

    outcomes: list[Outcome]
    ready: list[tuple[str, UUID]]
    transaction: str | None


class IntakeTransaction:
    """Writes batches on a connection that is inside a transaction. Holds no state between batches."""

    def __init__(
        self,
        sets: Mapping[str, MessageSet],
        signer: ReceiptSigner,
        ids: IdentifierSource,
        task_delay_seconds: Callable[[], float],
    ) -> None:
        self._sets, self._signer, self._ids, self._delay = (
            sets,
            signer,
            ids,
            task_delay_seconds,
        )

    async def write(self, connection: Connection, batch: Sequence[Pending]) -> Written:
        """Decide and store; nothing holds before COMMIT."""
        for pending in batch:
            for unit in pending.units:
                unit.forget_verdict()
        decided = await _replay_by_key(connection, batch)
        open_ = [pending for pending in batch if pending.message_id not in decided]
        await self._judge_keys(connection, open_)
        repeated = await _replay_by_content(connection, open_)
        decided |= repeated
        stored = []
        for pending in open_:
            if pending.message_id in repeated:
                continue
            refusal = _refuse(pending)
            if refusal is None:
                stored.append(pending)
            else:
                decided[pending.message_id] = refusal
        await _give_back_keys(connection, [p for p in open_ if p.idempotency_hash and p not in stored])
        ready, transaction = await self._store(connection, stored, decided)
        return Written([decided[pending.message_id] for pending in batch], ready, transaction)

    async def _judge_keys(self, connection: Connection, batch: Sequence[Pending]) -> None:
        for pending in batch:
            _judge_within(pending)
        wanted = [(pending, unit) for pending in batch for unit in pending.units if unit.verdict == "received"]
        if wanted:
            won = await connection.fetch(query("take_filing_keys"), *filing_columns(wanted))
            taken = {row["key_hash"] for row in won}
            await _judge_lost(
                connection,
                [(p, unit) for p, unit in wanted if unit.key_hash not in taken],
                self._sets,
            )
        await find_targets(connection, batch, self._sets)
        await refuse_older_changes(connection, batch, self._sets)
        await check_message_numbers(connection, batch, self._sets)
        await check_targets(connection, batch, self._sets)
        await warn_of_gaps(connection, batch, self._sets)
        await refuse_broken(connection, batch)
        for pending in batch:
            _follow_first(pending)
        name_conflicts(batch, self._sets)
        for _pending, unit in wanted:
            if unit.verdict == "received" and unit.unit.intent == "save":
                unit.verdict = "saved"

    async def _store(
        self,
        connection: Connection,
        batch: Sequence[Pending],
        decided: dict[UUID, Outcome],
    ) -> tuple[list[tuple[str, UUID]], str | None]:
        if not batch:
            return [], None
        for pending in batch:
            decided[pending.message_id] = Outcome(pending.message_id, self._signer.sign(receipt_payload(pending)))
        kept = [(p, unit) for p in batch for unit in p.units if unit.verdict in {"received", "saved"}]
        tasks = [(self._ids.next(), unit.id) for _, unit in kept if unit.verdict == "received"]
        events = [new for p in batch for new in message_events(p, decided[p.message_id].receipt, self._ids)]
        await connection.execute(
            query("store_messages"),
            *message_columns(batch, [decided[pending.message_id].receipt for pending in batch]),
            *declaration_columns(kept, self._sets),
            *_search_columns(kept, self._sets),
            *join_columns(kept, self._sets),
            *columns(tasks, 2),
            self._delay(),
            *event_columns(events),
        )
        await _store_derived(connection, batch)
        transaction = await number_events(connection, events)
        return [("match", task) for task, _ in tasks], transaction


def _search_columns(kept: list[tuple[Pending, FiledUnit]], sets: Mapping[str, MessageSet]) -> list[list[Any]]:
    """What a trader looks its declarations up by, and the numbers of their messages."""
    numbers = columns(message_number_rows(kept, sets), 3)
    return [[*values, *more] for values, more in zip(search_columns(kept), numbers, strict=True)]


async def _store_derived(connection: Connection, batch: Sequence[Pending]) -> None:
    """The XML of messages that came as JSON, each with its own hash."""
    rows = [(p.message_id, p.submission.derived, p.derived_sha256) for p in batch if p.derived_sha256 is not None]
    if rows:
        await connection.execute(query("store_derived"), *columns(rows, 3))


async def _replay_by_key(connection: Connection, batch: Sequence[Pending]) -> dict[UUID, Outcome]:
    keyed = [pending for pending in batch if pending.idempotency_hash is not None]
    if not keyed:
        return {}
    rows = [(p.submission.trader, p.idempotency_hash, p.message_id, p.sha256) for p in keyed]
    won = await connection.fetch(query("take_idempotency_keys"), *columns(rows, 4))
    taken = {(row["trader"], row["key_hash"]) for row in won}
    lost = [p for p in keyed if (p.submission.trader, p.idempotency_hash) not in taken]
    if not lost:
        return {}
    held = await connection.fetch(
        query("find_idempotency_keys"),
        *columns([(p.submission.trader, p.idempotency_hash) for p in lost], 2),
    )
    known = {(row["trader"], row["key_hash"]): row for row in held}
    return {p.message_id: _replay(p, known[p.submission.trader, p.idempotency_hash]) for p in lost}


def _replay(pending: Pending, row: Record) -> Outcome:
    if row["body_sha256"] != pending.sha256:
        return Outcome(pending.message_id, key_reused=True)
    return Outcome(row["message_id"], row["receipt"], replayed=True)


def _judge_within(pending: Pending) -> None:
    """Of several declarations of one message under one key the first counts; the others are repeats or conflicts."""
    first: dict[bytes, FiledUnit] = {}
    for unit in pending.units:
        if unit.verdict != "received":
            continue
        earlier = first.setdefault(unit.key_hash, unit)
        if earlier is not unit and earlier.unit.intent != "save":
            same = earlier.unit.content_sha256 == unit.unit.content_sha256
            unit.verdict, unit.of = ("duplicate" if same else "conflict"), earlier.id
        elif earlier is not unit:
            earlier.verdict = "conflict" if earlier.unit.content_sha256 != unit.unit.content_sha256 else "duplicate"
            earlier.of = unit.id
            first[unit.key_hash] = unit


async def _judge_lost(
    connection: Connection, lost: list[tuple[Pending, FiledUnit]], sets: Mapping[str, MessageSet]
) -> None:
    if not lost:
        return
    rows = await connection.fetch(query("lock_filing_keys"), [unit.key_hash for _, unit in lost])
    occupants = {row["key_hash"]: _occupant(row) for row in rows}
    for pending, unit in lost:
        occupant = occupants.get(unit.key_hash)
        judge_against(unit, occupant, pending.submission.trader)
        pending_occupants = occupant if unit.verdict != "received" else None
        if pending_occupants is not None and pending_occupants.trader == pending.submission.trader:
            unit.occupant = pending_occupants
    await refuse_older(connection, [(p, unit) for p, unit in lost if unit.supersedes], sets)
    passed = [(p, unit) for p, unit in lost if unit.verdict == "received"]
    for _, unit in passed:
        unit.displaced = occupants.get(unit.key_hash)
    if passed:
        await connection.execute(query("pass_filing_keys"), *filing_columns(passed))


def _follow_first(pending: Pending) -> None:
    """A repeat of a declaration that was not taken itself shares its fate."""
    by_id = {unit.id: unit for unit in pending.units}
    for unit in pending.units:
        first = by_id.get(unit.of) if unit.of is not None else None
        if first is None or first.verdict not in {"duplicate", "conflict", "invalid"}:
            continue
        same = first.unit.content_sha256 == unit.unit.content_sha256
        unit.verdict = first.verdict if same else "conflict"
        unit.of, unit.occupant = first.of, first.occupant
        if same:
            unit.add(*(replace(problem, ordinal=unit.unit.ordinal) for problem in first.errors))


def _occupant(row: Record) -> Occupant:
    return Occupant(
        row["declaration_id"],
        row["message_id"],
        row["trader"],
        row["body_sha256"],
        row["content_sha256"],
        row["state"],
    )


async def _replay_by_content(connection: Connection, batch: Sequence[Pending]) -> dict[UUID, Outcome]:
    """The same bytes from the same trader without a key, while their business keys are occupied: the first receipt."""
    repeats: dict[UUID, UUID] = {}
    for pending in batch:
        earlier = _earlier_message(pending)
        if earlier is not None:
            repeats[pending.message_id] = earlier
    if not repeats:
        return {}
    rows = await connection.fetch(query("find_receipts"), list(set(repeats.values())))
    receipts = {row["id"]: row["receipt"] for row in rows}
    return {
        message_id: Outcome(earlier, receipts[earlier], replayed=True)
        for message_id, earlier in repeats.items()
        if earlier in receipts
    }


def _earlier_message(pending: Pending) -> UUID | None:
    if pending.idempotency_hash is not None or any(unit.verdict == "received" for unit in pending.units):
        return None
    if any(unit.verdict == "saved" for unit in pending.units):
        return None
    held = (unit.occupant for unit in pending.units if unit.occupant is not None)
    return next(
        (occupant.message_id for occupant in held if occupant.body_sha256 == pending.sha256),
        None,
    )


def _refuse(pending: Pending) -> Outcome | None:
    verdicts = [unit.verdict for unit in pending.units]
    if any(verdict in {"received", "saved", "duplicate"} for verdict in verdicts):
        return None
    entries = [declaration_entry(unit) for unit in pending.units]
    if "conflict" in verdicts:
        conflicts = (problem for unit in pending.units if unit.verdict == "conflict" for problem in unit.errors)
        first = next((problem.message for problem in conflicts), CONFLICT)
        return Outcome(pending.message_id, refusal=(409, "conflict", first), entries=entries)
    found = [problem for unit in pending.units for problem in (*unit.unit.problems, *unit.errors)]
    errors = [problem for problem in found if problem.severity == "error"]
    only_rules = bool(errors) and all(problem.rule for problem in errors)
    code, detail = ("rule-violated", errors[0].message) if only_rules else ("invalid", NONE_TAKEN)
    return Outcome(pending.message_id, refusal=(422, code, detail), entries=entries)


async def _give_back_keys(connection: Connection, refused: Sequence[Pending]) -> None:
    if refused:
        await connection.execute(query("drop_idempotency_keys"), [pending.message_id for pending in refused])


def receipt_payload(pending: Pending) -> dict[str, Any]:
    """The receipt's content: what was true at this moment, and nothing that could change."""
    submission = pending.submission
    warnings = [problem.as_json() for problem in submission.judgement.problems if problem.severity != "error"]
    envelope = submission.judgement.envelope
    return {
        "message_id": str(pending.message_id),
        "message_set": submission.message_set,
        "type": submission.root,
        "sha256": pending.sha256.hex(),
        "bytes": len(submission.body),
        "received_at": write_instant(pending.received_at),
        "trader": str(submission.trader),
        "environment": submission.environment,
        "signature_check": "present-not-verified" if submission.judgement.signed else "absent",
        **({"derived_sha256": pending.derived_sha256.hex()} if pending.derived_sha256 is not None else {}),
        **({"envelope": envelope} if envelope else {}),
        "warnings": warnings,
        "declarations": [declaration_entry(unit) for unit in pending.units],
    }
