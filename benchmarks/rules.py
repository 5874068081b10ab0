"""What do a set's rules cost beside its XSD, on a hundred declarations where nothing is wrong and where warnings fire?

Measured as judging pays for it: every round has messages it has not seen, parsed anew, and `rules` is what reading the
declarations takes longer when each is screened and the message then asked. Outlines that are kept and asked again
tell something else: less time where nothing comes between, as all caches are warm, and more where something does.
`XPath alone` leaves the screen out and puts every rule to libxml2. A root that holds one declaration comes a hundred
times.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lxml import etree

from benchmarks.results import Form, Result
from singlewindow.messages.manifest import Numbering, Root
from singlewindow.xsd.catalogue import InstalledSet, load_catalogue
from singlewindow.xsd.findings import Finding
from singlewindow.xsd.parser import Element, parse
from singlewindow.xsd.paths import clark
from singlewindow.xsd.rules.cases import case_document, read_cases

DECLARATIONS = 100
ROUNDS = {"quick": 4, "full": 15, "long": 15}


@dataclass(frozen=True, slots=True)
class Sample:
    """A document to be measured with: its set and root, and what it is made of."""

    installed: InstalledSet
    described: Root
    document: Element
    warns: bool

    @property
    def namespace(self) -> str:
        """The namespace of its elements below the root."""
        return self.installed.message_set.element_namespace

    def units(self, root: Element) -> list[Element]:
        """The declarations of a message."""
        return [root] if self.described.unit == "." else root.findall(clark(self.described.unit, self.namespace))

    def renew(self, number: int) -> list[bytes]:
        """A hundred declarations with numbers never used before: in one message, or each a message of its own."""
        if self.described.unit == ".":
            serials = range(number * DECLARATIONS, (number + 1) * DECLARATIONS)
            return [etree.tostring(self._renumbered(deepcopy(self.document), serial)) for serial in serials]
        root = deepcopy(self.document)
        first, *others = self.units(root)
        for other in others:
            root.remove(other)
        for ordinal in range(1, DECLARATIONS):
            first.addnext(self._renumbered(deepcopy(first), number * DECLARATIONS + ordinal))
        if self.described.numbering is not None:
            self._count(root, self.described.numbering)
        return [etree.tostring(root)]

    def _renumbered(self, unit: Element, serial: int) -> Element:
        keys, companies = self.described.key, self.described.company_keys
        own = {"guid", *(path.rpartition("/")[2] for name, path in keys.items() if name not in companies)}
        for element in unit.iter():
            if etree.QName(element).localname in own and len(element.text or "") > 8:
                element.text = f"{(element.text or '')[:-6]}{serial:06d}"
        return unit

    def _count(self, root: Element, numbering: Numbering) -> None:
        """Parts of one message, numbered from 1 on."""
        for ordinal, unit in enumerate(units := self.units(root), 1):
            for path, value in ((numbering.count, len(units)), (numbering.sequence, ordinal)):
                found = unit.find(clark(path, self.namespace))
                if found is not None:
                    found.text = str(value)


def run(form: Form) -> Result:
    """Median microseconds for a hundred declarations, in interleaved rounds."""
    return Result([measure(sample, rounds=ROUNDS[form]) for sample in samples()])


def samples() -> Iterator[Sample]:
    """Of each root with rules its first valid sample, as it is and where a case makes a rule warn of it."""
    for _, installed in sorted(load_catalogue().sets.items()):
        folder, seen = installed.message_set.folder, set[str]()
        for path in sorted(folder.glob("samples/valid/*.xml")) if installed.rules.rules else ():
            document = parse(path.read_bytes())
            described = installed.message_set.roots[etree.QName(document).localname]
            if described.name not in seen:
                seen.add(described.name)
                yield Sample(installed, described, document, warns=False)
                if (warned := _warned(installed, path.relative_to(folder))) is not None:
                    yield Sample(installed, described, warned, warns=True)


def _warned(installed: InstalledSet, sample: Path) -> Element | None:
    """A sample with the edits of the first case after which its schema takes it and a rule warns.

    Cases of copied declarations are passed over: here each gets numbers of its own.
    """
    folder, namespace = installed.message_set.folder, installed.message_set.element_namespace
    cases = (case for case in read_cases(folder) if case.fires and Path(case.sample) == sample and not case.repeat)
    for case in cases:
        rule = installed.rules.find(case.rule)
        if rule is not None and rule.severity == "warning":
            root = case_document(folder, namespace, case)
            if installed.schema_for(etree.QName(root).localname).validate(root):
                return root
    return None


def measure(sample: Sample, *, rounds: int) -> dict[str, Any]:
    """One row: what each step takes, what the rules found, and what they cost over the schema."""
    times: dict[str, list[float]] = {}
    found = 0
    for number in range(rounds):
        found = _run_round(sample, number, times)
    taken = {name: statistics.median(each) for name, each in times.items()}
    pairs = zip(times["read and rules"], times["read"], strict=True)
    rules = statistics.median(judged - read for judged, read in pairs)
    return {
        "set": sample.installed.message_set.name,
        "root": sample.described.name,
        "sample": "warns" if sample.warns else "clean",
        "found": found,
        "parse µs": taken["parse"],
        "XSD µs": taken["XSD"],
        "read µs": taken["read"],
        "rules µs": rules,
        "rules / XSD": rules / taken["XSD"],
        "XPath alone / XSD": taken["XPath alone"] / taken["XSD"],
    }


def _run_round(sample: Sample, number: int, times: dict[str, list[float]]) -> int:
    """Every step once, on messages of this round; which of the two readings comes first changes with the round."""
    installed, name = sample.installed, sample.described.name
    schema, check = installed.schema_for(name), installed.rules.check
    bodies = sample.renew(2 * number)
    roots = _time("parse", times, lambda: [parse(body) for body in bodies])
    others = [parse(body) for body in sample.renew(2 * number + 1)]
    if not all(_time("XSD", times, lambda: [schema.validate(root) for root in roots])):
        raise ValueError(f"a message of {name} made for measuring is not valid")
    readings = [
        ("read", lambda: [_read(sample, root) for root in others]),
        ("read and rules", lambda: [_judge(sample, root) for root in roots]),
    ]
    for step, read in readings if number % 2 else reversed(readings):
        _time(step, times, read)
    return sum(map(len, _time("XPath alone", times, lambda: [check(root) for root in others])))


def _read(sample: Sample, root: Element) -> list[Finding]:
    reader = sample.installed.reader(sample.described.name)
    for ordinal, unit in enumerate(sample.units(root), 1):
        reader.read(unit, ordinal)
    return []


def _judge(sample: Sample, root: Element) -> list[Finding]:
    name = sample.described.name
    reader, screening = sample.installed.reader(name), sample.installed.screening(name)
    for ordinal, unit in enumerate(sample.units(root), 1):
        reader.read(unit, ordinal, screening.look)
    return screening.ask(root)


def _time(name: str, times: dict[str, list[float]], step: Callable[[], list[Any]]) -> list[Any]:
    started = time.perf_counter()
    answer = step()
    times.setdefault(name, []).append((time.perf_counter() - started) * 1e6)
    return answer
