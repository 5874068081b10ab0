"""What agencies said, taken into the dossiers: from SOAP answers, pushed or pulled, all through this one door."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from singlewindow.ledger.database import Connection, query
from singlewindow.ledger.dossiers import DossierStore, Loaded, columns
from singlewindow.ledger.giving_up import GivenUp, add_dead_letters, give_up_part
from singlewindow.messages.dossier import Dossier, Part
from singlewindow.messages.identifiers import IdentifierSource
from singlewindow.messages.judgement import ResponseUnit
from singlewindow.messages.lifecycle import STATES
from singlewindow.messages.manifest import Kind
from singlewindow.messages.responses import apply_response
from singlewindow.messages.routing import advance, plan

UNSENT = frozenset({"planned", "pending", "dead_letter", "needs_reconciliation"})
"""States of a part that no agency has."""

OWN_FACTS = frozenset({"followers", "parts_complete"})
"""What the ledger noted of a declaration, whatever its documents say."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to work on a task in one attempt. `outcome_unknown`: an earlier attempt left no recorded end.

    `carried` attempts were made before an operator had the task tried again.
    """

    task_id: UUID
    declaration_id: UUID
    part_id: UUID | None
    attempt: int
    outcome_unknown: bool
    age_seconds: float
    carried: int = 0

    @property
    def tries(self) -> int:
        """The attempts that count for giving up."""
        return self.attempt - self.carried


@dataclass(frozen=True, slots=True)
class Word:
    """What an agency said for one task, read from its `document`; `via` is answer, push, pull or status."""

    agency: str
    part_id: UUID
    notice_id: str
    said: tuple[ResponseUnit, ...]
    document: bytes | None
    via: str

    @property
    def notice(self) -> tuple[str, str]:
        """What names a notice: its agency and the agency's own id for it."""
        return self.agency, self.notice_id


Cause = Literal["attempts", "age", "refused", "erased", "no-end", "outcome-unknown", "matching-failed"]
"""Why a task was given up: tried too often or too long, refused whole, without its original, ending no attempt (it
kills its workers), in doubt, or failing in our own matching. `asked-again` is the authority's own (see giving_up)."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Our own decision on a task, valid only for the attempt that made it. `cause` says why where it ends the task."""

    claim: Claim
    kind: Literal["retry", "dead_letter", "needs_reconciliation"]
    reason: str
    delay_seconds: float = 0.0
    cause: Cause = "attempts"


async def take_words(
    connection: Connection,
    store: DossierStore,
    loaded: Loaded,
    words: Sequence[Word],
    now: datetime,
) -> list[Word]:
    """Apply words to loaded dossiers, each notice once. Returns the new ones."""
    fresh = await _record(connection, store.ids, loaded, words, now)
    for word in fresh:
        dossier, part = find_addressed(loaded, word)
        if dossier is None or part is None:
            continue
        for said in word.said:
            apply_response(dossier, part, said, now)
        _follow_up(store, loaded, dossier, now)
    return fresh


def find_part(loaded: Loaded, part_id: UUID) -> tuple[Dossier | None, Part | None]:
    """The dossier and part of a task id."""
    dossier = loaded.owner(part_id)
    part = dossier.part(part_id) if dossier is not None else None
    return (None, None) if part is None else (dossier, part)


def find_addressed(loaded: Loaded, word: Word) -> tuple[Dossier | None, Part | None]:
    """Whom a word is about. An agency speaks of its own tasks alone: a word about another's moves nothing."""
    dossier, part = find_part(loaded, word.part_id)
    return (dossier, part) if part is not None and part.agency == word.agency else (None, None)


def _follow_up(store: DossierStore, loaded: Loaded, dossier: Dossier, now: datetime) -> None:
    """Start the steps that waited for this word, and let an accepted change or deletion act on its target."""
    message_set = store.sets[dossier.message_set]
    advance(dossier, message_set, now)
    target = loaded.dossiers.get(dossier.target_id) if dossier.target_id else None
    kind = message_set.kinds[dossier.kind]
    if target is None or not _has_just_ended(dossier, kind, loaded):
        return
    if dossier.action == "delete":
        _cancel(target, now)
    elif (kind.replaces or dossier.action == "change") and _is_news(target, dossier):
        loaded.joins += _amend(target, dossier, anchor=message_set.kinds[target.kind].anchor)
        if target.matched:
            plan(target, message_set, now, store.ids.next)


