"""Checking a message set before it is installed: does it load, and do its samples and rules behave as they say?

What a sample should be is read from `index.tsv` in the set's folder (columns `file` and one whose name ends in
`verdict`, `valid` or `invalid`), else from the name of its folder: `samples/valid`, `samples/invalid`.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from singlewindow.errors import ConfigurationError
from singlewindow.messages.judgement import Judgement, Problem
from singlewindow.xsd.catalogue import BUILT_IN, Catalogue, InstalledSet, load_catalogue, load_set, set_folders
from singlewindow.xsd.judge_child import judge
from singlewindow.xsd.parser import Refused
from singlewindow.xsd.rules.cases import read_cases, run_case, uncovered

INDEX = "index.tsv"


@dataclass(frozen=True, slots=True)
class Checked:
    """One line of the report: what was looked at, whether it is as it should be, and what was found."""

    subject: str
    passed: bool
    detail: str


def check_set(folder: Path) -> Iterator[Checked]:
    """Every verdict on a set, the set itself first; nothing more where it does not load."""
    try:
        catalogue, installed = _load(folder)
    except ConfigurationError as error:
        yield Checked(folder.name, passed=False, detail=error.detail)
        return
    message_set = installed.message_set
    directions = [root.direction for root in message_set.roots.values()]
    counted = (
        f"{len(directions)} roots, {directions.count('request')} of them requests, {len(installed.rules.rules)} rules"
    )
    yield Checked(message_set.name, passed=True, detail=counted)
    for path, expected in expected_verdicts(folder):
        yield _check_sample(catalogue, message_set.name, folder, path, expected=expected)
    yield from check_cases(installed)


def expected_verdicts(folder: Path) -> Iterator[tuple[Path, bool]]:
    """The samples of a set and whether each should be valid."""
    index = folder / INDEX
    if index.is_file():
        with index.open(encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines, delimiter="\t"):
                verdict = next(value for name, value in row.items() if name.endswith("verdict"))
                yield folder / row["file"], verdict == "valid"
        return
    for name, expected in (("valid", True), ("invalid", False)):
        yield from ((path, expected) for path in sorted((folder / "samples" / name).glob("**/*.xml")))


def check_cases(installed: InstalledSet) -> Iterator[Checked]:
    """The verdict on every case that a set's rules ship with, and on rules without cases."""
    folder, namespace = installed.message_set.folder, installed.message_set.element_namespace
    cases = read_cases(folder)
    for case in cases:
        try:
            passed, detail = run_case(installed.rules, folder, namespace, case), ""
        except (ConfigurationError, Refused) as error:
            passed, detail = False, error.detail
        yield Checked(f"case {case}", passed=passed, detail=detail or ("as it says" if passed else "not so"))
    everywhere = [case for one in installed.rule_folders for case in read_cases(one)]
    for rule in uncovered(installed.rules, everywhere):
        yield Checked(
            f"rule {rule}", passed=False, detail="lacks a case in which it fires, or one in which it is silent"
        )


def _load(folder: Path) -> tuple[Catalogue, InstalledSet]:
    """The set beside the built-in ones; where it is one of these, those alone."""
    catalogue = load_catalogue()
    if folder.resolve() in [one.resolve() for one in set_folders(BUILT_IN)]:
        installed = next(one for one in catalogue.sets.values() if one.message_set.folder.resolve() == folder.resolve())
    else:
        installed = load_set(folder, catalogue.sets)
        catalogue.sets = {**catalogue.sets, installed.message_set.name: installed}
    installed.compile()
    return catalogue, installed


def _check_sample(catalogue: Catalogue, name: str, folder: Path, path: Path, *, expected: bool) -> Checked:
    subject = str(path.relative_to(folder))
    try:
        verdict = judge(catalogue, path.read_bytes(), (name,))
    except OSError as error:
        return Checked(subject, passed=False, detail=f"cannot be read: {error.strerror}")
    except Refused as refused:
        return Checked(subject, passed=not expected, detail=f"{refused.code}: {refused.detail}")
    errors = list(_errors(verdict))
    said = "valid" if not errors else f"{len(errors)} error{'s'[: len(errors) > 1]}: {_first(errors)}"
    return Checked(subject, passed=expected is not bool(errors), detail=said)


def _errors(verdict: Judgement) -> Iterator[Problem]:
    problems = [*(problem for unit in verdict.units for problem in unit.problems), *verdict.problems]
    return (problem for problem in problems if problem.severity == "error")


def _first(errors: list[Problem]) -> str:
    first = errors[0]
    return f"line {first.line}, {first.pointer}: {first.message}"
