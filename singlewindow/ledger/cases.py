"""Matching in one transaction: partners find each other under their anchors' row locks, then plans are made."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from singlewindow.ledger.database import Connection, Record, query
from singlewindow.ledger.dossiers import DossierStore, Loaded, columns
from singlewindow.messages.dossier import Dossier
from singlewindow.messages.matching import (
    Linked,
    differences,
    hold_ends,
    missing_partners,
    must_hold,
    pending_anchors,
)
from singlewindow.messages.routing import plan

COMPARED_KINDS = frozenset({"order", "waybill", "payment_receipt"})


async def match(connection: Connection, store: DossierStore, subjects: Sequence[UUID], now: datetime) -> Loaded:
    """Link these declarations with what they belong to, and plan or hold everything the new links touch.

    The anchors are locked before the links are read, so of two partners committed at the same moment the second
    to come here sees the first.
    """
    found = await connection.fetch(query("find_links"), list(subjects))
    pairs = sorted({(row["anchor"], row["declaration"]) for row in found})
    loaded = await store.load(connection, {*subjects, *(anchor for anchor, _ in pairs)})
    added = await connection.fetch(query("add_links"), *columns(pairs, 2)) if pairs else []
    links = await _read_links(connection, loaded, store)
    for dossier in list(loaded.dossiers.values()):
        _note_new_links(
            dossier,
            links[dossier.id],
            {row["declaration"] for row in added if row["anchor"] == dossier.id},
        )
        _aim(dossier, links[dossier.id], store)
        settle_holding(dossier, links[dossier.id], store, loaded, now)
    return loaded


async def _read_links(connection: Connection, loaded: Loaded, store: DossierStore) -> dict[UUID, list[Linked]]:
    kinds = {d.id: store.sets[d.message_set].kinds[d.kind] for d in loaded.dossiers.values()}
    anchors = [id_ for id_, kind in kinds.items() if kind.anchor]
    others = [id_ for id_, kind in kinds.items() if not kind.anchor]
    rows: list[Record] = []
    rows += await connection.fetch(query("linked_to_anchors"), anchors) if anchors else []
    rows += await connection.fetch(query("anchors_of"), others) if others else []
    links: dict[UUID, list[Linked]] = defaultdict(list)
    for row in rows:
        links[row["side"]].append(Linked(row["id"], row["trader"], row["kind"], row["state"], row["facts"]))
    return links


def _note_new_links(dossier: Dossier, links: Sequence[Linked], new: set[UUID]) -> None:
    for link in links:
        if link.id not in new:
            continue
        dossier.record("linked", kind=link.kind, state=link.state)
        found = differences(dossier.facts, link.facts) if link.kind in COMPARED_KINDS else []
        if found:
            fields = [difference["field"] for difference in found]
            text = f"{link.kind} and {dossier.kind} differ in {', '.join(fields)}"
            dossier.record(
                "warning",
                code="match.difference",
                kind=link.kind,
                fields=fields,
                message=text,
            )


def _aim(dossier: Dossier, links: Sequence[Linked], store: DossierStore) -> None:
    """A kind that acts on an anchor acts on the living one it is joined to, if the same trader filed it.

    Knowing a registration number gives nobody power over another's declaration.
    """
    kind = store.sets[dossier.message_set].kinds[dossier.kind]
    if kind.target and dossier.target_id is None:
        own = [link for link in links if link.trader == dossier.trader]
        living = [link.id for link in own if link.alive] or [link.id for link in own]
        dossier.target_id = max(living, default=None)


def settle_holding(
    dossier: Dossier,
    links: Sequence[Linked],
    store: DossierStore,
    loaded: Loaded,
    now: datetime,
) -> None:
    """Send a declaration on its way, or hold it and say what it waits for. Decided once; later calls do nothing."""
    if dossier.matched or dossier.state not in {"received", "held"}:
        return
    message_set = store.sets[dossier.message_set]
    kind, holding = message_set.kinds[dossier.kind], message_set.holding
    waiting = [*missing_partners(dossier, kind, links), *pending_anchors(kind, links)]
    if dossier.action != "new":
        waiting = []
    if waiting and must_hold(dossier, holding, now):
        _hold(
            dossier,
            waiting,
            store,
            loaded,
            hold_ends(dossier, holding) if holding.policy == "timeout" else None,
            now,
        )
        return
    if waiting:
        dossier.record(
            "warning",
            code="match.incomplete",
            message="sent without what it waited for",
            missing=waiting,
        )
    send(dossier, store, now)


def _hold(
    dossier: Dossier,
    waiting: list[dict[str, object]],
    store: DossierStore,
    loaded: Loaded,
    until: datetime | None,
    now: datetime,
) -> None:
    if dossier.waiting_for != waiting:
        dossier.waiting_for = waiting
        dossier.record("held", waiting_for=waiting)
    if dossier.state == "received":
        dossier.become("held", waiting_for=waiting)
    if until is not None:
        loaded.tasks.append(store.hold_task(dossier.id, delay_seconds=max((until - now).total_seconds(), 0.2)))


def send(dossier: Dossier, store: DossierStore, now: datetime) -> None:
    """Make the plan and start it."""
    dossier.matched, dossier.waiting_for = True, []
    plan(dossier, store.sets[dossier.message_set], now, store.ids.next)
