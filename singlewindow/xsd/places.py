"""Where a finding is: pointer, and line and column in the bytes as received."""

from __future__ import annotations

import codecs
import re
from bisect import bisect_right
from collections import Counter
from typing import Any

from singlewindow.messages.judgement import Problem
from singlewindow.xsd.findings import MEANT, Finding, local
from singlewindow.xsd.parser import Element

SHOWN_VALUE = 80
"""Characters of a trader's own value that an error repeats."""

MASK = "***"

_START_TAG = re.compile(rb"<(?:[^/!?]|!--.*?-->|!\[CDATA\[.*?\]\]>|\?.*?\?>)", re.DOTALL)
"""A start tag's beginning, or the whole of what may hold something that looks like one."""

_NO_START_TAG = b"!?"
_LINE_END = re.compile(rb"\r\n?|\n")
_MARKS_OF_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Places:
    """Turns findings about one message into problems with their places; a personal value is masked."""

    def __init__(self, root: Element, body: bytes, *, repeatable: frozenset[str], personal: frozenset[str]) -> None:
        self._tags = StartTags(body)
        self._offsets: dict[Element, int] = dict(zip(root.iter(), self._tags.offsets, strict=False))
        self._repeatable, self._personal = repeatable, personal
        self._ordinals: dict[Element, dict[Element, tuple[int, bool]]] = {}

    def place(self, finding: Finding, ordinal: int | None) -> Problem:
        """The problem of a finding at an element of this message."""
        element = finding.element
        offset = self._offsets.get(element)
        line, column = (None, None) if offset is None else self._tags.place(offset)
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


class StartTags:
    """Where the start tags of a body are, which is well-formed and has no DTD.

    Offsets are found for all of them, in one pass; line and column only for those that are asked for.
    """

    def __init__(self, body: bytes) -> None:
        self._body = body.decode("utf-16").encode() if body.startswith(_MARKS_OF_UTF16) else body
        self._line_ends: list[int] | None = None
        found = ((one.start(), one.group()) for one in _START_TAG.finditer(self._body))
        self.offsets = [offset for offset, text in found if text[1] not in _NO_START_TAG]

    def place(self, offset: int) -> tuple[int, int]:
        """Line and column, 1-based, in characters. A byte order mark is no character: no editor shows one."""
        if self._line_ends is None:
            self._line_ends = [end.end() for end in _LINE_END.finditer(self._body)]
        line = bisect_right(self._line_ends, offset)
        begin = self._line_ends[line - 1] if line else 0
        return line + 1, len(self._body[begin:offset].decode().removeprefix("\ufeff")) + 1
