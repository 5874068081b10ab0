"""Verdicts as JUnit XML, in the form that continuous integration servers read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from lxml import etree


@dataclass(frozen=True, slots=True)
class JUnitCase:
    """One test case; `output` is its evidence. All texts must be writable in XML."""

    name: str
    verdict: Literal["passed", "failed", "skipped"]
    message: str
    seconds: float
    output: str


def write_junit(suite: str, started_at: str, cases: Sequence[JUnitCase]) -> bytes:
    """One test suite; `started_at` in ISO 8601."""
    root = etree.Element("testsuites")
    element = etree.SubElement(
        root,
        "testsuite",
        name=suite,
        timestamp=started_at,
        tests=str(len(cases)),
        failures=str(sum(case.verdict == "failed" for case in cases)),
        skipped=str(sum(case.verdict == "skipped" for case in cases)),
        errors="0",
        time=f"{sum(case.seconds for case in cases):.3f}",
    )
    for case in cases:
        _add_case(element, suite, case)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True, pretty_print=True)


def _add_case(parent: etree._Element, suite: str, case: JUnitCase) -> None:
    element = etree.SubElement(parent, "testcase", classname=suite, name=case.name, time=f"{case.seconds:.3f}")
    if case.verdict == "failed":
        etree.SubElement(element, "failure", message=case.message, type="RequirementBroken")
    elif case.verdict == "skipped":
        etree.SubElement(element, "skipped", message=case.message)
    if case.output:
        etree.SubElement(element, "system-out").text = case.output
