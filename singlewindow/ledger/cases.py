"""Matching in one transaction: partners find each other under their anchors' row locks, then plans are made."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from singlewindow.ledger.database import Connection, Record, query
from singlewindow.ledger.dossiers import DossierStore, Loaded, columns
from singlewindow.ledger.split_documents import find_complete, tell_complete
from singlewindow.messages.comparing import Facts, differences
from singlewindow.messages.dossier import Dossier
from singlewindow.messages.manifest import MessageSet
from singlewindow.messages.matching import (
    UNKNOWN_TARGET,
    UNKNOWN_TARGET_TEXT,
    UNKNOWN_TARGET_TEXT_ZH,
    Awaited,
    Linked,
    awaited,
    call_for_attention,
    hold_ends,
    next_move,
    note_incomplete,
)
from singlewindow.messages.routing import plan

SOONEST_SECONDS = 0.2
"""A timer that is due already still leaves this transaction time to commit."""

Links = Mapping[UUID, Sequence[Linked]]


async def match(connection: Connection, store: DossierStore, subjects: Sequence[UUID], now: datetime) -> Loaded:
    """Link these declarations with what they belong to, and plan or hold everything the new links touch.

    The anchors are locked before the links are read, so of two partners committed at the same moment the second
    to come here sees the first.
    """
    found = await connection.fetch(query("find_links"), list(subjects))
    pairs = sorted({(row["anchor"], row["declaration"]) for row in found})
    concerned = {*subjects, *(anchor for anchor, _ in pairs)}
    complete = await find_complete(connection, subjects)
    loaded = await store.load(connection, concerned | complete)
    added = await connection.fetch(query("add_links"), *columns(pairs, 2)) if pairs else []
    links = await _read_links(connection, loaded, store)
    await _note_new_links(connection, loaded, store, added)
    _look_again(loaded, store, added)
    for dossier in [loaded.dossiers[id_] for id_ in sorted(concerned & loaded.dossiers.keys())]:
        _aim(dossier, links.get(dossier.id, ()), store)
        settle_holding(dossier, links.get(dossier.id, ()), store, loaded, now)
    for declaration_id in complete & loaded.dossiers.keys():
        dossier = loaded.dossiers[declaration_id]
        tell_complete(dossier, store.sets[dossier.message_set].ledger_rule("gaps"))
    return loaded


async def _read_links(connection: Connection, loaded: Loaded, store: DossierStore) -> Links:
    kinds = {d.id: store.sets[d.message_set].kinds[d.kind] for d in loaded.dossiers.values()}
    anchors = [id_ for id_, kind in kinds.items() if kind.anchor]
    others = [id_ for id_, kind in kinds.items() if not kind.anchor]
    rows: list[Record] = []
    rows += await connection.fetch(query("linked_to_anchors"), anchors) if anchors else []
    rows += await connection.fetch(query("anchors_of"), others) if others else []
    links: dict[UUID, list[Linked]] = defaultdict(list)
    for row in rows:
        keys = row["join_keys"] or {}
        links[row["side"]].append(Linked(row["id"], row["trader"], row["kind"], row["state"], keys))
    return links


async def _note_new_links(connection: Connection, loaded: Loaded, store: DossierStore, added: Sequence[Record]) -> None:
    """Tell each anchor of what was linked to it now, and where a partner of its differs."""
    compared = {row["declaration"] for row in added if _is_partner(loaded, store, row)}
    facts = await connection.fetch(query("read_facts"), list(compared)) if compared else []
    by_id = {row["id"]: row["facts"] for row in facts}
    for row in added:
        anchor = loaded.dossiers[row["anchor"]]
        anchor.record("linked", kind=row["role"], state=row["state"])
        if row["declaration"] in by_id:
            _warn_of_differences(anchor, row["role"], by_id[row["declaration"]], store.sets[anchor.message_set])


def _is_partner(loaded: Loaded, store: DossierStore, row: Record) -> bool:
    anchor = loaded.dossiers[row["anchor"]]
    kind = store.sets[anchor.message_set].kinds[anchor.kind]
    return any(partner.kind == row["role"] for partner in kind.partners)


def _warn_of_differences(anchor: Dossier, partner_kind: str, facts: Facts, message_set: MessageSet) -> None:
    """The event names fields alone; each side's values stand in the case, for their owner."""
    found = differences(anchor.facts, facts, message_set.matching)
    if not found:
        return
    fields = [difference.field for difference in found]
    anchor.record(
        "warning",
        code="match.difference",
        kind=partner_kind,
        fields=fields,
        codes=sorted({difference.code for difference in found}),
        message=f"{partner_kind} and {anchor.kind} differ in {', '.join(fields)}",
        message_zh=f"与 {partner_kind} 单证不一致: {', '.join(fields)}",
    )


