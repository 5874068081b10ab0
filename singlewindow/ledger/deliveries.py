"""Deliveries: each event of a trader's feed, once for every endpoint that wants it, until it arrived or is given up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from singlewindow.ledger.database import Connection, Database, Record, query
from singlewindow.ledger.dossiers import columns
from singlewindow.ledger.views import instant
from singlewindow.ledger.webhooks import WebhookDisabled, Webhooks
from singlewindow.messages.identifiers import Clock, IdentifierSource
from singlewindow.messages.webhook_signatures import identify

ENDPOINTS_A_PASS = 100
EVENTS_A_PASS = 500
"""How many events are made into deliveries of one endpoint in one transaction."""

STATES = frozenset({"pending", "delivered", "failed", "superseded"})
TEST_EVENT = "test"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt to make: where to, under which `webhook-id`, and the body; None when the event was erased."""

    id: UUID
    webhook: UUID
    attempt: int
    url: str
    message_id: str
    body: bytes | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an attempt. `delay_seconds`: try again after; None: it is settled, `delivered` or not.

    `disable` says why nothing more may be sent to the endpoint.
    """

    delivery: Delivery
    delivered: bool
    delay_seconds: float | None = None
    http_status: int | None = None
    answer: bytes = b""
    error: str | None = None
    disable: str | None = None

    @property
    def state(self) -> str:
        """The delivery's state from now on."""
        if self.delivered:
            return "delivered"
        return "failed" if self.delay_seconds is None else "pending"


class Deliveries:
    """The ledger's side of delivering. All times are the clock's, so that a schedule survives every restart."""

    def __init__(self, database: Database, webhooks: Webhooks, clock: Clock, ids: IdentifierSource) -> None:
        self._database, self._webhooks, self._clock, self._ids = database, webhooks, clock, ids

    async def fan_out(self) -> int:
        """Make deliveries of what was added to the feeds; how many events were looked at. Any number may run."""
        async with self._database.transaction() as connection:
            behind = await connection.fetch(query("lock_webhooks_behind"), ENDPOINTS_A_PASS)
            return sum([await self._fan_out_to(connection, webhook) for webhook in behind])

    async def due_webhooks(self) -> list[UUID]:
        """Endpoints that something may be sent to now."""
        return [row["id"] for row in await self._database.fetch("due_webhooks", self._now())]

    async def claim(self, webhook: UUID, *, limit: int, visibility_seconds: float) -> list[Delivery]:
        """Take the right to one attempt at each of at most `limit` deliveries; of a declaration only the first."""
        now = self._now()
        async with self._database.transaction() as connection:
            visible_at = now + timedelta(seconds=visibility_seconds)
            claimed = await connection.fetch(query("claim_deliveries"), webhook, now, limit, visible_at)
            rows = await connection.fetch(query("describe_deliveries"), [row["id"] for row in claimed])
        return [_delivery(row) for row in rows]

    async def secrets(self, webhook: UUID) -> list[bytes]:
        """The secrets that sign now, the newest first."""
        return await self._webhooks.secrets(webhook)

    async def settle(self, outcomes: Sequence[Outcome]) -> None:
        """Record what came of attempts, all or none.

        Repeating it changes nothing; a stale attempt can only say: delivered.
        """
        now, left = self._now(), list(outcomes)
        async with self._database.transaction() as connection:
            while left:
                # a statement changes a row once: a second attempt at the same delivery comes after the first
                batch = {outcome.delivery.id: outcome for outcome in reversed(left)}
                left = [outcome for outcome in left if batch[outcome.delivery.id] is not outcome]
                rows = [_outcome_row(outcome, now) for outcome in batch.values()]
                settled = await connection.fetch(query("settle_deliveries"), *columns(rows, 7), now)
                for row in settled:
                    if (reason := batch[row["id"]].disable) is not None:
                        await connection.execute(query("disable_webhook"), row["webhook_id"], now, reason)

    async def send_test(self, trader: UUID, webhook: UUID) -> dict[str, Any] | None:
        """A delivery of an event that stands in no feed; None for what is not this trader's. Raises WebhookDisabled."""
        async with self._database.transaction() as connection:
            if await _lock_enabled(connection, trader, webhook) is None:
                return None
            return await self._add_one(connection, webhook, (self._ids.next(), None, None, TEST_EVENT))

    async def redeliver(self, trader: UUID, webhook: UUID, delivery: UUID) -> dict[str, Any] | None:
        """Deliver an event again, with a schedule of its own; takes the place of one that still waits.

        None for what is not this trader's. Raises WebhookDisabled.
        """
        async with self._database.transaction() as connection:
            found = await _lock_enabled(connection, trader, webhook)
            row = await connection.fetchrow(query("get_delivery"), webhook, delivery) if found else None
            if row is None:
                return None
            await connection.execute(query("supersede_event"), webhook, row["event_id"], self._now())
            event = (row["event_id"], row["seq"], row["declaration_id"], row["type"])
            return await self._add_one(connection, webhook, event)

    async def replay(self, trader: UUID, webhook: UUID, *, after: int) -> int | None:
        """Deliver everything numbered above `after` again; the number from which it goes on, None if not found.

        What still waits of these events is taken back, and comes again in its place. Raises WebhookDisabled.
        """
        async with self._database.transaction() as connection:
            row = await _lock_enabled(connection, trader, webhook)
            if row is None:
                return None
            start = min(after, int(row["cursor"]))
            await connection.execute(query("move_webhook_cursor"), webhook, start)
            await connection.execute(query("supersede_after"), webhook, start, self._now())
        return start

    async def read_log(
        self, trader: UUID, webhook: UUID, *, before: UUID | None, state: str | None, limit: int
    ) -> list[dict[str, Any]] | None:
        """A page of an endpoint's log, newest first; None for what is not this trader's."""
        if await self._webhooks.show(trader, webhook) is None:
            return None
        rows = await self._database.fetch("list_deliveries", webhook, before, state, limit)
        return [delivery_view(row) for row in rows]

    async def _fan_out_to(self, connection: Connection, webhook: Record) -> int:
        page = await connection.fetch(
            query("read_feed_to_deliver"), webhook["trader"], webhook["cursor"], EVENTS_A_PASS
        )
        if not page:
            return 0
        wanted = [row for row in page if not webhook["types"] or row["type"] in webhook["types"]]
        events = [(row["id"], row["seq"], row["declaration_id"], row["type"]) for row in wanted]
        await self._add(connection, webhook["id"], events)
        await connection.execute(query("move_webhook_cursor"), webhook["id"], page[-1]["seq"])
        return len(page)

    async def _add(self, connection: Connection, webhook: UUID, events: Sequence[tuple[Any, ...]]) -> list[UUID]:
        """Add deliveries of these events: id, number, declaration and type."""
        ids = [self._ids.next() for _ in events]
        values = [list(column) for column in zip(*events, strict=True)] or [[], [], [], []]
        await connection.execute(query("add_deliveries"), ids, [webhook] * len(ids), *values, self._now())
        return ids

    async def _add_one(self, connection: Connection, webhook: UUID, event: tuple[Any, ...]) -> dict[str, Any]:
        added = await self._add(connection, webhook, [event])
        row = await connection.fetchrow(query("get_delivery"), webhook, added[0])
        assert row is not None
        return delivery_view(row)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.time(), UTC)


