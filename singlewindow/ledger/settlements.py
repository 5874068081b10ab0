"""What came of calls and of agencies' notices, several at once: the whole of it in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from singlewindow.ledger.database import Connection, query
from singlewindow.ledger.dossiers import DossierStore, Loaded, Ready, columns
from singlewindow.ledger.giving_up import ResendPause, resend
from singlewindow.ledger.outcomes import Decision, Word, find_addressed, take_decisions, take_words

EndedExchange = tuple[UUID, int | None, bytes | None, str | None]
"""Id, HTTP status, reply and error of a call that has ended."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """What came of one call, or of one delivery of notices. Of what was `pushed`, foreign words are given back."""

    words: Sequence[Word]
    decisions: Sequence[Decision] = ()
    exchange: EndedExchange | None = None
    pushed: bool = False

    def weigh(self) -> int:
        """How much it adds to a transaction."""
        return len(self.words) + len(self.decisions) + 1

    def part_ids(self) -> list[UUID]:
        """The parts it is about; a task's id is its part's."""
        return [word.part_id for word in self.words] + [one.claim.task_id for one in self.decisions]


@dataclass(frozen=True, slots=True)
class Settled:
    """How many of a settlement's words were new, and which of the pushed are about nothing of their agency."""

    taken: int
    foreign: Sequence[Word] = ()


async def settle(
    connection: Connection,
    store: DossierStore,
    loaded: Loaded,
    group: Sequence[Settlement],
    now: datetime,
    resend_pause: ResendPause,
) -> tuple[list[Settled], Ready]:
    """Apply settlements to the dossiers they are about, which are loaded and locked, and save these."""
    foreign = [_find_foreign(loaded, one) for one in group]
    words = [word for one, strange in zip(group, foreign, strict=True) for word in one.words if word not in strange]
    fresh = {word.notice for word in await take_words(connection, store, loaded, words, now)}
    await resend(connection, loaded, resend_pause, now)
    answered, ended = _answered(loaded, words), [one.exchange for one in group if one.exchange is not None]
    if answered or ended:
        await connection.execute(query("end_calls"), sorted(answered), *columns(ended, 4))
    decisions = [one for settlement in group for one in settlement.decisions if one.claim.task_id not in answered]
    await take_decisions(connection, loaded, decisions, now)
    ready = await store.save(connection, loaded, now)
    taken = [len(fresh & {word.notice for word in one.words}) for one in group]
    return [Settled(count, strange) for count, strange in zip(taken, foreign, strict=True)], ready


def _find_foreign(loaded: Loaded, settlement: Settlement) -> list[Word]:
    if not settlement.pushed:
        return []
    return [word for word in settlement.words if find_addressed(loaded, word)[1] is None]


def _answered(loaded: Loaded, words: Sequence[Word]) -> set[UUID]:
    """The parts of these words that need no sending any more; a word that says nothing leaves its task in place."""
    found = (find_addressed(loaded, word)[1] for word in words)
    return {part.id for part in found if part is not None and part.state != "pending"}
