"""Rules that need the ledger: their texts, beside those that a document alone can break. Their tests are code."""

from __future__ import annotations

import tomllib
from pathlib import Path

from singlewindow.errors import ConfigurationError
from singlewindow.messages.rule import Rule


def read_ledger_rules(path: Path) -> list[Rule]:
    """The rules of a `ledger.toml`; none where there is no such file. Raises ConfigurationError."""
    if not path.is_file():
        return []
    try:
        rules = [Rule(**entry, ledger=True) for entry in tomllib.loads(path.read_text("utf-8")).get("rule", [])]
    except (ValueError, TypeError) as error:
        raise ConfigurationError(f"{path}: {error}") from error
    for rule in rules:
        if rule.severity not in {"error", "warning"}:
            raise ConfigurationError(f"{path}: rule {rule.id}: severity must be error or warning")
        if not (rule.text and rule.text_zh and rule.source):
            raise ConfigurationError(f"{path}: rule {rule.id}: text, text_zh and source must not be empty")
    return rules
