"""The operator's hand on what was given up: see it, have it tried again under the same task id, or discard it.

Both decisions become events in the trader's feed, so they stand in its sealed history with the key that made them.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from singlewindow.ledger.database import Connection, Database, Record, query
from singlewindow.ledger.dossiers import Loaded, NewTask
from singlewindow.ledger.reading import Document, exchange_view
from singlewindow.ledger.tasks import Tasks
from singlewindow.ledger.views import instant
from singlewindow.messages.dossier import Dossier, Part
from singlewindow.messages.lifecycle import move

View = dict[str, Any]
Outcome = Literal["done", "repeat", "not-dead", "unknown"]
"""`repeat`: it was done before; `not-dead`: the task is no dead letter (any more); `unknown`: there is no such task."""

BATCH = 100
RANGE_SECONDS = 10.0
"""A range that takes longer is left for the next request."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which dead letters; None selects all. `since` and `until` bound when they were given up."""

    ids: tuple[UUID, ...] | None = None
    agency: str | None = None
    reason: str | None = None
    state: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class DeadLetters:
    """Dead letters of all traders, parts and looks of the matching lane alike, by task id. Raises Unavailable."""

    def __init__(self, database: Database, tasks: Tasks) -> None:
        self._database, self._tasks = database, tasks

    async def page(self, selection: Selection, *, after: UUID | None = None, limit: int = 50) -> list[View]:
        """A page in the order of the ids; `after` is the last id seen."""
        return [_view(row) for row in await self._find(selection, after, limit)]

    async def show(self, task_id: UUID) -> View | None:
        """One, or None."""
        found = await self.page(Selection((task_id,)), limit=1)
        return found[0] if found else None

    async def document(self, task_id: UUID) -> Document | None:
        """The message it is about, as received; None where it is no dead letter or was erased."""
        row = await self._database.fetchrow("dead_letter_document", task_id)
        if row is None or row["content"] is None:
            return None
        return Document(row["message_set"], row["content"], row["derived"])

    async def exchange(self, task_id: UUID) -> View | None:
        """The newest call that carried it; None where nothing was ever sent."""
        row = await self._database.fetchrow("dead_letter_exchange", task_id)
        return None if row is None else exchange_view(row)

    async def counts(self) -> list[View]:
        """How many there are, by agency and state."""
        return [dict(row) for row in await self._database.fetch("count_dead_letters")]

    async def replay(self, task_id: UUID, *, by: UUID) -> Outcome:
        """Try one again from its first attempt. What waits for reconciliation is first asked about at its agency."""
        rows = await self._find(Selection((task_id,)), None, 1)
        if rows and await self._replay(rows, by):
            return "done"
        return await self.judge(task_id, wanted="pending")

    async def replay_range(self, selection: Selection, *, by: UUID) -> tuple[list[UUID], bool]:
        """Try all of a selection again: the ids, and whether some are left because it took too long."""
        replayed: list[UUID] = []
        after: UUID | None = None
        deadline = time.monotonic() + RANGE_SECONDS
        while rows := await self._find(selection, after, BATCH):
            replayed += await self._replay(rows, by)
            after = rows[-1]["id"]
            if time.monotonic() > deadline:
                return replayed, bool(await self._find(selection, after, 1))
        return replayed, False

    async def discard(self, task_id: UUID, *, by: UUID, reason: str) -> Outcome:
        """Give one up for good: its part is withdrawn, and with a required part the declaration, whose key is free."""
        rows = await self._find(Selection((task_id,)), None, 1)
        if rows and await self._discard(rows[0], by, reason):
            return "done"
        return await self.judge(task_id, wanted="cancelled")

    async def _find(self, selection: Selection, after: UUID | None, limit: int) -> list[Record]:
        ids = None if selection.ids is None else list(selection.ids)
        bounds = (selection.since, selection.until, after, limit)
        return await self._database.fetch(
            "list_dead_letters", ids, selection.agency, selection.reason, selection.state, *bounds
        )

    async def _replay(self, rows: Sequence[Record], by: UUID) -> list[UUID]:
        async with self._tasks.deciding({row["declaration_id"] for row in rows}) as (connection, loaded):
            living = await _still_dead(connection, rows)
            for row in living:
                _raise_from_dead(loaded, row, by, self._tasks.now())
            await _drop_looks(connection, living)
            parts = [row for row in living if row["part_id"] is not None]
            attempts = [row["attempts"] for row in parts]
            await connection.execute(query("carry_attempts"), [row["id"] for row in parts], attempts)
        return [row["id"] for row in living]

    async def _discard(self, row: Record, by: UUID, reason: str) -> bool:
        async with self._tasks.deciding([row["declaration_id"]]) as (connection, loaded):
            living = await _still_dead(connection, [row])
            for dead in living:
                _withdraw(loaded, dead, by, reason, self._tasks.now())
            await _drop_looks(connection, living)
        return bool(living)

    async def judge(self, task_id: UUID, *, wanted: str) -> Outcome:
        """What is true of a task that is no dead letter, for somebody who would have it in the state `wanted`."""
        row = await self._database.fetchrow("find_task_state", task_id)
        if row is None:
            return "unknown"
        return "repeat" if row["state"] == wanted else "not-dead"


