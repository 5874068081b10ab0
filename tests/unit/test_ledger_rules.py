"""Rules of the ledger: none without a test, none unknown, and what is decided over what the ledger knows."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from singlewindow.errors import ConfigurationError
from singlewindow.messages.judgement import Unit
from singlewindow.messages.ledger_rules import Target, changed_key, judge_named, message_number
from singlewindow.messages.manifest import LEDGER_FINDINGS, MessageSet
from singlewindow.xsd.catalogue import BUILT_IN, load_catalogue

ROOT = Path(__file__).parents[2]
CASES = sorted((ROOT / "tests" / "integration").glob("test_ledger_rules*.py"))
BEFORE: dict[str, Any] = {
    "reference": "L1",
    "declarant": "C1",
    "legs": [{"number": "1", "carrier": "ROAD"}, {"number": "2", "carrier": "SEA"}],
    "documents": [{"type": "730", "number": "D1"}],
}


def ledger_rules() -> set[str]:
    return {rule.id for rule in load_catalogue().rules() if rule.ledger}


def test_every_rule_of_the_ledger_has_a_case_named_by_it() -> None:
    names = [name for path in CASES for name in re.findall(r"def (test_\w+)", path.read_text("utf-8"))]
    named = {
        rule: [name for name in names if f"test_{rule.lower().replace('-', '_')}_" in name] for rule in ledger_rules()
    }
    assert len(named) >= 13
    assert [rule for rule, cases in named.items() if not cases] == []


def test_every_rule_that_code_names_is_in_a_set() -> None:
    known = {rule.id for rule in load_catalogue().rules()}
    code = "\n".join(path.read_text("utf-8") for path in (ROOT / "singlewindow").rglob("*.py"))
    assert set(re.findall(r"\b(?:EX|CEB|DXP)-R[0-9]+[A-Z]?\b", code)) <= known


def test_every_rule_of_the_ledger_is_looked_for() -> None:
    looked_for = {rule for one in load_catalogue().manifests.values() for rule in one.ledger_rules.values()}
    assert {rule for rule in ledger_rules() if not rule.startswith("DXP-")} == looked_for


def test_a_finding_that_the_ledger_never_makes_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="unknown key conflicts; known: conflict, repeated_message"):
        replace(export(), ledger_rules={"conflicts": "EX-R01"})


def test_a_rule_that_its_set_raises_is_an_error(tmp_path: Path) -> None:
    folder = shutil.copytree(BUILT_IN / "ceb-2018", tmp_path / "strict")
    manifest = folder / "message-set.toml"
    text = manifest.read_text("utf-8").replace('name = "ceb-2018"', 'name = "strict"\nraised = ["CEB-R94"]')
    manifest.write_text(text, "utf-8")
    strict = load_catalogue(tmp_path).manifests["strict"]
    found = {finding: strict.broken(finding) for finding in ("unknown_change", "unknown_target")}
    assert {finding: problem and problem.severity for finding, problem in found.items()} == {
        "unknown_change": "error", "unknown_target": "warning",
    }  # fmt: skip


def test_every_finding_names_a_rule_that_has_texts_in_both_languages() -> None:
    for installed in load_catalogue().sets.values():
        for finding in installed.message_set.ledger_rules:
            assert finding in LEDGER_FINDINGS
            problem = installed.message_set.broken(finding, ordinal=1)
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
        ({"documents": [{"type": "730", "number": "D2"}]}, "transport document 730 D1"),
        ({"documents": [*BEFORE["documents"], {"type": "705", "number": "D3"}]}, None),
    ],
)
def test_an_amendment_keeps_the_keys_and_may_add_to_them(change: dict[str, Any], named: str | None) -> None:
    assert changed_key(BEFORE, {**BEFORE, **change}) == named


def test_what_was_never_said_is_no_key_that_could_change() -> None:
    assert changed_key({}, BEFORE) is None


def export() -> MessageSet:
    return load_catalogue().manifests["export-1"]


def target(number: int, state: str = "accepted", **facts: Any) -> Target:
    return Target(UUID(int=number), state, facts)


def broken(kind: str, *named: tuple[str, str, Target | None], **facts: Any) -> list[tuple[str | None, str | None]]:
    found = judge_named(export(), Unit(1, kind, facts=facts), named)
    return [(problem.rule, problem.value) for problem in found]


def test_every_number_that_a_message_names_must_be_known_and_name_one_declaration() -> None:
    known = ("lrn", "L1", target(1))
    assert broken("presentation", known) == []
    assert broken("presentation", known, ("mrn", "M1", target(1))) == []
    assert broken("presentation", known, ("mrn", "M1", None)) == [("EX-R05", "M1")]
    assert broken("presentation", known, ("mrn", "M1", target(2))) == [("EX-R05", "M1")]


def test_only_what_replaces_is_compared_and_only_in_a_state_that_allows_it() -> None:
    before = {"reference": "L1"}
    assert broken("amendment", ("lrn", "L1", target(1, **before)), reference="L2") == [("EX-R48", "reference")]
    assert broken("invalidation", ("lrn", "L1", target(1, **before)), reference="L2") == []
    assert broken("amendment", ("lrn", "L1", target(1, "closed", **before)), reference="L2") == [("EX-R05B", "closed")]


def test_a_state_in_doubt_refuses_nothing() -> None:
    for kind in export().kinds.values():
        assert not {"dead_letter", "needs_reconciliation"} & set(kind.refused_in)


def test_messages_are_numbered_within_their_companies() -> None:
    def numbered(declarant: str, number: str, **more: Any) -> bytes | None:
        key = {"declarant": declarant, "MessageIdentification": number}
        return message_number(export(), Unit(1, "amendment", key, ("declarant",), **more))

    search: dict[str, tuple[str, ...]] = {"MessageIdentification": ("M1",)}
    declaration = Unit(1, "export", {"declarant": "D1", "LRN": "L1"}, ("declarant",), search=search)
    assert numbered("D1", "M1") == message_number(export(), declaration)
    assert len({numbered("D1", "M1"), numbered("D2", "M1"), numbered("D1", "M2")}) == 3
    assert numbered("D1", "M1", intent="save") is None
    assert message_number(load_catalogue().manifests["ceb-2018"], declaration) is None
