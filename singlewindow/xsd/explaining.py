"""Explaining by xmlschema what libxml2 refused, within a budget of time and of findings."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import xmlschema

from singlewindow.messages.judgement import MAX_ERRORS
from singlewindow.xsd.findings import Finding
from singlewindow.xsd.parser import Element
from singlewindow.xsd.translating import translate

BUDGET_SECONDS = 2.0
"""CPU time that explaining one message may take; past it libxml2's own errors are given."""


@dataclass(slots=True)
class Budget:
    """What is left for one message. Time is that of the process, so that a busy machine takes nothing away."""

    seconds: float = BUDGET_SECONDS
    findings: int = MAX_ERRORS
    started: float = field(default_factory=time.process_time)

    @property
    def spent(self) -> bool:
        """True once either is used up."""
        return self.findings <= 0 or time.process_time() - self.started >= self.seconds

    def count(self, findings: Iterable[Finding]) -> Iterator[Finding]:
        """Hand findings on, one at a time, until the budget is spent."""
        for finding in findings:
            self.findings -= 1
            yield finding
            if self.spent:
                return


def build_schema(path: Path) -> xmlschema.XMLSchema:
    """The schema as xmlschema reads it: from its own folder only. Takes tenths of a second.

    XSD 1.1 where a schema asks for it: by 1.0 rules such a schema would load nothing and refuse everything.
    """
    wants_1_1 = b'vc:minVersion="1.1"' in path.read_bytes()
    cls = xmlschema.XMLSchema11 if wants_1_1 else xmlschema.XMLSchema
    return cls(str(path.resolve()), allow="sandbox", defuse="always")


def explain(schema: xmlschema.XMLSchema, document: Element, budget: Budget) -> list[Finding]:
    """Every mistake of a document, in document order of its elements where xmlschema keeps it, each once."""
    if budget.spent:
        return []
    # the tree was parsed by our own door; nothing it names may be fetched
    resource = xmlschema.XMLResource(document, allow="none")
    found = (finding for error in schema.iter_errors(resource) for finding in translate(error, schema))
    return list(budget.count(_each_once(found)))


def _each_once(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Without repetitions: xmlschema tells of some values several times."""
    seen: set[tuple[Element, str, str | None, str | None]] = set()
    for finding in findings:
        mark = (finding.element, finding.code, finding.attribute, finding.missing)
        if mark not in seen:
            seen.add(mark)
            yield finding
