"""Dossiers in and out of PostgreSQL: locked in the order of their ids, saved with their events, keys and new tasks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

from singlewindow.ledger.database import Connection, Record, json_text, query
from singlewindow.ledger.feed import EventMaker, NewEvent, event_columns, number_events
from singlewindow.messages.dossier import Dossier, Event, Part
from singlewindow.messages.filing import join_hash
from singlewindow.messages.identifiers import IdentifierSource, hash_search
from singlewindow.messages.judgement import JoinValue
from singlewindow.messages.manifest import MessageSet

Ready = list[tuple[str, UUID]]
"""Lane and task id of work to announce after COMMIT."""


@dataclass(frozen=True, slots=True)
class NewTask:
    """Work to add: `part_id` is None for the matching lane; `delay_seconds` until PostgreSQL alone would find it.

    `attempt` counts earlier attempts in, of which the first `carried` do not count for giving up; `failed` says that
    the last of them is known to have come to nothing: else the agency is asked before anything is sent.
    """

    id: UUID
    lane: str
    declaration_id: UUID
    part_id: UUID | None
    delay_seconds: float
    announce: bool = True
    attempt: int = 0
    failed: bool = False
    carried: int = 0


@dataclass(slots=True)
class Loaded:
    """The dossiers of one transaction with the values they had, so that only what changed is written.

    `joins` (hash, declaration, name, whether it is an anchor) are further ways in which a declaration is found.
    """

    dossiers: dict[UUID, Dossier]
    states: dict[UUID, str]
    parts: dict[UUID, tuple[Any, ...]]
    references: dict[UUID, dict[str, str]]
    owners: dict[UUID, UUID]
    tasks: list[NewTask] = field(default_factory=list)
    joins: list[tuple[bytes, UUID, str, bool]] = field(default_factory=list)

    def owner(self, part_id: UUID) -> Dossier | None:
        """The dossier that had this part when it was loaded."""
        declaration_id = self.owners.get(part_id)
        return None if declaration_id is None else self.dossiers.get(declaration_id)


class DossierStore:
    """Loads and saves dossiers on a connection inside a transaction."""

    def __init__(
        self,
        sets: Mapping[str, MessageSet],
        ids: IdentifierSource,
        task_delay_seconds: Callable[[], float],
    ) -> None:
        self.sets, self.ids, self._delay = sets, ids, task_delay_seconds

    async def load(
        self, connection: Connection, declaration_ids: Iterable[UUID] = (), *, part_ids: Iterable[UUID] = ()
    ) -> Loaded:
        """Lock these declarations, those of these parts and the ones they act on, and read them with their parts.

        The parts are read by a statement of their own: one that waited for the locks would see them as they were.
        """
        rows = await connection.fetch(query("lock_declarations"), list(set(declaration_ids)), list(set(part_ids)))
        dossiers = {row["id"]: _dossier(row) for row in rows}
        parts = await connection.fetch(query("read_parts"), list(dossiers))
        for row in parts:
            dossiers[row["declaration_id"]].parts.append(_part(row))
        return Loaded(
            dossiers,
            {dossier.id: dossier.state for dossier in dossiers.values()},
            {part.id: _snapshot(part) for dossier in dossiers.values() for part in dossier.parts},
            {dossier.id: dict(dossier.references) for dossier in dossiers.values()},
            {row["id"]: row["declaration_id"] for row in parts},
        )

    async def save(self, connection: Connection, loaded: Loaded, now: datetime) -> Ready:
        """Write what changed; numbers the events last, as the traders' counters must be locked last."""
        changed = [dossier for dossier in loaded.dossiers.values() if dossier.events or dossier.ready]
        followers = [change for dossier in changed for change in dossier.take_followers()]
        loaded.tasks += [self.look_task(change) for change in followers]
        moved = [dossier for dossier in changed if dossier.state != loaded.states[dossier.id]]
        if moved:
            await connection.execute(
                query("save_filings"),
                [dossier.id for dossier in moved],
                [dossier.state for dossier in moved],
            )
        events = await self._save_dossiers(connection, loaded, changed, now)
        cleared = [(dossier.id, rule) for dossier in changed for rule in dossier.cleared]
        if cleared:
            await connection.execute(query("clear_warnings"), *columns(cleared, 2))
        await self._save_numbers(connection, loaded)
        ready = await self._save_tasks(connection, loaded, moved)
        if events:
            await number_events(connection, events)
        return ready

    async def _save_dossiers(
        self, connection: Connection, loaded: Loaded, changed: Sequence[Dossier], now: datetime
    ) -> list[NewEvent]:
        """Write what changed of declarations and parts, and the events, which are returned; a part that was withdrawn
        is no longer to be sent.
        """
        parts = [
            (dossier.id, part)
            for dossier in loaded.dossiers.values()
            for part in dossier.parts
            if loaded.parts.get(part.id) != _snapshot(part)
        ]
        maker = EventMaker(self.ids, now)
        events = [
            maker.make(dossier.trader, dossier.id, event.type, data=event.data)
            for dossier in changed
            for event in dossier.events
        ]
        if changed or parts:
            rows = [_part_row(declaration_id, part) for declaration_id, part in parts]
            written = (*_declaration_columns(changed, now), *columns(rows, 15), *event_columns(events))
            await connection.execute(query("save_dossiers"), *written)
        withdrawn = [part.id for _, part in parts if part.state == "cancelled"]
        if withdrawn:
            await connection.execute(query("end_tasks"), withdrawn)
        return events

    async def _save_numbers(self, connection: Connection, loaded: Loaded) -> None:
        """Numbers an authority gave become search keys, and joins where the manifest says so."""
        searches: list[tuple[UUID, bytes, UUID]] = []
        joins = list(loaded.joins)
        for dossier in loaded.dossiers.values():
            known = loaded.references[dossier.id]
            for name, value in dossier.references.items():
                if known.get(name) == value:
                    continue
                searches.append((dossier.trader, hash_search(value), dossier.id))
                joins += self._learned(dossier, name, value)
        if searches:
            await connection.execute(query("add_search_keys"), *columns(searches, 3))
        if joins:
            await connection.execute(query("add_join_keys"), *columns(joins, 4))
            loaded.tasks += [self.match_task(declaration) for declaration in dict.fromkeys(row[1] for row in joins)]

    def _learned(self, dossier: Dossier, name: str, value: str) -> list[tuple[bytes, UUID, str, bool]]:
        message_set = self.sets[dossier.message_set]
        join = message_set.kinds[dossier.kind].learned.get(name)
        if join is None:
            return []
        digest = join_hash(message_set.key_space, JoinValue(join, (value,)), lambda code: code)
        return [(digest, dossier.id, join, True)]

    async def _save_tasks(self, connection: Connection, loaded: Loaded, moved: Sequence[Dossier]) -> Ready:
        tasks = list(loaded.tasks)
        for dossier in loaded.dossiers.values():
            tasks += [NewTask(part.id, part.agency, dossier.id, part.id, self._delay()) for part in dossier.ready]
        anchors = [d.id for d in moved if self.sets[d.message_set].kinds[d.kind].anchor]
        if anchors:
            waiting = await connection.fetch(query("find_waiting"), anchors)
            tasks += [self.look_task(row["declaration"]) for row in waiting]
        if tasks:
            rows = [
                (
                    task.id,
                    task.lane,
                    task.declaration_id,
                    task.part_id,
                    task.delay_seconds,
                    task.attempt,
                    task.failed,
                    task.carried,
                )
                for task in tasks
            ]
            await connection.execute(query("add_tasks"), *columns(rows, 8))
        return [(task.lane, task.id) for task in tasks if task.announce]

    def match_task(self, declaration_id: UUID) -> NewTask:
        """A look of the matching lane at one declaration."""
        return NewTask(self.ids.next(), "match", declaration_id, None, self._delay())

    def look_task(self, declaration_id: UUID) -> NewTask:
        """A look at a document that waits for anchors; while one is to come, further anchors ask for no other.

        None is lost by that: who looks locks the anchors first, and whoever moved one held its lock.
        """
        return NewTask(uuid5(declaration_id, "look"), "match", declaration_id, None, self._delay())

    def hold_task(self, declaration_id: UUID, *, delay_seconds: float) -> NewTask:
        """The one timer of a held declaration, set again at every look: its id is always the same."""
        return NewTask(uuid5(declaration_id, "hold"), "match", declaration_id, None, delay_seconds, announce=False)


