"""The signed heads of a trader's tree as they are published, and the proof that one grew out of another."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from singlewindow.ledger.database import Database, Record
from singlewindow.ledger.proving import read_extension
from singlewindow.ledger.views import instant

View = dict[str, Any]


class Heads:
    """What was signed over each trader's history. Raises Unavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, trader: UUID, *, after: int, limit: int) -> list[View]:
        """Heads over more than `after` events, the smallest first."""
        return [describe_head(row) for row in await self._database.fetch("list_checkpoints", trader, after, limit)]

    async def extension(self, trader: UUID, *, earlier: int, later: int) -> View | None:
        """The proof that the head over `later` events begins with that over `earlier`, or None. Raises TooFarApart."""
        async with self._database.connection() as connection:
            return await read_extension(connection, trader, earlier=earlier, later=later)


def describe_head(row: Record) -> View:
    """A checkpoint's row in the form of /v1/checkpoints/latest."""
    described = {"tree_size": row["size"], "root": row["root"].hex(), "sealed_at": instant(row["sealed_at"])}
    return {**described, "checkpoint": row["signature"]}
