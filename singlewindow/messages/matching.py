"""Matching: what a document still waits for, how long it is kept back, and what happens when that time is over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from singlewindow.messages.dossier import Dossier
from singlewindow.messages.lifecycle import FREE_KEY, STATES
from singlewindow.messages.manifest import Holding, Kind, Partner

Awaited = list[dict[str, Any]]
"""What a document waits for, as `waiting_for` shows it."""

MOST_AWAITED = 100
"""Entries of `waiting_for`; a last one then says how many `more` there are."""

UNKNOWN_TARGET = "match.unknown-target"
"""The warning that what a document acts on was not filed here, of a set that has no rule of its own for that."""

UNKNOWN_TARGET_TEXT = "what this document acts on was not filed here; it is passed on as it is"
UNKNOWN_TARGET_TEXT_ZH = "本窗口未收到所指的原单证;报文照常转发"


@dataclass(frozen=True, slots=True)
class Linked:
    """The other end of a link, as far as matching looks at it; `join_keys` are the readable keys it is found by."""

    id: UUID
    trader: UUID
    kind: str
    state: str
    join_keys: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def alive(self) -> bool:
        """False once saved, rejected or cancelled: it no longer counts as present."""
        return self.state not in FREE_KEY


def awaited(dossier: Dossier, kind: Kind, links: Sequence[Linked], *, target: Dossier | None = None) -> Awaited:
    """Everything a document waits for: a new one its partners and anchors, a change the sending of its target.

    A deletion waits for nobody.
    """
    if dossier.action != "new":
        return unsent_target(dossier, target)
    waiting = [*missing_partners(dossier, kind, links), *pending_anchors(dossier, kind, links)]
    more = len(waiting) - MOST_AWAITED
    return waiting if more <= 0 else [*waiting[:MOST_AWAITED], {"kind": waiting[-1]["kind"], "more": more}]


def unsent_target(dossier: Dossier, target: Dossier | None) -> Awaited:
    """The target of a change, while its authority cannot know it yet."""
    if dossier.action != "change" or target is None or target.matched or target.state not in {"received", "held"}:
        return []
    key = dossier.facts.get("change", {}).get("key", {})
    return [{"kind": target.kind, "key": key, "state": target.state, "until": "submitted"}]


def missing_partners(dossier: Dossier, kind: Kind, links: Sequence[Linked]) -> Awaited:
    """The required partners that no living document fills, each with the key it will be found by."""
    present = {link.kind for link in links if link.alive}
    needed = [partner for partner in kind.partners if partner.required and partner.kind not in present]
    return [{"kind": partner.kind, "key": _key_of(dossier, partner)} for partner in needed]


def _key_of(dossier: Dossier, partner: Partner) -> dict[str, str]:
    return _join_keys(dossier).get(partner.join, {})


def _join_keys(dossier: Dossier) -> dict[str, dict[str, str]]:
    keys: dict[str, dict[str, str]] = dossier.facts.get("join_keys", {})
    return keys


def pending_anchors(dossier: Dossier, kind: Kind, links: Sequence[Linked]) -> Awaited:
    """The known anchors that have not come as far as this kind waits for; a negative end blocks nobody."""
    if kind.waits_until is None:
        return []
    wanted, shared = STATES[kind.waits_until].rank, set(_join_keys(dossier))
    return [
        {"kind": link.kind, "key": _shared_key(link, shared), "state": link.state, "until": kind.waits_until}
        for link in links
        if STATES[link.state].rank < wanted and link.alive
    ]


def _shared_key(link: Linked, names: set[str]) -> dict[str, str]:
    """The key by which two documents met: both hold it, so that it may be shown to either."""
    return next((key for name, key in sorted(link.join_keys.items()) if name in names), {})


def hold_ends(dossier: Dossier, holding: Holding) -> datetime:
    """The limit: when `timeout` lets it go, and when `until-complete` calls for a person."""
    return dossier.received_at + timedelta(seconds=holding.timeout_seconds)


Move = Literal["send", "hold", "send_incomplete", "call_for_attention"]


def next_move(dossier: Dossier, waiting: Awaited, holding: Holding, now: datetime) -> Move:
    """What to do with a document that waits for this; held past its limit it is sent, or a person is called once."""
    if not waiting:
        return "send"
    if holding.policy == "off":
        return "send_incomplete"
    if now < hold_ends(dossier, holding):
        return "hold"
    if holding.policy == "timeout":
        return "send_incomplete"
    return "hold" if dossier.attention else "call_for_attention"


def call_for_attention(dossier: Dossier, waiting: Awaited) -> None:
    """Note, once, that a held document is incomplete past its limit. It stays held; sending it clears the attention."""
    kinds = ", ".join(dict.fromkeys(str(entry["kind"]) for entry in waiting))
    dossier.attention = f"incomplete: waits for {kinds}"
    dossier.record("incomplete", waiting_for=waiting, attention=dossier.attention)


def note_incomplete(dossier: Dossier, waiting: Awaited) -> None:
    """Warn that a document goes out without what it waited for; one that was held tells that its time is over."""
    if dossier.state == "held":
        dossier.record("hold_ended", waiting_for=waiting)
    dossier.record(
        "warning",
        code="match.incomplete",
        message="sent without what it waited for",
        message_zh="未等到所需单证即发送",
        missing=waiting,
    )
