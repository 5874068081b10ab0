"""Every case that a built-in set ships with its rules, and what every rule must say of itself."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from lxml import etree

from benchmarks.rules import measure, samples
from singlewindow.messages.rule import Rule
from singlewindow.xsd.catalogue import Catalogue, InstalledSet, load_catalogue
from singlewindow.xsd.parser import parse
from singlewindow.xsd.rules.cases import Case, read_cases, run_case, uncovered


@cache
def catalogue() -> Catalogue:
    return load_catalogue()


def sets_with_rules() -> list[str]:
    return [name for name, installed in sorted(catalogue().sets.items()) if installed.rules.rules]


def shipped_cases() -> list[tuple[str, Case]]:
    return [(name, case) for name in sets_with_rules() for case in read_cases(folder_of(name))]


def folder_of(name: str) -> Path:
    return catalogue().sets[name].message_set.folder


def all_rules() -> list[tuple[str, Rule]]:
    return [(name, rule) for name in sets_with_rules() for rule in catalogue().sets[name].rules.rules]


def valid_samples() -> list[tuple[str, Path]]:
    return [(name, path) for name in sets_with_rules() for path in sorted(folder_of(name).glob("samples/valid/*.xml"))]


@pytest.mark.parametrize(("name", "case"), shipped_cases(), ids=str)
def test_a_rule_does_what_its_case_says(name: str, case: Case) -> None:
    installed = catalogue().sets[name]
    assert run_case(installed.rules, folder_of(name), installed.message_set.element_namespace, case)


@pytest.mark.parametrize("name", sets_with_rules())
def test_every_rule_has_a_case_that_fires_and_one_that_is_silent(name: str) -> None:
    installed = catalogue().sets[name]
    cases = [case for folder in installed.rule_folders for case in read_cases(folder)]
    assert uncovered(installed.rules, cases) == []


@pytest.mark.parametrize("name", sets_with_rules())
def test_every_case_is_of_a_rule_that_exists(name: str) -> None:
    cases = read_cases(folder_of(name))
    assert {case.rule for case in cases} <= {rule.id for rule in catalogue().sets[name].rules.rules}


@pytest.mark.parametrize(("name", "rule"), all_rules(), ids=lambda value: getattr(value, "id", value))
def test_every_rule_says_in_two_languages_what_is_wrong_and_where_it_comes_from(name: str, rule: Rule) -> None:
    assert rule.text.strip()
    assert rule.source.strip()
    assert any("\u4e00" <= letter <= "\u9fff" for letter in rule.text_zh)
    assert (rule.hint is None) == (rule.hint_zh is None)


@pytest.mark.parametrize(("name", "path"), valid_samples(), ids=lambda value: getattr(value, "name", value))
def test_a_valid_sample_breaks_no_rule_that_refuses(name: str, path: Path) -> None:
    found = catalogue().sets[name].rules.check(parse(path.read_bytes()))
    assert [finding.rule for finding in found if finding.severity == "error"] == []


@pytest.mark.parametrize(("name", "path"), valid_samples(), ids=lambda value: getattr(value, "name", value))
def test_emptying_every_element_of_a_sample_raises_nothing(name: str, path: Path) -> None:
    root = parse(path.read_bytes())
    for element in root.iter():
        element.text = None
    ask(catalogue().sets[name], root)


@pytest.mark.parametrize(
    "nonsense", ["1e9999999999", "NaN", "０", "x" * 2000, "9999-99-99T99:99:99+99:99", "'\"[(", "-"]
)
@pytest.mark.parametrize(("name", "path"), valid_samples(), ids=lambda value: getattr(value, "name", value))
def test_nonsense_in_every_element_of_a_sample_raises_nothing(name: str, path: Path, nonsense: str) -> None:
    root = parse(path.read_bytes())
    for element in root.iter():
        if not len(element):
            element.text = nonsense
    ask(catalogue().sets[name], root)


def test_the_rules_of_a_hundred_inventories_never_seen_before_cost_at_most_twice_their_schema() -> None:
    """As the benchmark measures it: what reading takes longer with rules. A busy machine gets five tries."""
    inventories = next(one for one in samples() if one.described.name == "CEB603Message")
    ratios: list[float] = []
    while len(ratios) < 5 and (not ratios or ratios[-1] > 2):
        ratios.append(measure(inventories, rounds=9)["rules / XSD"])
    assert ratios[-1] <= 2, ratios


def ask(installed: InstalledSet, root: etree._Element) -> None:
    for finding in installed.rules.check(root):
        assert finding.rule is not None
