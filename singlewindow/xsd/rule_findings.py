"""What a message's rules found, sorted by declaration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from singlewindow.messages.judgement import MAX_ERRORS, Problem, Unit
from singlewindow.xsd.findings import Finding
from singlewindow.xsd.parser import Element
from singlewindow.xsd.places import Places


class RuleFindings:
    """Findings by the ordinal of the declaration they are in; under 0 those outside every declaration."""

    def __init__(self, findings: Sequence[Finding], units: Sequence[Element]) -> None:
        self._ordinals = {unit: ordinal for ordinal, unit in enumerate(units, 1)} if findings else {}
        self._found: dict[int, list[Finding]] = {}
        for finding in findings:
            self._found.setdefault(self._ordinal_of(finding.element), []).append(finding)

    def __bool__(self) -> bool:
        return bool(self._found)

    @property
    def refuse(self) -> bool:
        """True when some rule of severity error is broken."""
        return any(finding.severity == "error" for findings in self._found.values() for finding in findings)

    def of(self, ordinal: int) -> list[Finding]:
        """The findings in one declaration; with 0 those outside every declaration."""
        return self._found.get(ordinal, [])

    def warn(
        self, units: tuple[Unit, ...], locate: Callable[[], Places]
    ) -> tuple[tuple[Unit, ...], tuple[Problem, ...]]:
        """The declarations with their warnings, and the warnings outside them: at most 200 in all."""
        places, left = locate(), MAX_ERRORS
        outside = tuple(places.place(finding, None) for finding in self.of(0)[:left])
        left -= len(outside)
        warned = []
        for unit in units:
            found = self.of(unit.ordinal)[:left]
            left -= len(found)
            problems = tuple(places.place(finding, unit.ordinal) for finding in found)
            warned.append(replace(unit, problems=(*unit.problems, *problems)) if problems else unit)
        return tuple(warned), outside

    def _ordinal_of(self, element: Element) -> int:
        current: Element | None = element
        while current is not None:
            if current in self._ordinals:
                return self._ordinals[current]
            current = current.getparent()
        return 0
