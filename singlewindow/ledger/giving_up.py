"""Giving up: a part or a look of the matching lane is put before an operator, in the transaction that decides it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from singlewindow.ledger.database import Connection, query
from singlewindow.ledger.dossiers import Loaded, NewTask, columns
from singlewindow.messages.dossier import Dossier, Part

MATCHING = "match"
"""What stands for the agency where our own matching was given up."""

ResendPause = Callable[[int], float | None]
"""Seconds before a document goes out again after this many attempts; None: it was sent often enough."""


@dataclass(frozen=True, slots=True)
class GivenUp:
    """Why a task was given up: a stable word, the text of the last error, and after how many attempts."""

    reason: str
    last_error: str
    attempts: int


def give_up_part(dossier: Dossier, part: Part, state: str, given_up: GivenUp, now: datetime) -> None:
    """Move a pending part to one of the operator's states, with an error that its trader reads. Raises IllegalMove."""
    part.errors = [{"code": f"agency.{part.agency}.{state}", "message": given_up.last_error}]
    dossier.decide(part, state, now)
    dossier.recombine()


def give_up_look(dossier: Dossier, given_up: GivenUp) -> None:
    """Nothing was decided on the declaration: it stays where it is and calls for a person."""
    dossier.attention = f"dead_letter at {MATCHING}"
    dossier.record("dead_letter", agency=MATCHING, reason=given_up.reason, message=given_up.last_error)


async def add_dead_letters(
    connection: Connection, given_up: Sequence[tuple[UUID, Dossier, Part | None, GivenUp]], now: datetime
) -> None:
    """Keep what was given up, by task id, for the operator's list."""
    rows = [_row(task_id, dossier, part, why, now) for task_id, dossier, part, why in given_up]
    if rows:
        await connection.execute(query("add_dead_letters"), *columns(rows, 11))


def _row(task_id: UUID, dossier: Dossier, part: Part | None, why: GivenUp, now: datetime) -> tuple[object, ...]:
    place = (part.agency, part.action, part.state) if part else (MATCHING, MATCHING, "dead_letter")
    part_id = part.id if part else None
    return (task_id, dossier.id, part_id, dossier.trader, *place, why.reason, why.attempts, why.last_error, now)


async def resend(connection: Connection, loaded: Loaded, pause: ResendPause, now: datetime) -> None:
    """Send again what authorities could not pass on, counting on from the attempts made; too many are given up."""
    again = [(dossier, part) for dossier in loaded.dossiers.values() for part in dossier.again]
    if not again:
        return
    rows = await connection.fetch(query("last_attempts"), [part.id for _, part in again])
    attempts = {row["id"]: (row["attempt"], row["carried"]) for row in rows}
    buried = []
    for dossier, part in again:
        made, carried = attempts[part.id]
        delay_seconds = pause(made - carried)
        if delay_seconds is None:
            why = GivenUp("asked-again", f"{part.agency} asked for it again after {made - carried} attempts", made)
            give_up_part(dossier, part, "dead_letter", why, now)
            buried.append((part.id, dossier, part, why))
        else:
            task = NewTask(part.id, part.agency, dossier.id, part.id, delay_seconds, False, made, True, carried)
            loaded.tasks.append(task)
    await add_dead_letters(connection, buried, now)
