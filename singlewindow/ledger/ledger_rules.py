"""The rules that need the ledger: who has a key already, whether a target is known, and what its state allows.

Their ids, texts and severities stand in the message sets (`rules/ledger.toml`). Of what a document acts on, only the
same trader's declarations count: nobody learns from an answer what another one filed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from singlewindow.ledger.database import Connection, query
from singlewindow.ledger.dossiers import columns
from singlewindow.ledger.filing_keys import give_back_keys
from singlewindow.ledger.submissions import Pending
from singlewindow.messages.filing import FiledUnit
from singlewindow.messages.ledger_rules import MESSAGE_NUMBER, Target, judge_named, message_number
from singlewindow.messages.lifecycle import FREE_KEY
from singlewindow.messages.manifest import MessageSet

Sets = Mapping[str, MessageSet]
Known = dict[tuple[bytes, UUID], Target]
"""What a trader filed, by the hash of a join."""

TARGET_FINDINGS = frozenset({"unknown_target", "wrong_state", "changed_key"})


class Naming(NamedTuple):
    """A declaration that names others by the joins at these places."""

    message_set: MessageSet
    trader: UUID
    filed: FiledUnit
    places: list[int]

    @property
    def hashes(self) -> list[bytes]:
        """The joins by which what it names is found."""
        return [self.filed.joins[place][1] for place in self.places]


def name_conflicts(batch: Sequence[Pending], sets: Sets) -> None:
    """Say which rule a declaration breaks whose key stands for other content."""
    for pending in batch:
        message_set = sets[pending.submission.message_set]
        for unit in pending.units:
            if unit.verdict == "conflict" and not unit.errors:
                finding = "repeated_message" if MESSAGE_NUMBER in unit.unit.key else "conflict"
                unit.add(message_set.broken(finding, ordinal=unit.unit.ordinal))


async def check_message_numbers(connection: Connection, batch: Sequence[Pending], sets: Sets) -> None:
    """Refuse declarations whose message's number stands on another living one; their keys are given back."""
    numbered = [
        (pending, unit, (pending.submission.trader, number))
        for pending in batch
        for unit in pending.units
        if unit.verdict == "received" and (number := message_number(sets[pending.submission.message_set], unit.unit))
    ]
    if not numbered:
        return
    rows = await connection.fetch(query("find_message_numbers"), *columns([key for *_, key in numbered], 2))
    earlier: dict[tuple[UUID, bytes], UUID | None] = {(row["trader"], row["value_hash"]): row["id"] for row in rows}
    refused = []
    for pending, unit, key in numbered:
        if key in earlier:
            unit.verdict, unit.of, unit.supersedes = "conflict", earlier[key], None
            unit.add(sets[pending.submission.message_set].broken("repeated_message", ordinal=unit.unit.ordinal))
            refused.append(unit)
        earlier.setdefault(key, None)
    await give_back_keys(connection, refused)


def message_number_rows(kept: Sequence[tuple[Pending, FiledUnit]], sets: Sets) -> list[tuple[UUID, bytes, UUID]]:
    """The numbers of these declarations' messages, to be found again: trader, hash and declaration."""
    return [
        (pending.submission.trader, number, unit.id)
        for pending, unit in kept
        if (number := message_number(sets[pending.submission.message_set], unit.unit))
    ]


async def check_targets(connection: Connection, batch: Sequence[Pending], sets: Sets) -> None:
    """Note of each what is wrong with what it names: unknown, too far on, or a key would change.

    What arrives in the same batch is known.
    """
    naming = [one for pending in batch for one in _naming(pending, sets[pending.submission.message_set])]
    if not naming:
        return
    known = _arriving(batch, sets) | await _find_known(connection, naming)
    for one in naming:
        joins = one.filed.unit.joins
        named = [
            (joins[place].name, joins[place].values[-1], known.get((digest, one.trader)))
            for place, digest in zip(one.places, one.hashes, strict=True)
        ]
        one.filed.add(*judge_named(one.message_set, one.filed.unit, named))


async def refuse_broken(connection: Connection, batch: Sequence[Pending]) -> None:
    """Refuse what breaks a rule of severity error, giving back the keys that it took."""
    refused = [unit for pending in batch for unit in pending.units if unit.verdict == "received" and unit.errors]
    for unit in refused:
        unit.verdict, unit.supersedes = "invalid", None
    await give_back_keys(connection, refused)


def _naming(pending: Pending, message_set: MessageSet) -> list[Naming]:
    """The new declarations that act on an anchor, or name one by a number that an authority gave."""
    if not TARGET_FINDINGS & message_set.ledger_rules.keys():
        return []
    learned = {join for kind in message_set.kinds.values() for join in kind.learned.values()}
    found = []
    for unit in pending.units:
        if unit.verdict != "received" or unit.unit.action != "new":
            continue
        acts = message_set.kinds[unit.unit.kind].target
        places = [place for place, (name, _) in enumerate(unit.joins) if acts or name in learned]
        if places:
            found.append(Naming(message_set, pending.submission.trader, unit, places))
    return found


async def _find_known(connection: Connection, naming: Sequence[Naming]) -> Known:
    """Of several under one number, the newest living one counts."""
    hashes = sorted({digest for one in naming for digest in one.hashes})
    judged = sorted({digest for one in naming if _replaces(one) for digest in one.hashes})
    traders = sorted({one.trader for one in naming})
    rows = await connection.fetch(query("find_aimed_at"), hashes, traders, judged)
    ordered = sorted(rows, key=lambda row: (row["state"] not in FREE_KEY, row["id"]))
    return {(row["hash"], row["trader"]): Target(row["id"], row["state"], row["facts"] or {}) for row in ordered}


def _replaces(naming: Naming) -> bool:
    return naming.message_set.kinds[naming.filed.unit.kind].replaces


def _arriving(batch: Sequence[Pending], sets: Sets) -> Known:
    """The anchors of this batch."""
    return {
        (digest, pending.submission.trader): Target(unit.id, "received", unit.unit.facts)
        for pending in batch
        for unit in pending.units
        if unit.verdict == "received" and unit.unit.intent != "save"
        if sets[pending.submission.message_set].kinds[unit.unit.kind].anchor
        for _, digest in unit.joins
    }