def _look_again(loaded: Loaded, store: DossierStore, added: Sequence[Record]) -> None:
    """What acts on an anchor that came after it is looked at once more, to take its aim."""
    aiming = {kind.name for s in store.sets.values() for kind in s.kinds.values() if kind.target}
    late = {row["declaration"] for row in added if row["role"] in aiming} - loaded.dossiers.keys()
    loaded.tasks += [store.look_task(declaration_id) for declaration_id in sorted(late)]


def _aim(dossier: Dossier, links: Sequence[Linked], store: DossierStore) -> None:
    """A kind that acts on an anchor acts on the living one it is joined to, if the same trader filed it.

    Knowing a registration number gives nobody power over another's declaration. A warning of the intake that it is
    unknown is taken back once it is found.
    """
    message_set = store.sets[dossier.message_set]
    if not message_set.kinds[dossier.kind].target or dossier.target_id is not None:
        return
    rule = message_set.ledger_rule("unknown_target")
    own = [link for link in links if link.trader == dossier.trader]
    living = [link.id for link in own if link.alive] or [link.id for link in own]
    dossier.target_id = max(living, default=None)
    if dossier.target_id is not None and dossier.matched:
        dossier.record("aimed", target=str(dossier.target_id))
    if dossier.target_id is not None and rule is not None and rule.severity == "warning":
        dossier.cleared.append(rule.id)
    elif not links and not dossier.matched and rule is None:
        _warn_of_unknown_target(dossier)


def _warn_of_unknown_target(dossier: Dossier) -> None:
    dossier.record(
        "warning",
        code=UNKNOWN_TARGET,
        message=UNKNOWN_TARGET_TEXT,
        message_zh=UNKNOWN_TARGET_TEXT_ZH,
        keys=dossier.facts.get("join_keys", {}),
    )


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
    target = loaded.dossiers.get(dossier.target_id) if dossier.target_id else None
    waiting = awaited(dossier, message_set.kinds[dossier.kind], links, target=target)
    move = next_move(dossier, waiting, message_set.holding, now)
    if move in {"send", "send_incomplete"}:
        if waiting:
            note_incomplete(dossier, waiting)
        send(dossier, store, now)
        return
    _hold(dossier, waiting)
    if target is not None:
        target.follow(dossier.id)
    if move == "call_for_attention":
        call_for_attention(dossier, waiting)
    left_seconds = (hold_ends(dossier, message_set.holding) - now).total_seconds()
    if left_seconds > 0:
        loaded.tasks.append(store.hold_task(dossier.id, delay_seconds=max(left_seconds, SOONEST_SECONDS)))


def _hold(dossier: Dossier, waiting: Awaited) -> None:
    if dossier.waiting_for != waiting:
        dossier.waiting_for = waiting
        dossier.record("held", waiting_for=waiting)
    if dossier.state == "received":
        dossier.become("held", waiting_for=waiting)


def send(dossier: Dossier, store: DossierStore, now: datetime) -> None:
    """Make the plan and start it."""
    dossier.matched, dossier.waiting_for = True, []
    plan(dossier, store.sets[dossier.message_set], now, store.ids.next)
