"""Explaining by xmlschema what libxml2 refused, within a budget of time and of findings."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import xmlschema

from singlewindow.messages.judgement import MAX_ERRORS
from singlewindow.xsd.findings import Finding
from singlewindow.xsd.parser import Element
from singlewindow.xsd.schema_version import wants_xsd_1_1
from singlewindow.xsd.translating import translate

Schema = xmlschema.XMLSchema10 | xmlschema.XMLSchema11

BUDGET_SECONDS = 2.0
"""CPU time that explaining one message may take; past it libxml2's own errors are given."""

MAX_ELEMENTS = 50_000
"""Elements of a document that are read within the budget, at about 30 µs each."""


class Explainer:
    """Explains the documents of one message by one schema, until its CPU time or its number of findings is spent.

    Time is that of the process, so that a busy machine takes nothing away.
    """

    def __init__(self, schema: Schema, *, seconds: float = BUDGET_SECONDS, findings: int = MAX_ERRORS) -> None:
        self._schema, self._left = schema, findings
        self._deadline = time.process_time() + seconds
        self.exhausted = False

    def __call__(self, document: Element) -> list[Finding]:
        """Every mistake of a document, each once. Nothing that it names is fetched."""
        found: list[Finding] = []
        if not self.exhausted and not _is_large(document):
            resource = xmlschema.XMLResource(document, allow="none")
            for finding in _each_once(self._translate_all(resource)):
                found.append(finding)
                if self._is_spent(len(found)):
                    break
            self._left -= len(found)
        return found

    def _translate_all(self, resource: xmlschema.XMLResource) -> Iterator[Finding]:
        for error in self._schema.iter_errors(resource):
            yield from translate(error, self._schema)

    def _is_spent(self, found: int) -> bool:
        self.exhausted = found >= self._left or time.process_time() >= self._deadline
        return self.exhausted


def _is_large(document: Element) -> bool:
    """True for a document that would not be finished: xmlschema reads the whole before its first word."""
    return any(number > MAX_ELEMENTS for number, _ in enumerate(document.iter()))


class Unexplained:
    """Explains nothing, so that libxml2's errors stand."""

    exhausted = True

    def __call__(self, _: Element) -> list[Finding]:
        """No mistakes."""
        return []


def build_schema(path: Path) -> Schema:
    """The schema as xmlschema reads it: from its own folder only. Takes tenths of a second.

    XSD 1.1 where a schema asks for it: by 1.0 rules such a schema would load nothing and refuse everything.
    """
    cls = xmlschema.XMLSchema11 if wants_xsd_1_1(path) else xmlschema.XMLSchema
    return cls(str(path.resolve()), allow="sandbox", defuse="always")


def _each_once(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Without repetitions: xmlschema tells of some values several times."""
    seen: set[tuple[Element, str, str | None, str | None]] = set()
    for finding in findings:
        mark = (finding.element, finding.code, finding.attribute, finding.missing)
        if mark not in seen:
            seen.add(mark)
            yield finding
