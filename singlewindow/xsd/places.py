"""Where a finding is: pointer, and line and column in the bytes as received."""

from __future__ import annotations

import codecs
from collections import Counter
from contextlib import suppress
from typing import Any
from xml.parsers import expat

from singlewindow.messages.judgement import Problem
from singlewindow.xsd.findings import MEANT, Finding, local
from singlewindow.xsd.parser import Element

SHOWN_VALUE = 80
"""Characters of a trader's own value that an error repeats."""

MASK = "***"


class Places:
    """Turns findings about one message into problems with their places; a personal value is masked."""

    def __init__(self, root: Element, body: bytes, *, repeatable: frozenset[str], personal: frozenset[str]) -> None:
        self._positions: dict[Element, tuple[int | None, int | None]] = dict(
            zip(root.iter(), locate_elements(body), strict=False)
        )
        self._repeatable, self._personal = repeatable, personal
        self._ordinals: dict[Element, dict[Element, tuple[int, bool]]] = {}

    def place(self, finding: Finding, ordinal: int | None) -> Problem:
        """The problem of a finding at an element of this message."""
        element = finding.element
        line, column = self._positions.get(element, (None, None))
        name = finding.missing or finding.attribute or local(element.tag)
        tells = name in self._personal and (finding.hint or "").startswith(MEANT)
        return Problem(
            finding.code,
            finding.message,
            finding.severity,
            finding.rule,
            message_zh=finding.message_zh,
            pointer=self.point(finding),
            line=line,
            column=column,
            ordinal=ordinal,
            element=name.removeprefix("@"),
            value=self._show(finding.value, name),
            allowed=finding.allowed,
            hint=None if tells else finding.hint,
            hint_zh=None if tells else finding.hint_zh,
        )

    def point(self, finding: Finding) -> str:
        """The XPath by local names; a missing element's pointer says where it belongs."""
        element: Element | None = finding.element
        below = f"@{finding.attribute}" if finding.attribute else finding.missing
        if finding.missing and not finding.missing.startswith("@") and "at the end" not in finding.message:
            element = finding.element.getparent()
        steps = [below] if below else []
        while element is not None:
            steps.append(self._step(element))
            element = element.getparent()
        return "/" + "/".join(reversed(steps))

    def _step(self, element: Element) -> str:
        """The name, with an ordinal where an element of this name may repeat or does."""
        parent, name = element.getparent(), local(element.tag)
        if parent is None:
            return name
        if parent not in self._ordinals:
            self._ordinals[parent] = _count_children(parent)
        ordinal, is_alone = self._ordinals[parent][element]
        return name if is_alone and name not in self._repeatable else f"{name}[{ordinal}]"

    def _show(self, value: str | None, name: str) -> str | None:
        if value is None:
            return None
        if name in self._personal:
            return MASK
        return value if len(value) <= SHOWN_VALUE else f"{value[: SHOWN_VALUE - 1]}…"


def _count_children(parent: Element) -> dict[Element, tuple[int, bool]]:
    """For each child, which of its name it is, and whether it is the only one; once for a parent, who may have many."""
    numbers: Counter[Any] = Counter()
    ordinals = {}
    for child in parent:
        numbers[child.tag] += 1
        ordinals[child] = numbers[child.tag]
    return {child: (ordinal, numbers[child.tag] == 1) for child, ordinal in ordinals.items()}


def locate_elements(body: bytes) -> list[tuple[int, int]]:
    """Line and column (1-based, in characters) of every start tag in document order.

    By expat, which may see only bytes that libxml2 found well-formed and free of DTDs, and sees them whole. It counts
    a byte order mark as the first character of the first line; no editor shows one.
    """
    positions: list[tuple[int, int]] = []
    marked = body.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    parser = expat.ParserCreate()

    def note(_name: str, _attributes: object) -> None:
        line, before = parser.CurrentLineNumber, parser.CurrentColumnNumber
        positions.append((line, before if marked and line == 1 else before + 1))

    parser.StartElementHandler = note
    with suppress(expat.ExpatError):
        parser.Parse(body, True)
    return positions
