"""The ledger's side of dispatch: claiming tasks, recording exchanges, taking what came of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from singlewindow.ledger.cases import match, send
from singlewindow.ledger.database import Connection, Database, Record, query
from singlewindow.ledger.dossiers import DossierStore, Loaded, Ready, columns
from singlewindow.ledger.giving_up import GivenUp, ResendPause, add_dead_letters, give_up_look
from singlewindow.ledger.grouping import Grouped
from singlewindow.ledger.outcomes import Claim, Decision, Word
from singlewindow.ledger.settlements import Settled, Settlement, settle
from singlewindow.messages.identifiers import Clock, IdentifierSource
from singlewindow.messages.manifest import MessageSet

__all__ = ["Claim", "Decision", "Tasks", "Word", "Work"]


SETTLED_AT_ONCE = 400
"""Words and decisions in one transaction: enough to share its cost, few enough that nobody waits long for its locks."""


@dataclass(frozen=True, slots=True)
class Work:
    """What an agency needs to know of one task: the original it is in, its ordinal there, and what others gave."""

    claim: Claim
    agency: str
    action: str
    leg: int | None
    sender: UUID
    message_id: UUID
    message_set: str
    root: str
    sha256: str
    ordinal: int
    references: dict[str, str]


class Tasks:
    """Everything a lane does in the ledger. `on_ready` hears of new tasks, `on_changed` of traders, after COMMIT.

    `resend_pause` says when a document goes out again that its authority could not pass on, and when no more.
    """

    def __init__(
        self,
        database: Database,
        sets: Mapping[str, MessageSet],
        *,
        clock: Clock,
        ids: IdentifierSource,
        on_ready: Callable[[Ready], None],
        on_changed: Callable[[set[UUID]], None] = lambda _: None,
        task_delay_seconds: Callable[[], float] = lambda: 2.0,
        resend_pause: ResendPause = lambda _attempts: 5.0,
    ) -> None:
        self._database, self._clock, self._on_ready, self._on_changed = (
            database,
            clock,
            on_ready,
            on_changed,
        )
        self._resend_pause = resend_pause
        self._store = DossierStore(sets, ids, task_delay_seconds)
        self._settlements = Grouped(self._settle, most=SETTLED_AT_ONCE, weigh=Settlement.weigh)

    async def claim(self, lane: str, task_ids: Sequence[UUID], *, visibility_seconds: float) -> list[Claim]:
        """Take the right to work on those of these tasks that are ready; the others belong to somebody else."""
        if not task_ids:
            return []
        rows = await self._database.fetch("claim_tasks", list(task_ids), lane, visibility_seconds)
        return [self._claimed(row) for row in rows]

    async def claim_due(self, lane: str, *, limit: int, visibility_seconds: float, begun: bool = False) -> list[Claim]:
        """The same for what is due in a lane, whatever the streams say; with `begun` only what was attempted before."""
        rows = await self._database.fetch("claim_due_tasks", lane, limit, visibility_seconds, begun)
        return [self._claimed(row) for row in rows]

    def _claimed(self, row: Record) -> Claim:
        age = self._clock.time() - row["born_at"].timestamp()
        unknown = row["attempt"] > 1 and not row["failed"]
        return Claim(
            row["id"],
            row["declaration_id"],
            row["part_id"],
            row["attempt"],
            unknown,
            age,
            row["carried"],
        )

    async def describe(self, claims: Sequence[Claim]) -> list[Work]:
        """What these tasks are about, in the order of filing; tasks of a vanished part are left out."""
        claimed = {claim.part_id: claim for claim in claims if claim.part_id is not None}
        rows = await self._database.fetch("describe_tasks", list(claimed))
        return [_work(row, claimed[row["id"]]) for row in rows]

    async def bodies(self, message_ids: Sequence[UUID]) -> dict[UUID, bytes]:
        """What is forwarded of these messages: the original bytes, or the XML that JSON was judged as."""
        rows = await self._database.fetch("read_originals", list(set(message_ids)))
        return {row["id"]: row["content"] for row in rows}

    async def begin_exchange(
        self,
        exchange_id: UUID,
        *,
        agency: str,
        action: str,
        sender: UUID,
        request: bytes,
        claims: Sequence[Claim],
    ) -> None:
        """Record the envelope before it is sent."""
        tasks, attempts = (
            [claim.task_id for claim in claims],
            [claim.attempt for claim in claims],
        )
        await self._database.execute(
            "begin_exchange",
            exchange_id,
            agency,
            action,
            sender,
            request,
            tasks,
            attempts,
        )

    async def end_call(
        self,
        exchange_id: UUID | None,
        *,
        http_status: int | None,
        reply: bytes | None,
        error: str | None,
        words: Sequence[Word],
        decisions: Sequence[Decision],
    ) -> None:
        """Reply, responses, task states, next tasks and events in one transaction. Repeating it changes nothing."""
        ended = None if exchange_id is None else (exchange_id, http_status, reply, error)
        await self._settlements.add(Settlement(words, decisions, ended))

    async def take_words(self, words: Sequence[Word]) -> int:
        """Pushed or pulled notices in one transaction, deduplicated by notice id; how many were new."""
        return (await self._settlements.add(Settlement(words))).taken

    async def take_pushed(self, words: Sequence[Word]) -> Sequence[Word]:
        """Take words as `take_words` does, each that is about a task of its own agency; the others change nothing and
        are returned.
        """
        return (await self._settlements.add(Settlement(words, pushed=True))).foreign

    async def _settle(self, group: Sequence[Settlement]) -> list[Settled]:
        """What came of several calls and deliveries of notices, in one transaction."""
        async with self._database.transaction() as connection:
            loaded = await self._store.load(connection, part_ids=(id_ for one in group for id_ in one.part_ids()))
            settled, ready = await settle(connection, self._store, loaded, group, self.now(), self._resend_pause)
        self._announce(loaded, ready)
        return settled

    async def match(self, claims: Sequence[Claim]) -> None:
        """The internal lane: link, hold or plan these declarations; their tasks end with it."""
        async with self._database.transaction() as connection:
            loaded = await match(
                connection,
                self._store,
                [claim.declaration_id for claim in claims],
                self.now(),
            )
            subjects = [claim.declaration_id for claim in claims]
            await connection.execute(query("end_looks"), [claim.task_id for claim in claims], subjects)
            ready = await self._store.save(connection, loaded, self.now())
        self._announce(loaded, ready)

    async def give_up_match(self, decision: Decision) -> None:
        """Our decision to look no more at a declaration: it calls for a person until an operator has it tried again."""
        claim, now = decision.claim, self.now()
        async with self.deciding([claim.declaration_id]) as (connection, loaded):
            owned = await connection.fetch(query("end_own_tasks"), [claim.task_id], [claim.attempt])
            dossier = loaded.dossiers.get(claim.declaration_id)
            if owned and dossier is not None:
                why = GivenUp(decision.cause, decision.reason, claim.attempt)
                give_up_look(dossier, why)
                await add_dead_letters(connection, [(claim.task_id, dossier, None, why)], now)

    @asynccontextmanager
    async def deciding(self, declaration_ids: Iterable[UUID]) -> AsyncIterator[tuple[Connection, Loaded]]:
        """Lock these declarations for decisions, which are saved on leaving; who waits is told after COMMIT."""
        async with self._database.transaction() as connection:
            loaded = await self._store.load(connection, declaration_ids)
            yield connection, loaded
            ready = await self._store.save(connection, loaded, self.now())
        self._announce(loaded, ready)

    async def postpone(self, decisions: Sequence[Decision]) -> None:
        """Only retries, without a call behind them (an open breaker)."""
        rows = [(d.claim.task_id, d.claim.attempt, d.delay_seconds, d.reason) for d in decisions]
        await self._database.execute("postpone_tasks", *columns(rows, 4))

    async def send_held(self, trader: UUID, declaration_id: UUID) -> bool:
        """Release a held declaration by hand; False when it is not this trader's or not held."""
        async with self.deciding([declaration_id]) as (_, loaded):
            dossier = loaded.dossiers.get(declaration_id)
            if dossier is None or dossier.trader != trader or dossier.state != "held":
                return False
            dossier.record(
                "warning",
                code="match.sent-by-hand",
                message="sent by hand before it was complete",
            )
            send(dossier, self._store, self.now())
        return True

    async def cursor(self, agency: str) -> str:
        """How far an agency's notices were pulled; empty at the start."""
        row = await self._database.fetchrow("read_cursor", agency)
        return row["cursor"] if row else ""

    async def move_cursor(self, agency: str, cursor: str) -> None:
        """Remember how far an agency's notices were pulled, after they were taken."""
        await self._database.execute("move_cursor", agency, cursor)

    async def awaited(self, agency: str) -> int:
        """How many parts wait for this agency's decision."""
        row = await self._database.fetchrow("count_awaited", agency)
        return int(row["count"]) if row else 0

    async def depths(self) -> list[dict[str, Any]]:
        """How much waits in each lane and since when; how much of it was attempted (`begun`)."""
        return [dict(row) for row in await self._database.fetch("queue_depths")]

    def now(self) -> datetime:
        """The database's time, as far as this process knows it."""
        return datetime.fromtimestamp(self._clock.time(), UTC)

    def _announce(self, loaded: Loaded, ready: Ready) -> None:
        if ready:
            self._on_ready(ready)
        changed = {dossier.trader for dossier in loaded.dossiers.values() if dossier.events}
        if changed:
            self._on_changed(changed)


def _work(row: Record, claim: Claim) -> Work:
    return Work(
        claim,
        row["agency"],
        row["action"],
        row["leg"],
        row["trader"],
        row["message_id"],
        row["message_set"],
        row["root"],
        row["sha256"].hex(),
        row["ordinal"],
        row["refs"],
    )
