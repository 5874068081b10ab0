"""Rules with their cases, the elements they are said of and the code lists they ask."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from singlewindow.xsd.catalogue import InstalledSet
from singlewindow.xsd.reference import RuleReference
from singlewindow.xsd.rules.cases import read_cases
from singlewindow.xsd.rules.schematron import Assertion, read_rule_file, split_path, split_union, without_predicates

_LISTED = re.compile(r"sw:in-list\(\s*'([^']+)'")
_PREFIX = re.compile(r"(?:^|(?<=@))[\w.-]+:")
_STEP = re.compile(r"@?[\w.-]+|\*")
_LEDGER = "rules/ledger.toml"


@dataclass(slots=True)
class _Found:
    """What the assertions of one rule say; dictionaries for sets that keep their order."""

    origin: str
    file: str
    places: dict[str, None] = field(default_factory=dict)
    lists: dict[str, None] = field(default_factory=dict)
    tests: dict[str, None] = field(default_factory=dict)


def read_rules(installed: InstalledSet) -> tuple[RuleReference, ...]:
    """The rules of a set, ordered by id as a person counts. Raises ConfigurationError."""
    origins = list(_origins(installed))
    found = {name: one for origin, folder in origins for name, one in _read_assertions(origin, folder).items()}
    cases = [(origin, case) for origin, folder in origins for case in read_cases(folder)]
    rules = sorted(installed.rules.rules, key=lambda rule: natural_order(rule.id))
    return tuple(
        RuleReference(
            rule,
            told.origin,
            told.file,
            tuple(place for place in told.places if place.partition("/")[0] in installed.message_set.roots),
            tuple(told.lists),
            tuple(told.tests),
            tuple((origin, case) for origin, case in cases if case.rule == rule.id),
        )
        for rule in rules
        for told in [found.get(rule.id) or _Found(_ledger_origin(origins, rule.id), _LEDGER)]
    )


def natural_order(text: str) -> list[tuple[int, str]]:
    """A key by which R9 comes before R10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", text)]


class RulesByPlace:
    """The rules said of each element; called with its path, it gives their ids. A step of a place may be `*`."""

    def __init__(self, rules: Iterable[RuleReference]) -> None:
        self._exact: dict[str, list[str]] = {}
        self._starred: list[tuple[re.Pattern[str], str]] = []
        for one in rules:
            for place in one.places:
                self._add(place, one.rule.id)

    def __call__(self, path: str) -> tuple[str, ...]:
        """The ids of the rules said of the element at this path, each once."""
        starred = (rule for pattern, rule in self._starred if pattern.fullmatch(path))
        return tuple(dict.fromkeys([*self._exact.get(path, ()), *starred]))

    def _add(self, place: str, rule: str) -> None:
        if "*" in place:
            self._starred.append((re.compile(re.escape(place).replace(r"\*", "[^/]+")), rule))
        else:
            self._exact.setdefault(place, []).append(rule)


def rules_by_list(rules: Iterable[RuleReference]) -> Mapping[str, tuple[str, ...]]:
    """The ids of the rules that ask each code list, by its name."""
    by_list: dict[str, tuple[str, ...]] = {}
    for one in rules:
        for name in one.lists:
            by_list[name] = (*by_list.get(name, ()), one.rule.id)
    return by_list


def _origins(installed: InstalledSet) -> Iterator[tuple[str, Path]]:
    own = installed.message_set
    for folder in installed.rule_folders:
        yield (own.name if folder == own.folder else own.shares or own.name), folder


def _ledger_origin(origins: list[tuple[str, Path]], rule: str) -> str:
    """The set whose ledger.toml speaks of a rule."""
    named = (
        origin for origin, folder in origins if (path := folder / _LEDGER).is_file() and rule in path.read_text("utf-8")
    )
    return next(named, origins[-1][0])


def _read_assertions(origin: str, folder: Path) -> dict[str, _Found]:
    found: dict[str, _Found] = {}
    for path in sorted((folder / "rules").glob("*.sch")):
        for assertion in read_rule_file(path).assertions:
            one = found.setdefault(assertion.rule, _Found(origin, path.relative_to(folder).as_posix()))
            one.places |= dict.fromkeys(_places(assertion))
            one.lists |= dict.fromkeys(_LISTED.findall(assertion.test))
            one.tests[assertion.test] = None
    return found


def _places(assertion: Assertion) -> Iterator[str]:
    """The paths of what an assertion is said of; its context where its subject is more than a path."""
    context = [_bare(step) for step in split_path(assertion.context)]
    for subject in split_union(assertion.subject):
        steps = [_bare(step) for step in subject.split("/")] if subject not in {"", "."} else []
        yield "/".join(_climb([*context, *steps] if all(map(_is_step, steps)) else context))


def _bare(step: str) -> str:
    return _PREFIX.sub("", without_predicates(step).replace("]", "").strip())


def _is_step(step: str) -> bool:
    return step == ".." or _STEP.fullmatch(step) is not None


def _climb(steps: list[str]) -> list[str]:
    kept: list[str] = []
    for step in steps:
        if step == "..":
            kept.pop()
        elif step != ".":
            kept.append(step)
    return kept
