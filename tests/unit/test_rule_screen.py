"""The screen spares libxml2 most questions and must never hide an answer: both ways of asking find the same."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import pytest
from lxml import etree

from singlewindow.xsd.catalogue import BUILT_IN, InstalledSet, load_catalogue
from singlewindow.xsd.findings import Finding
from singlewindow.xsd.outline import outline
from singlewindow.xsd.parser import Element, parse
from singlewindow.xsd.paths import clark
from singlewindow.xsd.rules.cases import case_document, read_cases
from tests.unit.inventories import message_of_inventories

CATALOGUE = load_catalogue()
SETS = ["ceb-2018", "ceb-2022", "export-1"]
SAMPLES = [path for name in SETS for path in sorted((BUILT_IN / name / "samples" / "valid").glob("*.xml"))]
VALUES = [
    "", "0", "-1", "1", "2", "1e3", "0.5", "99999999.99", "A", "E", "abc", "007", "142", "20260230", "20260101120000",
    " 1", "1 ", "A  B", "１", "无", "9710", "B12345678901234567", "91110108551385082Q", "\u3000", "1.", "+3",
]  # fmt: skip
EDITS_A_SAMPLE = 160


def installed_of(path: Path) -> InstalledSet:
    return CATALOGUE.sets[path.relative_to(BUILT_IN).parts[0]]


def units_of(installed: InstalledSet, root: Element) -> list[Element]:
    known = installed.root(etree.QName(root).localname)
    if known is None:
        return []
    namespace = installed.message_set.element_namespace
    return [root] if known.unit == "." else root.findall(clark(known.unit, namespace))


def told(root: Element, findings: list[Finding]) -> list[tuple[str, str]]:
    tree = root.getroottree()
    return sorted((str(finding.rule), tree.getpath(finding.element)) for finding in findings)


def screened(installed: InstalledSet, root: Element) -> list[tuple[str, str]]:
    screening = installed.screening(etree.QName(root).localname)
    for unit in units_of(installed, root):
        screening.look(outline(unit)[0])
    return told(root, screening.ask(root))


def assert_same(installed: InstalledSet, root: Element) -> list[tuple[str, str]]:
    found = told(root, installed.rules.check(root))
    assert screened(installed, root) == found, etree.tostring(root, encoding="unicode")
    return found


@pytest.mark.parametrize("name", SETS)
def test_the_screen_finds_what_xpath_finds_in_every_shipped_case(name: str) -> None:
    installed = CATALOGUE.sets[name]
    folder, namespace = installed.message_set.folder, installed.message_set.namespace
    fired = [assert_same(installed, case_document(folder, namespace, case)) for case in read_cases(folder)]
    assert any(fired)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: f"{path.parts[-4]}-{path.stem}")
def test_the_screen_suspects_nothing_in_a_sample_that_breaks_nothing(path: Path) -> None:
    installed, root = installed_of(path), parse(path.read_bytes())
    if installed.rules.check(root):
        pytest.skip("this sample shows a warning")
    screening = installed.screening(etree.QName(root).localname)
    for unit in units_of(installed, root):
        screening.look(outline(unit)[0])
    assert not screening._suspected


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: f"{path.parts[-4]}-{path.stem}")
def test_the_screen_finds_what_xpath_finds_in_samples_with_random_edits(path: Path) -> None:
    installed, sample = installed_of(path), parse(path.read_bytes())
    chance = random.Random(path.name)
    for _ in range(EDITS_A_SAMPLE):
        root = deepcopy(sample)
        for _ in range(chance.choice((1, 1, 2, 5))):
            edit(root, chance)
        assert_same(installed, root)


def edit(root: Element, chance: random.Random) -> None:
    """Change a text, mostly; else remove, repeat, empty, nest or attribute an element, or move a text elsewhere."""
    elements = list(root.iter())[1:] or [root]
    one = chance.choice(elements)
    leaves = [element for element in elements if not len(element)]
    leaf = chance.choice(leaves)
    kind = chance.random()
    if kind < 0.7:
        leaf.text = chance.choice(VALUES) if chance.random() < 0.8 else chance.choice(leaves).text
    elif (parent := one.getparent()) is None:
        return
    elif kind < 0.8:
        parent.remove(one)
    elif kind < 0.88:
        one.addnext(deepcopy(one))
    elif kind < 0.91:
        del one[:]
    elif kind < 0.94:
        etree.SubElement(leaf, leaf.tag).text = chance.choice(VALUES)
    elif kind < 0.97:
        leaf.set("note", "x")
    else:
        leaf.addnext(deepcopy(chance.choice(leaves)))


def test_white_space_around_a_value_does_not_hide_from_the_screen() -> None:
    installed = CATALOGUE.sets["ceb-2018"]
    root = message_of_inventories(3)
    padded = root.findall(".//{*}copNo")[1]
    padded.text = f"{padded.text} "
    assert "CEB-R13" in {rule for rule, _ in assert_same(installed, root)}


def test_a_warning_in_one_of_many_declarations_is_told_of_that_one() -> None:
    installed = CATALOGUE.sets["ceb-2018"]
    root = message_of_inventories(5)
    root.findall(".//{*}netWeight")[3].text = "99999"
    [(rule, path)] = screened(installed, root)
    assert (rule, root.getroottree().xpath(path)) == ("CEB-R12", [root.findall(".//{*}netWeight")[3]])


def test_the_rules_of_a_hundred_inventories_cost_at_most_twice_their_schema() -> None:
    """Median of interleaved rounds; a busy machine gets five tries."""
    installed, root = CATALOGUE.sets["ceb-2018"], message_of_inventories(100)
    schema, outlines = installed.schema_for("CEB603Message"), [outline(unit)[0] for unit in units_of(installed, root)]
    assert schema.validate(root)

    def rules() -> None:
        screening = installed.screening("CEB603Message")
        for branch in outlines:
            screening.look(branch)
        assert not screening.ask(root)

    ratios = [compare(rules, lambda: schema.validate(root))]
    while ratios[-1] > 2 and len(ratios) < 5:
        ratios.append(compare(rules, lambda: schema.validate(root)))
    assert ratios[-1] <= 2, ratios


def compare(work: Callable[[], object], floor: Callable[[], object]) -> float:
    """The median time of the one over the other's."""
    times: list[tuple[float, float]] = []
    for _ in range(15):
        started = time.perf_counter()
        work()
        between = time.perf_counter()
        floor()
        times.append((between - started, time.perf_counter() - between))
    return statistics.median(one for one, _ in times) / statistics.median(other for _, other in times)