def _outcome_row(outcome: Outcome, now: datetime) -> tuple[Any, ...]:
    one = outcome.delivery
    due = None if outcome.delay_seconds is None else now + timedelta(seconds=outcome.delay_seconds)
    return (one.id, one.attempt, outcome.state, due, outcome.http_status, outcome.answer, outcome.error)


async def _lock_enabled(connection: Connection, trader: UUID, webhook: UUID) -> Record | None:
    row = await connection.fetchrow(query("lock_webhook"), trader, webhook)
    if row is not None and row["disabled_at"] is not None:
        raise WebhookDisabled("this webhook is disabled; enable it first, then nothing is lost")
    return row


def delivery_view(row: Record) -> dict[str, Any]:
    """A delivery as its trader reads it; `answer` is the beginning of the receiver's last answer."""
    return {
        "id": str(row["id"]),
        "webhook": str(row["webhook_id"]),
        "webhook_id": identify(row["webhook_id"], row["event_id"]),
        "seq": row["seq"],
        "event_id": str(row["event_id"]),
        "declaration_id": None if row["declaration_id"] is None else str(row["declaration_id"]),
        "type": row["type"],
        "state": row["state"],
        "attempts": row["attempt"],
        "due_at": instant(row["due_at"]) if row["state"] == "pending" else None,
        "created_at": instant(row["created_at"]),
        "settled_at": instant(row["settled_at"]),
        "http_status": row["http_status"],
        "answer": None if row["answer"] is None else row["answer"].decode("utf-8", "replace"),
        "error": row["error"],
    }


def _delivery(row: Record) -> Delivery:
    message_id = identify(row["webhook_id"], row["event_id"])
    return Delivery(row["id"], row["webhook_id"], row["attempt"], row["url"], message_id, _body(row))


def _body(row: Record) -> bytes | None:
    """The entry of the feed, and which endpoint it is for: the same bytes in every attempt."""
    is_test = row["seq"] is None
    if row["at"] is None and not is_test:
        return None
    event = {
        "seq": row["seq"],
        "id": str(row["event_id"]),
        "declaration_id": None if row["declaration_id"] is None else str(row["declaration_id"]),
        "type": row["type"],
        "at": instant(row["created_at"] if is_test else row["at"]),
        "data": {} if is_test else row["data"],
        "webhook": str(row["webhook_id"]),
    }
    return orjson.dumps(event)
