"""A message set as data: what `message-set.toml` says, checked and frozen.

Paths are child paths below the unit (`InventoryHead/agentCode`), each name in the set's namespace, `@name` for an
attribute, `.` for the unit itself. Conditions are XPath 1.0 with the set's own prefix.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from singlewindow.errors import ConfigurationError
from singlewindow.messages.judgement import Problem
from singlewindow.messages.rule import Rule, break_rule

LEDGER_FINDINGS = {
    "conflict": "its key stands for other content",
    "repeated_message": "its message's number (a key or search value `MessageIdentification`) was used for another",
    "older": "its `app_time` is before that of the version in force",
    "gaps": "parts of a split document are missing or do not fit",
    "unknown_change": "what it changes or deletes was not filed here",
    "unknown_target": "what it acts on, or a learned number that it names, is unknown here",
    "wrong_state": "what it acts on is in one of its kind's `refused_in`",
    "changed_key": "it replaces what it acts on and changes a key",
}
"""What only the ledger can find in a declaration: the keys of `[ledger_rules]`, each with its meaning."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A field with few lawful values and their meaning. `default` is what an empty element means."""

    path: str
    values: dict[str, str]
    default: str | None = None

    def meaning(self, text: str | None) -> str:
        """The meaning of an element's text, the default standing in for an empty one; unknown text means itself."""
        value = (text or "").strip() or self.default or ""
        return self.values.get(value, value)


@dataclass(frozen=True, slots=True)
class Join:
    """One way in which a document finds another: equal values of `paths` under one `name`.

    `each` is the repeated element the paths start from (the lines of an arrival; `../` leads back to the unit), or
    None for one value per document.
    `company` marks the positions whose value is a company code, compared through the register of companies.
    """

    name: str
    paths: tuple[str, ...]
    each: str | None = None
    company: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Numbering:
    """Where a message split in parts says `msgCount` and `msgSeqNo`."""

    count: str
    sequence: str


@dataclass(frozen=True, slots=True)
class Root:
    """One root element of a set.

    `direction` is `request` (trader to authority), `response` or `envelope` (its facts `content`, `message_id`,
    `sender` and `message_type`, its list `receivers`). `unit` is the path of the repeated declaration, `.`
    where the document is one declaration. `key` maps the name a trader searches by to its path, in the order hashed;
    `issuer` lists the paths whose company code may file it. `facts` are single values kept beside the declaration,
    `lists` are repeated ones (legs, goods lines), each with the `path` of the element and its fields. An issuer
    `a|b` means b only where a is absent.

    Of a response, `status`, `status_time` and `status_text` are where the authority says what it decided (`=792` is a
    literal), `state` ours where it is always the same, `numbers` the references it gives, `numbers_from` the state
    from which such a number is real and no filler, `errors` the repeated element of its error pointers.

    `schema` is the entry file of a root whose set has one schema per root; None takes the set's.
    """

    name: str
    direction: str
    kind: str
    unit: str = "."
    key: dict[str, str] = field(default_factory=dict)
    company_keys: tuple[str, ...] = ()
    issuer: tuple[str, ...] = ()
    search: dict[str, str] = field(default_factory=dict)
    action: Choice | None = None
    intent: Choice | None = None
    joins: tuple[Join, ...] = ()
    numbering: Numbering | None = None
    facts: dict[str, str] = field(default_factory=dict)
    lists: dict[str, dict[str, str]] = field(default_factory=dict)
    conditions: dict[str, str] = field(default_factory=dict)
    reference: str | None = None
    title: str = ""
    status: str | None = None
    status_time: str | None = None
    status_text: str | None = None
    state: str | None = None
    numbers: dict[str, str] = field(default_factory=dict)
    numbers_from: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    schema: str | None = None


@dataclass(frozen=True, slots=True)
class Partner:
    """A document an anchor needs or watches: kind, the join that finds it, and whether the anchor waits for it."""

    kind: str
    join: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Kind:
    """What a kind of declaration is: an anchor or not, its end states, its volatile fields, what it waits for.

    `waits_until` is the state its known anchors must have reached before it is sent (a consolidation waits for
    `accepted`); `target` says that it acts on the anchor it is joined to (an amendment, a cancellation);
    `replaces` that its acceptance makes its content the target's. `learned` maps a number that the authority gives
    (invtNo, MRN) to the join by which later documents find this declaration. `refused_in` are the states of its target
    in which it breaks the set's rule `wrong_state`.
    """

    name: str
    ends: tuple[str, ...]
    anchor: bool = False
    partners: tuple[Partner, ...] = ()
    volatile: tuple[str, ...] = ()
    waits_until: str | None = None
    target: bool = False
    replaces: bool = False
    learned: dict[str, str] = field(default_factory=dict)
    refused_in: tuple[str, ...] = ()
    title: str = ""


