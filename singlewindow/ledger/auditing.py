"""Compares a trader's history with what was signed of it, and names the row that was changed, moved or slipped in.

The feed is walked from head to head. A head that was signed over other leaves than are stored says that a row between
it and the head before was tampered with; which one is found by trying what a single hand would have done. The frontier
beside a signed root is as trustworthy as that root, so the walk goes on from there.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from singlewindow.ledger.database import Database, Record
from singlewindow.ledger.feed_pages import PAGE_LENGTH, FeedPages, Place, read_heads
from singlewindow.ledger.findings import Finding
from singlewindow.messages.leaf_search import find_inserted, find_swapped
from singlewindow.messages.merkle import EMPTY_ROOT, grow, root_of
from singlewindow.messages.proofs import verify_checkpoint
from singlewindow.messages.receipts import ReceiptInvalid

MOST_BROKEN_HEADS = 10
"""Heads in a row that are told one by one when nothing after a row can be made to fit again."""


async def audit_feed(database: Database, trader: UUID, key: Ed25519PublicKey) -> AsyncIterator[Finding]:
    """Everything in a trader's feed and heads that is not as it was signed. Raises Unavailable.

    Reads page by page and holds what lies between two heads.
    """
    walk = _Walk(trader, FeedPages(database, trader), key)
    async for head in read_heads(database, trader):
        async for finding in walk.pass_head(head):
            yield finding
    async for finding in walk.pass_unsealed():
        yield finding


class _Walk:
    """Where the walk stands: the frontier over `_size` leaves, and by how much rows have moved against the tree."""

    def __init__(self, trader: UUID, feed: FeedPages, key: Ed25519PublicKey) -> None:
        self._trader, self._feed, self._key = trader, feed, key
        self._frontier: list[bytes] = []
        self._size = self._shift = self._last = 0
        self._doubtful: Place | None = None
        self._broken = 0

    async def pass_head(self, head: Record) -> AsyncIterator[Finding]:
        """The rows up to this head, against it."""
        places = await self._feed.take(head["size"] + self._shift)
        gaps = self._find_gaps(places, head["size"] + self._shift)
        signed, objections = self._read_signed(head)
        leaves = _leaves(places)
        for finding in (*gaps, *objections):
            yield finding
        if signed is None or self._leads(leaves, signed):
            for finding in (*self._name_altered(places), *self._compare_frontier(head, leaves, signed)):
                yield finding
            self._broken, self._doubtful = 0, None
            self._go_on(head, leaves, signed)
            return
        async for finding in self._explain(head, places, signed, told=bool(gaps)):
            yield finding

    async def pass_unsealed(self) -> AsyncIterator[Finding]:
        """The rows that no head is over yet."""
        if self._broken > MOST_BROKEN_HEADS:
            further = self._broken - MOST_BROKEN_HEADS
            yield self._finding("checkpoint", f"up to {self._size}", f"{further} more heads in a row do not fit either")
        while places := await self._feed.take(self._last + PAGE_LENGTH):
            for finding in (*self._find_gaps(places, places[-1].number), *self._name_altered(places)):
                yield finding

    def _find_gaps(self, places: Sequence[Place], upto: int) -> list[Finding]:
        """What is missing among the numbers after the last one seen; a run of them is one finding."""
        found = []
        for number in (*(place.number for place in places), upto + 1):
            if number > self._last + 1:
                first, last = self._last + 1, number - 1
                named = str(first) if first == last else f"{first}-{last}"
                found.append(self._finding("feed", named, "the number is missing: the row was taken away"))
            self._last = number
        self._last = upto
        return found

    def _read_signed(self, head: Record) -> tuple[bytes | None, list[Finding]]:
        """The root that was signed, None where the signature does not hold; and what is wrong with the row."""
        named = str(head["size"])
        try:
            signed = verify_checkpoint(head["signature"], self._key)
        except ReceiptInvalid as error:
            return None, [self._finding("checkpoint", named, f"its signature: {error.detail}")]
        if (signed.get("trader"), signed.get("size")) != (str(self._trader), head["size"]):
            return None, [self._finding("checkpoint", named, "what was signed is the head of another feed or size")]
        root = bytes.fromhex(signed["root"])
        changed = head["root"] != root
        return root, [self._finding("checkpoint", named, "root is not the one that was signed")] if changed else []

    def _name_altered(self, places: Sequence[Place]) -> Iterator[Finding]:
        """Events that do not make the leaves beside them, the leaves being what was signed."""
        owners = {place.leaf: place.number for place in places}
        for place in places:
            if place.made is None:
                what = f"number {place.number} of the feed: the event is gone"
                yield self._finding("event", str(place.event_id), what)
            elif place.altered and place.made in owners:
                what = f"it names event {place.event_id}, which is number {owners[place.made]}"
                yield self._finding("feed", str(place.number), what)
            elif place.altered:
                what = f"number {place.number} of the feed: the event does not make the leaf that was signed"
                yield self._finding("event", str(place.event_id), what)

    def _compare_frontier(self, head: Record, leaves: Sequence[bytes], signed: bytes | None) -> Iterator[Finding]:
        if signed is not None and head["frontier"] != grow(self._frontier, self._size, leaves):
            yield self._finding("checkpoint", str(head["size"]), "frontier, from which proofs are made, was changed")

    async def _explain(
        self, head: Record, places: Sequence[Place], signed: bytes, *, told: bool
    ) -> AsyncIterator[Finding]:
        """What somebody did to these rows, as far as it can be told."""
        if self._doubtful is not None and self._leads(
            [self._doubtful.leaf, *(one.leaf for one in places[:-1])], signed
        ):
            self._shift -= 1
            self._last -= 1
            self._feed.put_back(places[-1])
            what = "a row before this number was taken away, and the later ones were given the numbers before theirs"
            yield self._finding("feed", str(self._doubtful.number), what)
        elif (ahead := await self._feed.peek()) and (inserted := self._find_inserted([*places, ahead], signed)):
            self._last = (await self._feed.take(ahead.number))[0].number
            self._shift += 1
            what = f"number {inserted.number} of the feed was slipped in: without it the later ones are as signed"
            yield self._finding("event", str(inserted.event_id), what)
        elif found := self._find_replaced(places, signed):
            for finding in found:
                yield finding
        else:
            for finding in self._name_range(head, places, told=told):
                yield finding
            self._doubtful = places[-1] if places else None
            self._go_on(head, _leaves(places), signed)
            return
        self._broken, self._doubtful = 0, None
        self._go_on(head, _leaves(places), signed)

    def _find_inserted(self, places: Sequence[Place], signed: bytes) -> Place | None:
        found = find_inserted(self._frontier, self._size, _leaves(places), root=signed)
        return None if found is None else places[found]

    def _find_replaced(self, places: Sequence[Place], signed: bytes) -> list[Finding]:
        """Leaves that were written over while their events are as signed, or two rows that were exchanged."""
        if self._leads([place.made or place.leaf for place in places], signed):
            what = "the leaf was changed; the event is as it was signed"
            return [self._finding("feed", str(place.number), what) for place in places if place.altered]
        pair = find_swapped(self._frontier, self._size, _leaves(places), root=signed)
        if pair is None:
            return []
        one, other = (places[index] for index in pair)
        return [
            self._finding("feed", str(here.number), f"event {here.event_id} belongs at number {there.number}")
            for here, there in ((one, other), (other, one))
        ]

    def _name_range(self, head: Record, places: Sequence[Place], *, told: bool) -> Iterator[Finding]:
        self._broken += 1
        yield from self._name_altered(places)
        if told or self._broken > MOST_BROKEN_HEADS:
            return
        first, last = self._size + self._shift + 1, head["size"] + self._shift
        what = f"numbers {first} to {last} of the feed are not what was signed: a row was changed, moved or taken away"
        yield self._finding("checkpoint", str(head["size"]), what)

    def _leads(self, leaves: Sequence[bytes], signed: bytes) -> bool:
        return root_of(grow(self._frontier, self._size, leaves)) == signed

    def _go_on(self, head: Record, leaves: Sequence[bytes], signed: bytes | None) -> None:
        """Go on from the frontier that makes the signed root, else from the rows as they are, else from nothing."""
        known = len(head["frontier"]) == head["size"].bit_count()
        if known and root_of(head["frontier"]) == signed:
            self._frontier = list(head["frontier"])
        elif len(leaves) == head["size"] - self._size:
            self._frontier = grow(self._frontier, self._size, leaves)
        else:
            self._frontier = [EMPTY_ROOT] * head["size"].bit_count()
        self._size = head["size"]

    def _finding(self, table: str, row: str, what: str) -> Finding:
        return Finding(self._trader, table, row, what)


def _leaves(places: Sequence[Place]) -> list[bytes]:
    return [place.leaf for place in places]
