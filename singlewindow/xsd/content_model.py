"""Every fault of an element's content at once: where the model breaks, mend it in thought and read on.

libxml2 and xmlschema stop looking at the order of an element's children where it first breaks. Here a misspelt child
is taken for the one it resembles, a missing one is put in and a surplus one taken out, and the rest is matched again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from xmlschema.validators import XsdElement, XsdGroup

from singlewindow.xsd.findings import (
    Finding,
    local,
    misplaced_element,
    missing_element,
    nearest,
    too_many,
    unexpected_element,
)
from singlewindow.xsd.parser import Element

MAX_FAULTS = 50
"""Faults looked for in one element's content."""


@dataclass(frozen=True, slots=True)
class _Break:
    """Where the model breaks: the index of the child it cannot place, and the names it expected instead."""

    index: int
    expected: list[str]


class _Content:
    """The children of an element as they would be once the faults found so far were mended."""

    def __init__(self, parent: Element, group: XsdGroup) -> None:
        self.parent, self._group = parent, group
        self._children: list[tuple[str, Element | None]] = [(str(child.tag), child) for child in parent]
        self._names = {str(one.name): one for one in group.iter_elements() if isinstance(one, XsdElement)}

    def diagnose(self) -> Iterator[Finding]:
        """The faults, each mended before the next is looked for."""
        for _ in range(MAX_FAULTS):
            broken = _match(self._group, [tag for tag, _ in self._children])
            if broken is None:
                return
            finding = self._mend(broken)
            if finding is not None:
                yield finding

    def _mend(self, broken: _Break) -> Finding | None:
        if broken.index >= len(self._children):
            return self._append(broken)
        tag, child = self._children[broken.index]
        if child is None:  # put in before, and still not what the model wants: nothing sensible is left to say
            del self._children[broken.index]
            return None
        if tag not in self._names:
            return self._respell(broken, child)
        if broken.expected and not self._is_used_up(tag, broken.index):
            return self._fill(broken, child)
        return self._remove(broken, child)

    def _append(self, broken: _Break) -> Finding | None:
        if not broken.expected:
            return None
        self._children.append((broken.expected[0], None))
        return missing_element(self.parent, self.parent, _locals(broken.expected))

    def _respell(self, broken: _Break, child: Element) -> Finding:
        present = {tag for tag, _ in self._children}
        absent = {local(tag): tag for tag in self._names if tag not in present or self._may_repeat(tag)}
        near = nearest(local(child.tag), absent)
        if near is not None and self._fits(broken, absent[near]):
            self._children[broken.index] = (absent[near], child)
        else:
            del self._children[broken.index]
        return unexpected_element(child, _locals(broken.expected), absent)

    def _fits(self, broken: _Break, name: str) -> bool:
        """True when the model would read on past the child if it had this name, itself or after what is missing."""
        tags = [tag for tag, _ in self._children]
        before, after = tags[: broken.index], tags[broken.index + 1 :]
        for missing in ([], broken.expected[:1]):
            reached = _match(self._group, [*before, *missing, name, *after])
            if reached is None or reached.index > broken.index + len(missing):
                return True
        return False

    def _fill(self, broken: _Break, child: Element) -> Finding:
        """Something else must come first: it stands further on, or is missing."""
        wanted = broken.expected[0]
        later = next((n for n, (tag, _) in enumerate(self._children) if n > broken.index and tag == wanted), None)
        if later is None:
            self._children.insert(broken.index, (wanted, None))
            return missing_element(child, self.parent, _locals(broken.expected))
        self._children.insert(broken.index, self._children.pop(later))
        return misplaced_element(child, local(wanted))

    def _remove(self, broken: _Break, child: Element) -> Finding:
        """Nothing more of this name may come: it and those right behind it are taken out."""
        tag, before = str(child.tag), [name for name, _ in self._children[: broken.index]]
        end = broken.index
        while end < len(self._children) and self._children[end][0] == tag:
            end += 1
        del self._children[broken.index : end]
        if tag in before:
            return too_many(child, self._names[tag].max_occurs or len(before))
        return unexpected_element(child, [], ())

    def _is_used_up(self, tag: str, index: int) -> bool:
        most = self._names[tag].max_occurs
        return most is not None and sum(name == tag for name, _ in self._children[:index]) >= most

    def _may_repeat(self, tag: str) -> bool:
        return self._names[tag].max_occurs != 1


def content_faults(parent: Element, group: XsdGroup) -> list[Finding]:
    """What is wrong with the children of an element, by its content model; values are not looked at."""
    findings: list[Finding] = []
    for finding in _Content(parent, group).diagnose():
        if not any(_is_same(finding, earlier) for earlier in findings):
            findings.append(finding)
    return findings


def _is_same(one: Finding, other: Finding) -> bool:
    return one.element is other.element and one.code == other.code and one.missing == other.missing


def _match(group: XsdGroup, tags: list[str]) -> _Break | None:
    model = group.get_model_visitor()
    for index, tag in enumerate(tags):
        while model.element is not None:
            if model.match_element(tag) is not None:
                if broken := _first(index, model.advance(match=True)):
                    return broken
                break
            if broken := _first(index, model.advance(match=False)):
                return broken
        else:
            return _Break(index, [])
    return _first(len(tags), model.stop()) if model.element is not None else None


def _first(index: int, breaks: Iterable[Any]) -> _Break | None:
    broken = next(iter(breaks), None)
    if broken is None:
        return None
    expected = broken[2] or ()
    return _Break(index, [str(one.name) for one in expected if isinstance(one, XsdElement)])


def _locals(names: list[str]) -> list[str]:
    return [local(name) for name in names]
