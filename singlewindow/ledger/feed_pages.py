"""A trader's feed and heads as an audit reads them: in order, a page at a time, however long they are."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

from singlewindow.ledger.database import Database, Record
from singlewindow.ledger.proving import read_leaf
from singlewindow.messages.merkle import leaf_hash

PAGE_LENGTH = 1000


@dataclass(frozen=True, slots=True)
class Place:
    """A row of the feed: its number, the event it names, its leaf, and the leaf that the event makes (None: gone)."""

    number: int
    event_id: UUID
    leaf: bytes
    made: bytes | None

    @property
    def altered(self) -> bool:
        """Whether the event does not make the leaf that stands beside it."""
        return self.made != self.leaf


class FeedPages:
    """The feed of one trader, read once from its beginning. Holds what was not taken yet and at most a page more."""

    def __init__(self, database: Database, trader: UUID) -> None:
        self._database, self._trader = database, trader
        self._read: deque[Place] = deque()
        self._last, self._ended = 0, False

    async def take(self, number: int) -> list[Place]:
        """All rows up to this number that were not taken before. Raises Unavailable."""
        while self._last < number and not self._ended:
            await self._read_page()
        taken = []
        while self._read and self._read[0].number <= number:
            taken.append(self._read.popleft())
        return taken

    async def peek(self) -> Place | None:
        """The next row, which stays to be taken. Raises Unavailable."""
        if not self._read and not self._ended:
            await self._read_page()
        return self._read[0] if self._read else None

    def put_back(self, place: Place) -> None:
        """Let the last row that was taken be taken again."""
        self._read.appendleft(place)

    async def _read_page(self) -> None:
        rows = await self._database.fetch("audit_events", self._trader, self._last, PAGE_LENGTH)
        self._read.extend(_place(row) for row in rows)
        self._ended = not rows
        self._last = rows[-1]["seq"] if rows else self._last


async def read_heads(database: Database, trader: UUID) -> AsyncIterator[Record]:
    """Every head of a trader, the smallest first. Raises Unavailable."""
    after = 0
    while rows := await database.fetch("audit_heads", trader, after, PAGE_LENGTH):
        for row in rows:
            yield row
        after = rows[-1]["size"]


def _place(row: Record) -> Place:
    made = None if row["id"] is None else read_leaf(row).digest()
    if row["id"] is not None and row["leaf"] == leaf_hash(str(row["id"]).encode()):
        # older than the tree: committed to by its id alone
        made = row["leaf"]
    return Place(row["seq"], row["event_id"], row["leaf"], made)
