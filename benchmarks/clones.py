"""Old declarations in bulk: the rows of one that was filed, cloned under other ids and hashes and loaded by COPY."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg

WHERE = {
    "message": "id = $1",
    "body": "id = $1",
    "declaration": "message_id = $1",
    "filing": "message_id = $1",
    "search_key": "declaration_id IN (SELECT id FROM declaration WHERE message_id = $1)",
    "join_key": "declaration_id IN (SELECT id FROM declaration WHERE message_id = $1)",
    "event": "declaration_id IN (SELECT id FROM declaration WHERE message_id = $1)",
    "feed": "message_id = $1",
}
"""The tables that intake writes, and where the rows of a message are."""

EMPTY: Mapping[str, Any] = {"content": b"", "receipt": b"", "facts": "{}", "data": "{}", "state": "closed"}
"""What of a clone is left out, by column."""

OLD_TRADER = UUID("01900000-0000-7000-8000-000000000000")
OLD_TIME = 0x0190_0000_0000 << 80
BATCH = 10_000


@dataclass(frozen=True, slots=True)
class Original:
    """The rows of one filed message by table, and the ids in them that every clone has of its own."""

    rows: dict[str, list[dict[str, Any]]]
    ids: tuple[UUID, ...]


async def read_original(database_url: str) -> Original:
    """The rows of some message that was filed."""
    connection = await asyncpg.connect(database_url)
    try:
        message = await connection.fetchval("SELECT id FROM message LIMIT 1")
        rows = {
            table: [dict(row) for row in await connection.fetch(f"SELECT * FROM {table} WHERE {where}", message)]
            for table, where in WHERE.items()
        }
    finally:
        await connection.close()
    own = [message, *(row["id"] for table in ("declaration", "event") for row in rows[table])]
    return Original(rows, tuple(own))


class Cloner:
    """Makes clones with running numbers, and knows how many it has made."""

    def __init__(self, original: Original) -> None:
        self._original = original
        self._places = {own: place for place, own in enumerate(original.ids)}
        self._made = 0

    async def load(self, database_url: str, size: int) -> None:
        """Load clones until there are so many."""
        connection = await asyncpg.connect(database_url)
        try:
            while self._made < size:
                numbers = range(self._made, min(self._made + BATCH, size))
                for table, rows in self._original.rows.items():
                    columns = list(rows[0])
                    await connection.copy_records_to_table(
                        table, records=self._records(table, columns, numbers), columns=columns
                    )
                self._made = numbers.stop
        finally:
            await connection.close()

    def _records(self, table: str, columns: list[str], numbers: range) -> Iterator[tuple[Any, ...]]:
        for number in numbers:
            for place, row in enumerate(self._original.rows[table]):
                yield tuple(self._value(column, row[column], number, place) for column in columns)

    def _value(self, column: str, value: Any, number: int, place: int) -> Any:
        if column in EMPTY:
            return EMPTY[column]
        if column == "trader":
            return OLD_TRADER
        if column == "seq":
            return number * len(self._original.rows["feed"]) + place + 1
        if isinstance(value, UUID):
            return self._id(number, self._places[value]) if value in self._places else value
        if isinstance(value, bytes):
            return hashlib.sha256(b"%b %d" % (value, number)).digest()[: len(value)]
        return value

    def _id(self, number: int, place: int) -> UUID:
        """UUIDv7 of a past time, rising with the number."""
        milliseconds, rest = divmod(number, 1000)
        bits = OLD_TIME + (milliseconds << 80) | 0x7 << 76 | rest << 64 | 0b10 << 62 | number << 8 | place
        return UUID(int=bits)
