"""Every fault of an element's content at once: where the model breaks, mend it in thought and read on.

libxml2 and xmlschema stop looking at the order of an element's children where it first breaks. Here a misspelt child
is taken for the one it resembles, a missing one is put in and a surplus one taken out, and the rest is matched again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
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

MAX_READINGS = 100_000
"""Children read, at 2 µs each, in trying what would mend one element's content; then the plainest mend is taken."""


@dataclass(frozen=True, slots=True)
class _Break:
    """Where the model breaks: the index of the child it cannot place, and the names it expected instead."""

    index: int
    expected: list[str]


@dataclass(frozen=True, slots=True)
class _Move:
    """A child taken from one index and put at another, counted without it."""

    source: int
    target: int


class _Content:
    """The children of an element as they would be once the faults found so far were mended."""

    def __init__(self, parent: Element, group: XsdGroup) -> None:
        self.parent, self._group = parent, group
        self._children: list[tuple[str, Element | None]] = [(str(child.tag), child) for child in parent]
        self._names = {str(one.name): one for one in group.iter_elements() if isinstance(one, XsdElement)}
        self._readings_left = MAX_READINGS

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
        if self._is_used_up(tag, broken.index):
            return self._remove(broken, child)
        move = self._find_move(broken)
        return self._reorder(broken, child, move) if move else self._put_in(broken, child)

    def _append(self, broken: _Break) -> Finding | None:
        if not broken.expected:
            return None
        self._children.append((broken.expected[0], None))
        return missing_element(self.parent, self.parent, _locals(broken.expected))

    def _respell(self, broken: _Break, child: Element) -> Finding:
        present = {tag for tag, _ in self._children}
        absent = {local(tag): tag for tag in self._names if tag not in present or self._may_repeat(tag)}
        resembling = list(_resembling(local(child.tag), absent))
        tried = [(name, missing) for missing in ([], broken.expected[:1]) for name in resembling]
        near = next((name for name, missing in tried if self._fits(broken, [*missing, absent[name]])), None)
        if near is None:
            del self._children[broken.index]
            return unexpected_element(child, _locals(broken.expected), absent)
        self._children[broken.index] = (absent[near], child)
        return unexpected_element(child, _locals(broken.expected), [near])

    def _fits(self, broken: _Break, names: list[str]) -> bool:
        """True when the model reads on as far with these in place of the child, whose name is the last, as without."""
        tags = [tag for tag, _ in self._children]
        before, after = tags[: broken.index], tags[broken.index + 1 :]
        without = self._count_taken([*before, *after]) + 1
        taken = self._count_taken([*before, *names, *after]) - len(names) + 1
        return taken >= max(without, broken.index + 1)

    def _find_move(self, broken: _Break) -> _Move | None:
        """The one move that lets the model read on furthest: of what is expected, of the child, of that before it."""
        index, wanted = broken.index, broken.expected[:1]
        later = [n for n, (tag, _) in enumerate(self._children) if n > index and [tag] == wanted][:1]
        best, furthest = None, index
        for move in (*(_Move(source, index) for source in later), *self._moves_of(index), *self._moves_of(index - 1)):
            taken = self._try(move)
            if taken > furthest:
                best, furthest = move, taken
            if self._readings_left <= 0:
                break
        return best

    def _moves_of(self, source: int) -> Iterator[_Move]:
        """Where else a child might stand: before, between and behind the runs of one name, the nearest first."""
        if source < 0 or self._children[source][1] is None:
            return
        tags = [tag for tag, _ in self._children]
        del tags[source]
        for target in sorted(range(len(tags) + 1), key=lambda place: abs(place - source)):
            is_edge = target in (0, len(tags)) or tags[target] != tags[target - 1]
            if is_edge and target != source:
                yield _Move(source, target)

    def _try(self, move: _Move) -> int:
        """How many children the model would take after a move."""
        tags = [tag for tag, _ in self._children]
        tags.insert(move.target, tags.pop(move.source))
        return self._count_taken(tags)

    def _count_taken(self, tags: list[str]) -> int:
        """How many children of these names the model takes; one more where nothing is missing at their end."""
        broken = _match(self._group, tags)
        self._readings_left -= len(tags) if broken is None else broken.index
        return len(tags) + 1 if broken is None else broken.index

    def _reorder(self, broken: _Break, child: Element, move: _Move) -> Finding:
        moved = self._children.pop(move.source)
        behind = self._children[move.target][0] if move.target < len(self._children) else ""
        self._children.insert(move.target, moved)
        if move.source > broken.index:
            return misplaced_element(child, local(moved[0]))
        if move.target < move.source:
            return _late_element(child, local(behind))
        wrong = moved[1] if moved[1] is not None else child
        return misplaced_element(wrong, local(self._children[move.target - 1][0]))

    def _put_in(self, broken: _Break, child: Element) -> Finding:
        """Something that is nowhere must come first; where nothing must, the child has no place."""
        if not broken.expected:
            return self._remove(broken, child)
        self._children.insert(broken.index, (broken.expected[0], None))
        return missing_element(child, self.parent, _locals(broken.expected))

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


def _late_element(element: Element, behind: str) -> Finding:
    """An element that stands after another which comes behind it."""
    name = local(element.tag)
    return Finding(
        element,
        "xsd.unexpected-element",
        f"{name} is out of order: it comes before {behind}",
        f"元素 {name} 顺序错误,应在 {behind} 之前",
        hint=f"put {name} before {behind}",
        hint_zh=f"请将 {name} 移到 {behind} 之前",
    )


def _resembling(name: str, known: Collection[str]) -> Iterator[str]:
    """The known names spelt like this one, the nearest first; capitals count for nothing."""
    folded = {one.lower(): one for one in known}
    while near := nearest(name.lower(), folded):
        yield folded.pop(near)


def _locals(names: list[str]) -> list[str]:
    return [local(name) for name in names]