async def _still_dead(connection: Connection, rows: Sequence[Record]) -> list[Record]:
    """Those of these that nobody has moved since they were found; their declarations are locked by now."""
    found: list[Record] = await connection.fetch(
        query("list_dead_letters"), [row["id"] for row in rows], None, None, None, None, None, None, len(rows)
    )
    return found


def _raise_from_dead(loaded: Loaded, row: Record, by: UUID, now: datetime) -> None:
    dossier, part = _dossier_and_part(loaded, row)
    attempts = max(row["attempts"], 1)
    known = row["state"] != "needs_reconciliation"
    dossier.record("replayed", **_act(row, by))
    if part is None:
        dossier.attention = None
    else:
        part.errors = []
        dossier.decide(part, "pending", now)
        dossier.recombine()
    # in doubt it counts as attempted without an end, so that the agency is asked before anything is sent
    task = NewTask(row["id"], row["agency"], dossier.id, row["part_id"], 0.0, True, attempts, known, attempts)
    loaded.tasks.append(task)


def _withdraw(loaded: Loaded, row: Record, by: UUID, reason: str, now: datetime) -> None:
    dossier, part = _dossier_and_part(loaded, row)
    dossier.record("discarded", **_act(row, by), why=reason)
    if part is None:
        dossier.attention = None
        _withdraw_unplanned(dossier)
    else:
        # two of our own moves in one: what is pending may be withdrawn, and only that
        dossier.enter(part, move(move(part.state, "pending"), "cancelled"), now)
        dossier.recombine()


def _withdraw_unplanned(dossier: Dossier) -> None:
    """A declaration that was never planned is withdrawn as a whole; a later look at a planned one changes nothing."""
    if not dossier.matched and not dossier.parts:
        held = dossier.state if dossier.state == "held" else move(dossier.state, "held")
        dossier.become(move(held, "cancelled"))


def _dossier_and_part(loaded: Loaded, row: Record) -> tuple[Dossier, Part | None]:
    dossier = loaded.dossiers[row["declaration_id"]]
    return dossier, None if row["part_id"] is None else dossier.part(row["part_id"])


def _act(row: Record, by: UUID) -> View:
    return {"agency": row["agency"], "action": row["action"], "task": str(row["id"]), "by": str(by)}


async def _drop_looks(connection: Connection, rows: Sequence[Record]) -> None:
    """Rows of the matching lane; a part's row goes when the part is saved."""
    looks = [row["id"] for row in rows if row["part_id"] is None]
    if looks:
        await connection.execute(query("drop_dead_letters"), looks)


def _view(row: Record) -> View:
    identity, sent = str(row["id"]), row["exchange_id"] is not None
    path = f"/v1/dead-letters/{identity}"
    return {
        "id": identity,
        "declaration_id": str(row["declaration_id"]),
        "message_id": str(row["message_id"]),
        "message_set": row["message_set"],
        "ordinal": row["ordinal"],
        "kind": row["kind"],
        "keys": row["keys"],
        "trader": str(row["trader"]),
        "agency": row["agency"],
        "action": row["action"],
        "state": row["state"],
        "reason": row["reason"],
        "attempts": row["attempts"],
        "since": instant(row["since"]),
        "last_error": row["last_error"],
        "links": {"document": f"{path}/document", "exchange": f"{path}/exchange" if sent else None},
    }
