"""The invariants of the proof, each a question to the ledgers and the books; what breaks one is named."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from singlewindow.messages.lifecycle import STATES
from singlewindow.messages.merkle import grow, root_of
from singlewindow.messages.receipts import ReceiptInvalid, verify_receipt
from tests.faults.proof.books import MOVING, Books
from tests.faults.proof.documents import CANARY
from tests.faults.proof.ledgers import Evidence, Line

ANSWER_SECONDS = 5.0
RECOVERY_SECONDS = 10.0
EXAMPLES = 5
KEPT = frozenset({"received", "saved"})
GIVEN_UP = frozenset({"dead_letter", "needs_reconciliation"})


@dataclass(frozen=True)
class Case:
    """All that is known of one run."""

    evidence: Evidence
    books: Books
    public_key: Ed25519PublicKey
    logs: Path
    secrets: tuple[str, ...]
    hooks_of: dict[str, int]
    """Trader → the number of the last event before its webhook was registered."""

    answer_seconds: float = ANSWER_SECONDS


@dataclass(frozen=True)
class Breach:
    """One invariant that does not hold, how often, and some of the places."""

    invariant: str
    count: int
    examples: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.invariant}: {self.count} times, as {'; '.join(self.examples)}"


@dataclass(frozen=True)
class Sent:
    """What the load ledger says of one key."""

    sha256: str
    trader: str
    units: int
    lawful: bool
    answers: tuple[Line, ...]

    @property
    def outcome(self) -> str:
        """`ok` once any answer was a receipt, `fail` once any was a refusal, else `unknown`."""
        outcomes = {answer["outcome"] for answer in self.answers}
        return "ok" if "ok" in outcomes else "fail" if "fail" in outcomes else "unknown"

    @property
    def receipts(self) -> set[str]:
        """The receipts given for it."""
        return {answer["body"] for answer in self.answers if answer["outcome"] == "ok"}


def check(case: Case) -> list[Breach]:
    """Every invariant; empty when all hold."""
    breaches = []
    for title, question in INVARIANTS.items():
        found = list(question(case))
        if found:
            breaches.append(Breach(title, len(found), tuple(found[:EXAMPLES])))
    return breaches


def read_sent(evidence: Evidence) -> dict[str, Sent]:
    """The load ledger by key."""
    answers: dict[str, list[Line]] = defaultdict(list)
    for line in evidence.load:
        if line["kind"] == "answer":
            answers[line["key"]].append(line)
    return {
        line["key"]: Sent(line["sha256"], line["trader"], line["units"], line["lawful"], tuple(answers[line["key"]]))
        for line in evidence.load
        if line["kind"] == "sent"
    }


def acknowledged_is_stored(case: Case) -> Iterator[str]:
    """I1: each 2xx has exactly one message with these bytes, this trader and this receipt, and its declarations."""
    stored, declarations = case.books.messages_by_hash(), case.books.declarations_of()
    bodies = {row["id"]: row["sha256"] for row in case.books.bodies}
    for key, sent in read_sent(case.evidence).items():
        if sent.outcome != "ok":
            continue
        rows = stored.get(sent.sha256, [])
        if len(rows) != 1:
            yield f"{key} was acknowledged and is stored {len(rows)} times"
            continue
        row = rows[0]
        if sent.receipts != {row["receipt"]} or row["trader"] != sent.trader:
            yield f"{key} has another receipt or trader in the books"
        if bodies.get(row["id"]) != sent.sha256:
            yield f"{key} is stored with other bytes"
        kept = [one for one in json.loads(row["receipt"])["declarations"] if one["verdict"] in KEPT]
        if len(kept) != len(declarations[row["id"]]) or len(kept) != sent.units:
            yield f"{key} has {len(declarations[row['id']])} of {sent.units} declarations"


def everything_settles(case: Case) -> Iterator[str]:
    """I2: nothing is on its way any more; what was given up is named."""
    for row in case.books.declarations:
        if row["state"] in MOVING or STATES[row["state"]].negative:
            yield f"declaration {row['id']} is {row['state']}"
        if row["state"] in GIVEN_UP and not row["attention"]:
            yield f"declaration {row['id']} was given up without an alarm"
    for task in case.books.tasks:
        yield f"task {task['id']} of {task['lane']} is left after {task['attempt']} attempts: {task['last_error']}"


def effects_are_one(case: Case) -> Iterator[str]:
    """I3: every step that an agency has was seen by it, and acted on exactly once per business key and action."""
    effects: Counter[tuple[str, str, str, int]] = Counter()
    acted: Counter[str] = Counter()
    for line in case.evidence.agencies:
        if line["kind"] not in {"effect", "duplicate"}:
            continue
        effects[line["agency"], line["business_key"], line["action"], 1] += 1
        acted[line["task_id"]] += 1
    for key, count in effects.items():
        if count > 1:
            yield f"{key[0]} acted {count} times on {key[1]} ({key[2]})"
    for part in case.books.parts:
        if part["state"] not in {"planned", *MOVING, *GIVEN_UP} and acted[str(part["id"])] != 1:
            yield f"part {part['id']} is {part['state']} and {part['agency']} acted {acted[str(part['id'])]} times"


def nothing_unasked_is_stored(case: Case) -> Iterator[str]:
    """I4: no message that was neither acknowledged nor unknown; an unknown one once at most, its receipt unchanged."""
    known = {sent.sha256: sent for sent in read_sent(case.evidence).values()}
    for sha256, rows in case.books.messages_by_hash().items():
        sent = known.get(sha256)
        if sent is None or sent.outcome == "fail":
            yield f"message {rows[0]['id']} is stored though nobody was told so"
        elif len(rows) > 1:
            yield f"message {rows[0]['id']} is stored {len(rows)} times"
        elif len(sent.receipts) > 1:
            yield f"message {rows[0]['id']} has {len(sent.receipts)} different receipts"


def refusals_leave_nothing(case: Case) -> Iterator[str]:
    """I5: what was refused is not stored, and only what is unlawful was refused."""
    stored = case.books.messages_by_hash()
    for key, sent in read_sent(case.evidence).items():
        if sent.outcome == "fail" and sent.sha256 in stored:
            yield f"{key} was refused and is stored"
        if sent.outcome == "fail" and sent.lawful:
            yield f"{key} is lawful and was refused: {[answer['status'] for answer in sent.answers]}"
        if sent.outcome == "ok" and not sent.lawful:
            yield f"{key} is unlawful and was taken"


def feeds_have_no_gaps(case: Case) -> Iterator[str]:
    """I6: feed numbers run from 1 without a gap, each names an event, and a declaration's states follow one another."""
    events = {row["id"] for row in case.books.events}
    last: dict[str, int] = defaultdict(int)
    for row in case.books.feed:
        if row["seq"] != last[row["trader"]] + 1:
            yield f"trader {row['trader']}: {last[row['trader']]} is followed by {row['seq']}"
        last[row["trader"]] = row["seq"]
        if row["event_id"] not in events:
            yield f"event {row['event_id']} of the feed does not exist"
    for row in case.books.counters:
        if row["last_seq"] != last[row["trader"]]:
            yield f"trader {row['trader']}: counted to {row['last_seq']}, told {last[row['trader']]}"
    yield from _broken_chains(case.books.events)