@dataclass(frozen=True, slots=True)
class Route:
    """One step of the plan: which agency does what for which kinds, under which condition and after which steps.

    `each` names a list fact (legs): one part per entry, `agency` then being looked up in `agencies` by the entry's
    field `agency_by`. `after` maps an action to the part states that let this step start. `ends` are the states in
    which the part is done. The `principal` part carries the declaration's state.
    """

    kinds: tuple[str, ...]
    action: str
    agency: str = ""
    each: str | None = None
    agency_by: str | None = None
    agencies: dict[str, str] = field(default_factory=dict)
    when: str | None = None
    after: dict[str, tuple[str, ...]] = field(default_factory=dict)
    ends: tuple[str, ...] = ()
    required: bool = True
    principal: bool = False


@dataclass(frozen=True, slots=True)
class Holding:
    """How an anchor with missing partners is kept: `until-complete`, `timeout` (sent with a warning) or `off`."""

    policy: str = "timeout"
    timeout_seconds: float = 600.0


@dataclass(frozen=True, slots=True)
class Matching:
    """How far linked documents may differ before it is reported: absolute amounts in their currency, kilograms.

    Decimal texts, so that 0.01 is exactly that. Raises ConfigurationError for anything but a number from zero up.
    """

    amount_tolerance: str = "0"
    weight_tolerance: str = "0"

    def __post_init__(self) -> None:
        for text in (self.amount_tolerance, self.weight_tolerance):
            if not re.fullmatch(r"[0-9]+(\.[0-9]+)?", text, re.ASCII):
                raise ConfigurationError(f'matching: a tolerance is a decimal number such as "0.01", not {text!r}')


@dataclass(frozen=True, slots=True)
class MessageSet:
    """One installed message set.

    `folder` holds its schemas and samples; `statuses` maps an authority's code to our state.
    Editions of one standard name the same `family`: their documents share keys and find each other. `shares` names a
    set whose rules and code lists hold here too. `encodings` are taken beside UTF-8 and UTF-16 (`gb18030`); `raised`
    lists the rules whose warnings are errors here. `qualified` is false where only the roots are in the namespace
    (elementFormDefault="unqualified"). `ledger_rules` names the rule (`rules/ledger.toml`) for each of LEDGER_FINDINGS
    that the set wants looked for; `rules` are those rules by id, read from their file.
    """

    name: str
    title: str
    namespace: str
    prefix: str
    schema: str
    folder: Path
    roots: dict[str, Root]
    kinds: dict[str, Kind]
    routes: tuple[Route, ...]
    statuses: dict[str, str]
    holding: Holding
    on_error: str = "declaration"
    time_format: str = "iso"
    utc_offset_hours: float = 0.0
    max_bytes: int = 16_000_000
    max_elements: int = 400_000
    personal: tuple[str, ...] = ()
    recorded_only: tuple[str, ...] = ()
    transfer_code: str | None = None
    sender_code: str | None = None
    subscribers: str | None = None
    family: str = ""
    shares: str | None = None
    encodings: tuple[str, ...] = ()
    qualified: bool = True
    raised: tuple[str, ...] = ()
    matching: Matching = field(default_factory=Matching)
    ledger_rules: dict[str, str] = field(default_factory=dict)
    rules: dict[str, Rule] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if unknown := set(self.ledger_rules) - set(LEDGER_FINDINGS):
            wrong, known = ", ".join(sorted(unknown)), ", ".join(LEDGER_FINDINGS)
            raise ConfigurationError(f"{self.name}: ledger_rules: unknown key {wrong}; known: {known}")

    def ledger_rule(self, finding: str) -> Rule | None:
        """The rule that speaks of one of LEDGER_FINDINGS, None where the set has none."""
        return self.rules.get(self.ledger_rules.get(finding, ""))

    def broken(self, finding: str, **where: Any) -> Problem | None:
        """The problem that its ledger rule for this finding is broken; `where` says where it is."""
        rule = self.ledger_rule(finding)
        return None if rule is None else break_rule(rule, **where)

    @property
    def element_namespace(self) -> str:
        """The namespace of the elements below a root; empty where they are in none."""
        return self.namespace if self.qualified else ""

    @property
    def key_space(self) -> str:
        """The name under which keys and joins are hashed: one for all editions of a standard."""
        return self.family or self.name