def _amend(target: Dossier, change: Dossier, *, anchor: bool) -> list[tuple[bytes, UUID, str, bool]]:
    """Give a target its change's content; the ways to find it that the change added.

    An amendment of a kind of its own names its target alone, so that the target keeps its keys.
    """
    named = change if change.kind == target.kind else target
    own = {name: value for name, value in target.facts.items() if name in OWN_FACTS}
    target.facts = {**_content(change), **own, "join_keys": named.facts.get("join_keys", {})}
    target.record("amended", by=str(change.id))
    return [
        (bytes.fromhex(digest), target.id, name, anchor)
        for name, digest in change.facts.get("change", {}).get("joins", [])
    ]


def _is_news(target: Dossier, change: Dossier) -> bool:
    """Whether a change says anything that its target does not."""
    found_alike = target.kind != change.kind or target.facts.get("join_keys") == change.facts.get("join_keys")
    return not found_alike or _content(target) != _content(change)


def _content(dossier: Dossier) -> dict[str, Any]:
    """The facts its document states, without what the ledger noted beside them."""
    return {name: value for name, value in dossier.facts.items() if name not in {*OWN_FACTS, "change", "join_keys"}}


def _has_just_ended(dossier: Dossier, kind: Kind, loaded: Loaded) -> bool:
    """True in the transaction that brings the authority's yes: a late word on an old change must not act again.

    A deletion is answered like an entry in the books, whatever the end of its kind.
    """
    ends = {*kind.ends, "registered"} if dossier.action == "delete" else set(kind.ends)
    return dossier.state in ends and loaded.states[dossier.id] not in ends


def _cancel(target: Dossier, now: datetime) -> None:
    """Withdraw a declaration: what an agency has, what is still to be sent, and what was never planned."""
    for part in target.parts:
        if (part.required or part.state in UNSENT) and not STATES[part.state].negative:
            target.enter(part, "cancelled", now)
    if not target.parts:
        target.become("cancelled")
    target.recombine()


async def _record(
    connection: Connection,
    ids: IdentifierSource,
    loaded: Loaded,
    words: Sequence[Word],
    now: datetime,
) -> list[Word]:
    """Claim the notice ids and keep the documents of those not seen before."""
    unique = list({word.notice: word for word in words}.values())
    rows = []
    for word in sorted(unique, key=lambda word: word.notice):
        dossier, _ = find_addressed(loaded, word)
        body_id = ids.next() if word.document is not None else None
        last = word.said[-1] if word.said else None
        rows.append(
            (
                word.agency,
                word.notice_id,
                dossier.id if dossier else None,
                word.part_id,
                body_id,
                last.code if last else "",
                last.state if last else None,
                last.time if last else None,
                word.via,
                now,
                word.document,
            )
        )
    taken = await connection.fetch(query("take_notices"), *columns(rows, 11)) if rows else []
    new = {(row["agency"], row["notice_id"]) for row in taken}
    return [word for word in unique if word.notice in new]


async def take_decisions(connection: Connection, loaded: Loaded, decisions: Sequence[Decision], now: datetime) -> None:
    """Write our own decisions; those of an attempt that is no longer the task's are dropped."""
    retries = [decision for decision in decisions if decision.kind == "retry"]
    if retries:
        rows = [(d.claim.task_id, d.claim.attempt, d.delay_seconds, d.reason) for d in retries]
        await connection.execute(query("postpone_tasks"), *columns(rows, 4))
    ends = [decision for decision in decisions if decision.kind != "retry"]
    if not ends:
        return
    rows_ended = [(decision.claim.task_id, decision.claim.attempt) for decision in ends]
    owned = await connection.fetch(query("end_own_tasks"), *columns(rows_ended, 2))
    mine = {row["id"] for row in owned}
    buried = []
    for decision in ends:
        dossier, part = find_part(loaded, decision.claim.task_id)
        if decision.claim.task_id in mine and dossier is not None and part is not None and part.state == "pending":
            why = GivenUp(decision.cause, decision.reason, decision.claim.attempt)
            give_up_part(dossier, part, decision.kind, why, now)
            buried.append((part.id, dossier, part, why))
    await add_dead_letters(connection, buried, now)