def _broken_chains(events: list[dict[str, Any]]) -> Iterator[str]:
    state: dict[Any, str] = {}
    for row in events:
        if row["type"] != "state":
            continue
        declaration, previous = row["declaration_id"], row["data"].get("previous")
        if declaration in state and previous != state[declaration]:
            yield f"declaration {declaration} went from {state[declaration]}, says it was {previous}"
        state[declaration] = row["data"]["state"]


def webhooks_heard_everything(case: Case) -> Iterator[str]:
    """I7: every event since the registration was delivered at least once, always under one webhook-id."""
    heard: dict[tuple[str, int], set[str]] = defaultdict(set)
    for line in case.evidence.hooks:
        heard[line["trader"], line["seq"]].add(line["id"])
    for (trader, seq), ids in heard.items():
        if len(ids) > 1:
            yield f"event {seq} of {trader} came under {len(ids)} ids"
    for row in case.books.feed:
        after = case.hooks_of.get(row["trader"])
        if after is not None and row["seq"] > after and not heard[row["trader"], row["seq"]]:
            yield f"event {row['seq']} of {row['trader']} was never delivered"


def receipts_prove(case: Case) -> Iterator[str]:
    """I8: every receipt is signed; each checkpoint is the root of the feed so far; published heads are among them."""
    for row in case.books.messages:
        try:
            verify_receipt(row["receipt"].encode(), case.public_key)
        except ReceiptInvalid as error:
            yield f"message {row['id']}: {error.detail}"
    leaves: dict[str, list[bytes]] = defaultdict(list)
    for row in case.books.feed:
        leaves[row["trader"]].append(row["leaf"])
    roots = {}
    frontiers: dict[str, tuple[int, list[bytes]]] = {}
    for row in case.books.checkpoints:
        size, frontier = frontiers.get(row["trader"], (0, []))
        frontier = list(grow(frontier, size, leaves[row["trader"]][size : row["size"]]))
        frontiers[row["trader"]] = (row["size"], frontier)
        roots[row["trader"], row["size"]] = row["root"]
        if root_of(frontier) != row["root"]:
            yield f"checkpoint {row['size']} of {row['trader']} is not the root of its feed"
    for head in case.evidence.heads:
        if roots.get((head["trader"], head["size"])) != bytes.fromhex(head["root"]):
            yield f"the head of {head['size']} events published for {head['trader']} is gone or another"


