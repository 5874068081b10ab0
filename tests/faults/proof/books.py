"""What the database holds, read once after everything has come to rest."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import asyncpg

from singlewindow.ledger.database import _prepare_connection

Row = dict[str, Any]

MESSAGES = (
    "SELECT id, trader::text, encode(sha256, 'hex') AS sha256, convert_from(receipt, 'UTF8') AS receipt FROM message"
)
DECLARATIONS = "SELECT id, message_id, kind, state, anomaly, attention FROM declaration"
PARTS = "SELECT id, declaration_id, agency, action, state FROM part"
DEAD_LETTERS = """
SELECT d.id, d.agency, d.state, d.reason, d.attempts, max(e.attempt) AS last_attempt
FROM dead_letter d LEFT JOIN exchange_task e ON e.task_id = d.id GROUP BY d.id
"""
FEED = "SELECT trader::text, seq, event_id, leaf FROM feed ORDER BY trader, seq"
COUNTERS = "SELECT trader::text, last_seq FROM feed_counter"
EVENTS = """
SELECT e.id, e.declaration_id, e.type, e.data FROM event e LEFT JOIN feed f ON f.event_id = e.id
ORDER BY f.trader, f.seq
"""
CHECKPOINTS = "SELECT trader::text, size, root, signature FROM checkpoint ORDER BY trader, size"
TASKS = """
SELECT id, lane, attempt, last_error FROM task
WHERE NOT (lane = 'match' AND attempt = 0 AND due_at > now())
"""
"""What is left to do, but for looks at the far end of a holding time."""

BODIES = "SELECT m.id, encode(sha256(b.content), 'hex') AS sha256 FROM message m JOIN body b USING (id)"


@dataclass(frozen=True)
class Books:
    """Every table the invariants speak of."""

    messages: list[Row]
    declarations: list[Row]
    parts: list[Row]
    dead_letters: list[Row]
    feed: list[Row]
    counters: list[Row]
    events: list[Row]
    checkpoints: list[Row]
    tasks: list[Row]
    bodies: list[Row]

    def messages_by_hash(self) -> dict[str, list[Row]]:
        """The messages with each body."""
        found: dict[str, list[Row]] = defaultdict(list)
        for row in self.messages:
            found[row["sha256"]].append(row)
        return found

    def declarations_of(self) -> dict[Any, list[Row]]:
        """The declarations of each message."""
        found: dict[Any, list[Row]] = defaultdict(list)
        for row in self.declarations:
            found[row["message_id"]].append(row)
        return found


async def read_books(database_url: str) -> Books:
    """Read all of it in one snapshot."""
    connection = await asyncpg.connect(database_url, timeout=10, command_timeout=120)
    try:
        await _prepare_connection(connection)
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            statements = (
                MESSAGES, DECLARATIONS, PARTS, DEAD_LETTERS, FEED, COUNTERS, EVENTS, CHECKPOINTS, TASKS, BODIES
            )  # fmt: skip
            return Books(*[[dict(row) for row in await connection.fetch(text)] for text in statements])
    finally:
        await connection.close(timeout=10)


async def at_rest(database_url: str) -> str:
    """Empty when nothing is left to do; else what is, in one sentence."""
    connection = await asyncpg.connect(database_url, timeout=5, command_timeout=30)
    try:
        tasks = len(await connection.fetch(TASKS))
        moving = await connection.fetchval("SELECT count(*) FROM declaration WHERE state = ANY($1)", list(MOVING))
        unsealed = await connection.fetchval(
            "SELECT count(*) FROM feed_counter c WHERE last_seq >"
            " coalesce((SELECT max(size) FROM checkpoint k WHERE k.trader = c.trader), 0)"
        )
    finally:
        await connection.close(timeout=5)
    if not (tasks or moving or unsealed):
        return ""
    return f"{tasks} tasks, {moving} declarations on their way, {unsealed} feeds unsealed"


MOVING = frozenset({"received", "pending", "submitted", "planned", "accepted", "under_control"})
"""States in which an undisturbed declaration of the proof's documents does not stay."""
