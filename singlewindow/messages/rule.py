"""A business rule as data: what it demands, how grave a breach is, where it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from singlewindow.messages.judgement import Problem


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a message set; its error code is `rule.<id>`.

    `severity` is `error` or `warning`; `text` says in English, `text_zh` in Chinese what is wrong where it is broken;
    `source` names the specification it is taken from. `ledger` is true for one that needs the ledger and is code.
    """

    id: str
    severity: str
    text: str
    text_zh: str
    source: str
    hint: str | None = None
    hint_zh: str | None = None
    ledger: bool = False


def break_rule(rule: Rule, **where: Any) -> Problem:
    """The problem that a rule is broken; `where` are further fields of Problem."""
    return Problem(
        f"rule.{rule.id}",
        rule.text,
        rule.severity,
        rule.id,
        rule.text_zh,
        hint=rule.hint,
        hint_zh=rule.hint_zh,
        **where,
    )
