"""What the XML door says of a message: its set and root, a verdict per declaration, and every error with its place."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

MAX_ERRORS = 200
"""Errors reported for one message; past that the answer says `truncated`."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One error or warning: a stable `code`, where it is, what was found, what is allowed and how to mend it.

    `pointer` is an XPath with ordinals (`/CEB603Message/Inventory[2]/InventoryHead/orderNo`); `line` and `column`
    are 1-based in the bytes as received; `ordinal` is the declaration's number in its message.
    """

    code: str
    message: str
    severity: str = "error"
    rule: str | None = None
    message_zh: str | None = None
    pointer: str | None = None
    json_pointer: str | None = None
    line: int | None = None
    column: int | None = None
    ordinal: int | None = None
    element: str | None = None
    value: str | None = None
    allowed: str | None = None
    hint: str | None = None
    hint_zh: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The shape of one entry of `errors` in the HTTP contract."""
        return {**asdict(self), "docs": f"/docs/errors/{self.code}"}


@dataclass(frozen=True, slots=True)
class JoinValue:
    """One value by which documents find each other: the join's name and its parts, company codes not yet compared."""

    name: str
    values: tuple[str, ...]
    company: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Unit:
    """One declaration as read from its message; empty `problems` of severity error means valid.

    `key` holds the business key by name, in hashing order, `company_keys` the names whose value is a company code;
    `issuers` are the company codes one of which the trader must hold; `content_sha256` is the canonical hash without
    volatile fields; `facts` carries single facts, lists (legs, lines) and conditions (booleans), JSON-ready.
    """

    ordinal: int
    kind: str
    key: dict[str, str] = field(default_factory=dict)
    company_keys: tuple[str, ...] = ()
    issuers: tuple[str, ...] = ()
    action: str = "new"
    intent: str = "declare"
    search: dict[str, tuple[str, ...]] = field(default_factory=dict)
    joins: tuple[JoinValue, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)
    content_sha256: bytes = b""
    problems: tuple[Problem, ...] = ()

    @property
    def valid(self) -> bool:
        """True when nothing of severity error was found."""
        return not any(problem.severity == "error" for problem in self.problems)


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict on one message.

    `problems` are those outside every unit (an error there refuses the message); `transfer_code` is the company that
    the message says transfers it, `sender_code` the identity it says it is sent under, empty where its set has no such
    field; `envelope` is what an envelope around it said.
    """

    message_set: str
    root: str
    direction: str
    units: tuple[Unit, ...]
    problems: tuple[Problem, ...] = ()
    signed: bool = False
    truncated: bool = False
    transfer_code: str = ""
    sender_code: str = ""
    envelope: dict[str, str] = field(default_factory=dict)

    @property
    def refused(self) -> bool:
        """True when the message as a whole cannot be taken, whatever its units say."""
        return any(problem.severity == "error" for problem in self.problems)


@dataclass(frozen=True, slots=True)
class Detail:
    """One code of an authority's answer: what it said beside it (`text`), and what it means where that is known."""

    code: str
    text: str = ""
    meaning: str | None = None
    meaning_zh: str | None = None


@dataclass(frozen=True, slots=True)
class ResponseUnit:
    """One thing an authority said of one declaration, read leniently from its document.

    `code` is the authority's own status, `state` ours (None when it is recorded only); `time` is the authority's own
    time in ISO 8601 UTC or None; `numbers` are the references it gave (preNo, invtNo, MRN); `key` is the business key
    as far as the document repeats it, `errors` what it found wrong, `details` every code it gave.
    """

    kind: str
    code: str
    state: str | None
    time: str | None
    text: str = ""
    key: dict[str, str] = field(default_factory=dict)
    numbers: dict[str, str] = field(default_factory=dict)
    errors: tuple[Problem, ...] = ()
    joins: tuple[JoinValue, ...] = ()
    details: tuple[Detail, ...] = ()
