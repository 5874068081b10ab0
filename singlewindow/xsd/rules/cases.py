"""The test cases that rules ship with: a sample, a few edits, and whether the rule fires."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lxml import etree

from singlewindow.errors import ConfigurationError
from singlewindow.xsd.parser import Element, parse
from singlewindow.xsd.paths import qualify
from singlewindow.xsd.rules.book import RuleBook

CASES = "rules/cases.toml"
_STEP = re.compile(r"([^\[\]]+)(\[\d+\])?")


@dataclass(frozen=True, slots=True)
class Case:
    """One case. `sample` is a file of the set's folder; paths start below its root, `@name` is an attribute."""

    rule: str
    fires: bool
    sample: str
    set: dict[str, str] = field(default_factory=dict)
    remove: tuple[str, ...] = ()
    repeat: dict[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        edits = [*(f"{path}={value}" for path, value in self.set.items()), *(f"-{path}" for path in self.remove)]
        edits += [f"{path}×{count}" for path, count in self.repeat.items()]
        verdict = "fires" if self.fires else "is silent"
        return f"{self.rule} {verdict}: {Path(self.sample).stem} {', '.join(edits)}".strip()


def read_cases(folder: Path) -> list[Case]:
    """The cases of a set's folder. Raises ConfigurationError."""
    path = folder / CASES
    if not path.is_file():
        return []
    try:
        return [_read(entry) for entry in tomllib.loads(path.read_text("utf-8"))["case"]]
    except (ValueError, TypeError, KeyError) as error:
        raise ConfigurationError(f"{path}: {error}") from error


def _read(entry: dict[str, Any]) -> Case:
    return Case(**{**entry, "remove": tuple(entry.get("remove", ()))})


def case_document(folder: Path, namespace: str, case: Case) -> Element:
    """The sample of a case with its edits. Raises ConfigurationError for a case that does not fit."""
    try:
        root = parse((folder / case.sample).read_bytes())
    except OSError as error:
        raise ConfigurationError(f"{case}: {error}") from error
    for path, count in case.repeat.items():
        _repeat(_find(root, path, namespace, case), count)
    for path, value in case.set.items():
        _set(root, path, value, namespace, case)
    for path in case.remove:
        found = _find(root, path, namespace, case)
        found.getparent().remove(found)
    return root


def run_case(book: RuleBook, folder: Path, namespace: str, case: Case) -> bool:
    """True when the rule fires where its case says so, and only then. Raises ConfigurationError."""
    root = case_document(folder, namespace, case)
    fired = any(finding.rule == case.rule for finding in book.check(root))
    return fired is case.fires


def uncovered(book: RuleBook, cases: Sequence[Case]) -> list[str]:
    """The rules that lack a case that fires or one that is silent; those of the ledger have theirs elsewhere."""
    wanted = {(rule.id, fires) for rule in book.rules if not rule.ledger for fires in (True, False)}
    return sorted({name for name, _ in wanted - {(case.rule, case.fires) for case in cases}})


def _steps(path: str, namespace: str) -> str:
    steps = []
    for step in path.split("/"):
        matched = _STEP.fullmatch(step)
        name, place = (matched[1], matched[2] or "") if matched else (step, "")
        steps.append(qualify(name, namespace) + place)
    return "/".join(steps)


def _find(root: Element, path: str, namespace: str, case: Case) -> Any:
    try:
        found = root.find(_steps(path, namespace))
    except SyntaxError as error:
        raise ConfigurationError(f"{case}: {path}: {error}") from error
    if found is None:
        raise ConfigurationError(f"{case}: the sample has no {path}")
    return found


def _set(root: Element, path: str, value: str, namespace: str, case: Case) -> None:
    """An element that is not there is added at the end of its parent: rules look at no order."""
    above, _, name = path.rpartition("/")
    parent = _find(root, above, namespace, case) if above else root
    if name.startswith("@"):
        parent.set(name[1:], value)
        return
    found = parent.find(_steps(name, namespace))
    if found is None:
        found = etree.SubElement(parent, qualify(name, namespace))
    found.text = value


def _repeat(element: Element, count: int) -> None:
    parent: Any = element.getparent()
    place = parent.index(element) + 1
    present = len([child for child in parent if child.tag == element.tag])
    for _ in range(count - present):
        parent.insert(place, deepcopy(element))
