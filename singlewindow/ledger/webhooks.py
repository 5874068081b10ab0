"""Endpoints that traders want their events delivered to, and the secrets that sign what they are sent."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from singlewindow.errors import TraderMistake
from singlewindow.ledger.database import Connection, Database, Record, query
from singlewindow.ledger.sealed_secrets import SecretBox
from singlewindow.ledger.views import instant
from singlewindow.messages.identifiers import Clock, IdentifierSource
from singlewindow.messages.webhook_signatures import SECRET_BYTES, show_secret

LIVE_WEBHOOKS = 20
"""Endpoints that a trader may have."""

LONGEST_OVERLAP_SECONDS = 7 * 86_400


class TooManyWebhooks(TraderMistake):
    """A trader has all the endpoints it may have; delete one first."""

    code = "too-many-webhooks"
    status = 409


class WebhookDisabled(TraderMistake):
    """Nothing is sent to a disabled endpoint; enable it first."""

    code = "webhook-disabled"
    status = 409


@dataclass(frozen=True, slots=True)
class WebhookChange:
    """What is to be changed of an endpoint; None leaves it as it is. An empty list of types means all of them."""

    url: str | None = None
    description: str | None = None
    types: Sequence[str] | None = None
    enabled: bool | None = None


class Webhooks:
    """A trader's endpoints. Every method finds nothing (None, False) where the endpoint is another trader's."""

    def __init__(self, database: Database, box: SecretBox, clock: Clock, ids: IdentifierSource) -> None:
        self._database, self._box, self._clock, self._ids = database, box, clock, ids

    async def create(
        self, trader: UUID, url: str, *, description: str = "", types: Sequence[str] = ()
    ) -> tuple[dict[str, Any], str]:
        """A new endpoint and its secret, shown this once. It hears of what happens from now on.

        Raises TooManyWebhooks.
        """
        webhook = self._ids.next()
        async with self._database.transaction() as connection:
            await connection.execute(query("lock_trader"), trader)
            row = await connection.fetchrow(query("count_webhooks"), trader)
            if row is None or row["count"] >= LIVE_WEBHOOKS:
                raise TooManyWebhooks(f"a trader may have {LIVE_WEBHOOKS} webhooks; delete one first")
            values = (webhook, trader, url, description, list(types), self._now())
            await connection.execute(query("add_webhook"), *values)
            secret = await self._add_secret(connection, webhook)
            made = await connection.fetchrow(query("get_webhook"), trader, webhook)
        assert made is not None
        return webhook_view(made), secret

    async def list_of(self, trader: UUID) -> list[dict[str, Any]]:
        """The endpoints of a trader, oldest first."""
        return [webhook_view(row) for row in await self._database.fetch("list_webhooks", trader)]

    async def show(self, trader: UUID, webhook: UUID) -> dict[str, Any] | None:
        """One endpoint; never with its secret."""
        row = await self._database.fetchrow("get_webhook", trader, webhook)
        return None if row is None else webhook_view(row)

    async def change(self, trader: UUID, webhook: UUID, change: WebhookChange) -> dict[str, Any] | None:
        """Change an endpoint. Enabled again, it gets at once what waited, and then everything it missed."""
        types = None if change.types is None else list(change.types)
        values = (trader, webhook, change.url, change.description, types, change.enabled, self._now())
        async with self._database.transaction() as connection:
            before = await connection.fetchrow(query("lock_webhook"), trader, webhook)
            row = await connection.fetchrow(query("change_webhook"), *values)
            if before is None or row is None:
                return None
            if before["disabled_at"] is not None and row["disabled_at"] is None:
                await connection.execute(query("begin_schedules_anew"), webhook, self._now())
        return webhook_view(row)

    async def delete(self, trader: UUID, webhook: UUID) -> bool:
        """End an endpoint: its deliveries stop and its secrets are gone. The log stays, and is shown to nobody."""
        async with self._database.transaction() as connection:
            row = await connection.fetchrow(query("delete_webhook"), trader, webhook, self._now())
            await connection.execute(query("delete_webhook_secrets"), webhook if row else None)
        return row is not None

    async def rotate(self, trader: UUID, webhook: UUID, *, overlap_seconds: int) -> str | None:
        """A new secret, shown this once. The one before it goes on signing beside it for `overlap_seconds`."""
        now = self._now()
        async with self._database.transaction() as connection:
            if await connection.fetchrow(query("lock_webhook"), trader, webhook) is None:
                return None
            await connection.execute(query("end_earlier_webhook_secrets"), webhook)
            await connection.execute(query("end_webhook_secret"), webhook, now + timedelta(seconds=overlap_seconds))
            return await self._add_secret(connection, webhook)

    async def secrets(self, webhook: UUID) -> list[bytes]:
        """The secrets that sign now, the newest first. Raises ConfigurationError when the pepper was exchanged."""
        rows = await self._database.fetch("webhook_secrets", webhook, self._now())
        return [self._box.open(row["sealed"], webhook.bytes) for row in rows]

    async def _add_secret(self, connection: Connection, webhook: UUID) -> str:
        secret = secrets.token_bytes(SECRET_BYTES)
        sealed = self._box.seal(secret, webhook.bytes)
        await connection.execute(query("add_webhook_secret"), self._ids.next(), webhook, sealed, self._now())
        return show_secret(secret)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.time(), UTC)


def webhook_view(row: Record | Mapping[str, Any]) -> dict[str, Any]:
    """An endpoint as its trader reads it."""
    return {
        "id": str(row["id"]),
        "url": row["url"],
        "description": row["description"],
        "types": row["types"],
        "enabled": row["disabled_at"] is None,
        "disabled_at": instant(row["disabled_at"]),
        "disabled_reason": row["disabled_reason"],
        "created_at": instant(row["created_at"]),
        "cursor": row["cursor"],
    }
