"""Rules of the ledger: none without a test, and what an amendment may not change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from singlewindow.messages.ledger_rules import changed_key
from singlewindow.xsd.catalogue import load_catalogue

TESTS = Path(__file__).parents[1]
BEFORE: dict[str, Any] = {
    "reference": "L1",
    "declarant": "C1",
    "legs": [{"number": "1", "carrier": "ROAD"}, {"number": "2", "carrier": "SEA"}],
    "documents": [{"type": "730", "number": "D1"}],
}


def test_every_rule_of_the_ledger_is_named_by_a_test() -> None:
    written = "\n".join(path.read_text("utf-8") for path in TESTS.rglob("test_*.py") if path != Path(__file__))
    ledger = [rule.id for rule in load_catalogue().rules() if rule.ledger]
    untested = [
        name for name in ledger if name not in written and f"test_{name.lower().replace('-', '_')}" not in written
    ]
    assert len(ledger) >= 12
    assert untested == []


def test_every_purpose_names_a_rule_that_has_texts_in_both_languages() -> None:
    for installed in load_catalogue().sets.values():
        for purpose in installed.message_set.ledger_rules:
            problem = installed.message_set.broken(purpose, ordinal=1)
            assert problem is not None
            assert problem.message
            assert problem.message_zh


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({}, None),
        ({"reference": "L2"}, "reference"),
        ({"declarant": "C2"}, "declarant"),
        ({"legs": [{"number": "1", "carrier": "RAIL"}]}, "carrier of leg 1"),
        ({"legs": [*BEFORE["legs"], {"number": "3", "carrier": "AIR"}]}, None),
        ({"documents": [{"type": "730", "number": "D2"}]}, "transport document 730"),
        ({"documents": [*BEFORE["documents"], {"type": "705", "number": "D3"}]}, None),
    ],
)
def test_an_amendment_keeps_the_keys_and_may_add_to_them(change: dict[str, Any], named: str | None) -> None:
    assert changed_key(BEFORE, {**BEFORE, **change}) == named


def test_what_was_never_said_is_no_key_that_could_change() -> None:
    assert changed_key({}, BEFORE) is None