def columns(rows: Sequence[Sequence[Any]], width: int) -> list[list[Any]]:
    """Rows turned into the columns that unnest takes."""
    return [[row[place] for row in rows] for place in range(width)]


def utc_now(clock_seconds: float) -> datetime:
    """An aware time from seconds of the database's clock."""
    return datetime.fromtimestamp(clock_seconds, UTC)


def _dossier(row: Record) -> Dossier:
    return Dossier(
        row["id"],
        row["trader"],
        row["message_set"],
        row["kind"],
        row["action"],
        row["state"],
        row["received_at"],
        row["facts"],
        row["refs"],
        row["waiting_for"],
        row["attention"],
        row["anomaly"],
        row["target_id"],
        [],
        row["matched"],
    )


def _part(row: Record) -> Part:
    return Part(
        row["id"],
        row["agency"],
        row["action"],
        row["leg"],
        row["required"],
        row["principal"],
        tuple(row["ends"]),
        row["crosses_border"],
        row["state"],
        row["since"],
        row["authority_time"],
        row["authority_code"],
        row["refs"],
        row["errors"],
    )


def _snapshot(part: Part) -> tuple[Any, ...]:
    return (
        part.state,
        part.since,
        part.authority_time,
        part.authority_code,
        dict(part.references),
        list(part.errors),
    )


def _part_row(declaration_id: UUID, part: Part) -> tuple[Any, ...]:
    return (
        part.id,
        declaration_id,
        part.agency,
        part.action,
        part.leg,
        part.required,
        part.principal,
        ",".join(part.ends),
        part.crosses_border,
        part.state,
        part.since,
        part.authority_time,
        part.authority_code,
        json_text(part.references),
        json_text(part.errors),
    )


def _declaration_columns(changed: Sequence[Dossier], now: datetime) -> list[Any]:
    rows = [
        (
            dossier.id,
            dossier.state,
            dossier.matched,
            json_text(dossier.facts),
            json_text(dossier.references),
            json_text(dossier.waiting_for),
            dossier.attention,
            dossier.anomaly,
            dossier.target_id,
            json_text([_warning(event) for event in dossier.events if event.type == "warning"]),
        )
        for dossier in changed
    ]
    first, *rest = columns(rows, 10)
    return [first, now, *rest]


def _warning(event: Event) -> dict[str, Any]:
    return {"severity": "warning", **event.data}