def old_attempts_decide_nothing(case: Case) -> Iterator[str]:
    """I9: nothing was given up by another attempt than the last."""
    for row in case.books.dead_letters:
        if row["last_attempt"] is not None and row["attempts"] < row["last_attempt"]:
            yield f"task {row['id']} was given up by attempt {row['attempts']} of {row['last_attempt']}"


def answers_come_in_time(case: Case) -> Iterator[str]:
    """I12: every answer is a receipt, a refusal or 503 with Retry-After, and comes within five seconds.

    Not while something is wrong, nor in the ten seconds after: a frozen process answers nobody, and one that starts
    anew has its schemas to read.
    """
    troubled = _troubled(case.evidence.faults)
    for line in case.evidence.load:
        if line["kind"] != "answer" or not line["status"]:
            continue
        if line["status"] == 503 and not line["retry_after"]:
            yield f"{line['key']}: 503 without Retry-After"
        if line["status"] >= 500 and line["status"] != 503:
            yield f"{line['key']}: {line['status']}"
        if line["seconds"] > case.answer_seconds and not _touches(troubled, line["at"] - line["seconds"], line["at"]):
            yield f"{line['key']}: {line['status']} after {line['seconds']:.1f} s"


def _troubled(faults: list[Line]) -> list[tuple[float, float]]:
    """From when to when something was wrong, with the time to recover."""
    begun: dict[str, float] = {}
    windows = []
    for line in faults:
        if line["moment"] == "begin":
            begun.setdefault(line["fault"], line["at"])
        else:
            windows.append((begun.pop(line["fault"], line["at"]), line["at"] + RECOVERY_SECONDS))
    return windows


def _touches(windows: list[tuple[float, float]], start: float, end: float) -> bool:
    return any(first <= end and start <= last for first, last in windows)


def logs_tell_no_secrets(case: Case) -> Iterator[str]:
    """I13: no word of a document and no secret in any log."""
    for path in sorted(case.logs.glob("**/*")):
        if path.is_file():
            content = path.read_bytes()
            for secret in (CANARY, *case.secrets):
                if secret.encode() in content:
                    yield f"{path.name} holds {'a word of a document' if secret == CANARY else 'a key'}"


INVARIANTS: dict[str, Callable[[Case], Iterator[str]]] = {
    "I1 acknowledged is stored": acknowledged_is_stored,
    "I2 everything settles": everything_settles,
    "I3 effects are one": effects_are_one,
    "I4 nothing unasked is stored": nothing_unasked_is_stored,
    "I5 refusals leave nothing": refusals_leave_nothing,
    "I6 feeds have no gaps": feeds_have_no_gaps,
    "I7 webhooks heard everything": webhooks_heard_everything,
    "I8 receipts prove": receipts_prove,
    "I9 old attempts decide nothing": old_attempts_decide_nothing,
    "I12 answers come in time": answers_come_in_time,
    "I13 logs tell no secrets": logs_tell_no_secrets,
}
