"""Reading an installed set into its reference: rules, lists and samples; roots are read apart, by schema."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from singlewindow.xsd.catalogue import InstalledSet, load_catalogue, load_set
from singlewindow.xsd.findings import local
from singlewindow.xsd.parser import Refused, parse
from singlewindow.xsd.reference import ListReference, RootReference, SampleReference, SetReference
from singlewindow.xsd.reference_elements import read_roots
from singlewindow.xsd.reference_rules import RulesByPlace, read_rules, rules_by_list
from singlewindow.xsd.set_checking import expected_verdicts


def open_set(name: str) -> InstalledSet:
    """A built-in set by its name, or the set of a folder beside them. Raises ConfigurationError."""
    catalogue = load_catalogue()
    return catalogue.sets.get(name) or load_set(Path(name), catalogue.sets)


def read_set(installed: InstalledSet) -> SetReference:
    """The reference of a set without its elements. Raises ConfigurationError for rules or lists that do not load."""
    rules = read_rules(installed)
    asked = rules_by_list(rules)
    lists = (ListReference(one, asked.get(name, ())) for name, one in sorted(installed.rules.lists.items()))
    return SetReference(installed.message_set, rules, tuple(lists), tuple(_read_samples(installed.message_set.folder)))


def read_all_roots(installed: InstalledSet, reference: SetReference) -> list[RootReference]:
    """Every root with its elements, in the manifest's order; takes up to seconds a schema."""
    roots, rules = installed.message_set.roots, RulesByPlace(reference.rules)
    paths = {name: installed.schema_path(name) for name in roots}
    read = {
        path: read_roots(path, [roots[name] for name, at in paths.items() if at == path], rules)
        for path in dict.fromkeys(paths.values())
    }
    return [read[paths[name]][name] for name in roots if name in read[paths[name]]]


def _read_samples(folder: Path) -> Iterator[SampleReference]:
    """The samples that say what they should be, then those that come with answers and rules."""
    told = set()
    for path, valid in expected_verdicts(folder):
        told.add(path)
        yield _read_sample(folder, path, "valid" if valid else "invalid")
    for path in sorted([*folder.glob("samples/**/*.xml"), *folder.glob("rules/samples/*.xml")]):
        if path not in told:
            yield _read_sample(folder, path, None)


def _read_sample(folder: Path, path: Path, verdict: str | None) -> SampleReference:
    """An invalid sample may be no XML at all; then it has no root."""
    try:
        root = local(parse(path.read_bytes()).tag)
    except (OSError, Refused):
        root = ""
    return SampleReference(path.relative_to(folder).as_posix(), root, verdict)
