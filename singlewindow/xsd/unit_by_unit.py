"""Judging a refused message declaration by declaration, so that one fault does not hide or refuse the others.

libxml2's verdict on the root, the message's other children and one declaration decides; what it refuses is explained.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from copy import deepcopy
from dataclasses import replace
from functools import cached_property
from typing import Any, Protocol

from lxml import etree

from singlewindow.messages.judgement import MAX_ERRORS, Judgement, Problem, Unit
from singlewindow.xsd.examining import Recognised
from singlewindow.xsd.findings import Finding, unknown_code
from singlewindow.xsd.parser import Element
from singlewindow.xsd.paths import clark
from singlewindow.xsd.places import Places
from singlewindow.xsd.plain_errors import PlainError, read_errors, translate_plain
from singlewindow.xsd.reading import Misused
from singlewindow.xsd.validity import is_valid

MAX_EXPLAINED = 20
"""Refused declarations of one message that are explained in full."""


class Explain(Protocol):
    """Explains documents: every mistake at an element of it, as far as its budget goes."""

    @property
    def exhausted(self) -> bool:
        """True once the budget ended an explanation."""
        ...

    def __call__(self, document: Element, /) -> list[Finding]:
        """The mistakes of one document."""
        ...


class _Excerpt:
    """A message that holds some declarations of another, beside everything that is no declaration.

    Its elements are copies and stay in it: lxml frees an element taken out of its document very slowly.
    """

    def __init__(self, root: Element, content: Sequence[tuple[Element, Element]], units: Collection[Element]) -> None:
        """`content` has, child by child, what is copied and what it stands for."""
        namespaces: Any = root.nsmap  # the published stubs know no default namespace
        self.document = etree.Element(root.tag, attrib={str(k): str(v) for k, v in root.items()}, nsmap=namespaces)
        self.document.text = root.text
        self._root, self._content = root, content
        for source, _ in content:
            self.document.append(deepcopy(source))
        self.copies = [copy for copy, (source, _) in zip(self.document, content, strict=True) if source in units]

    @cached_property
    def _origins(self) -> dict[Element, Element]:
        origins = {self.document: self._root}
        for copy, (source, origin) in zip(self.document, self._content, strict=True):
            origins.update(zip(copy.iter(), source.iter(), strict=True))
            origins[copy] = origin
        return origins

    def origin(self, finding: Finding) -> Finding:
        """The same finding at the element of the message that was copied."""
        return finding.at(self._origins[finding.element])


class UnitJudge:
    """Judges one refused message. `explain` may give up: then libxml2's own errors stand for what it left out."""

    def __init__(self, message: Recognised, places: Places, explain: Explain) -> None:
        self._message, self._places, self._explain = message, places, explain
        self._schema = message.schema
        self._broken = message.broken_rules()
        self._reader = message.installed.reader(message.root.name)
        self._truncated = False
        self._warnings_left = MAX_ERRORS
        self._known = frozenset(message.units)
        self._others = [child for child in message.element if child not in self._known]
        is_whole = message.root.unit == "." or not message.units
        self._place = 0 if is_whole else message.element.index(message.units[0])

    def judge(self) -> Judgement:
        """The verdict, declaration by declaration, with every error found."""
        if self._message.root.unit == ".":
            findings = self._explain_whole()
            return self._conclude({1: findings} if findings else {}, [])
        refused = self._sort_out()
        inside = {
            ordinal: self._explain_unit(ordinal, errors, in_full=number < MAX_EXPLAINED)
            for number, (ordinal, errors) in enumerate(refused.items())
        }
        return self._conclude(inside, self._explain_outside(refused.keys()))

    def _excerpt(self, units: Sequence[Element]) -> _Excerpt:
        """The message with only these of its declarations, where the first of all stands."""
        content = [*self._others[: self._place], *units, *self._others[self._place :]]
        return _Excerpt(self._message.element, [(child, child) for child in content], self._known)

    def _sort_out(self) -> dict[int, list[PlainError]]:
        """The declarations at fault by ordinal, each with libxml2's errors in it."""
        refused: dict[int, list[PlainError]] = {}
        left = MAX_ERRORS
        for ordinal, unit in enumerate(self._message.units, 1):
            excerpt = self._excerpt([unit])
            if not is_valid(self._schema, excerpt.document):
                errors = read_errors(self._schema, excerpt.document, within=excerpt.copies[0], most=max(left, 1))
                left -= len(errors)
                if errors:
                    refused[ordinal] = errors
        return refused

    def _explain_whole(self) -> list[Finding]:
        element = self._message.element
        if is_valid(self._schema, element):
            return []
        errors = read_errors(self._schema, element)
        return self._choose(self._explain(element), errors, element)

    def _explain_unit(self, ordinal: int, errors: list[PlainError], *, in_full: bool) -> list[Finding]:
        excerpt = self._excerpt([self._message.units[ordinal - 1]])
        inside = set(excerpt.copies[0].iter())
        found = self._explain(excerpt.document) if in_full else []
        within = [finding for finding in found if finding.element in inside]
        return [excerpt.origin(finding) for finding in self._choose(within, errors, excerpt.document)]

    def _explain_outside(self, refused: Collection[int]) -> list[Finding]:
        """Faults of the message itself: too many declarations, a misnamed one, a fault in what stands beside them.

        A sound declaration stands in for each refused one, so that their number stays what it is.
        """
        units = self._message.units
        sound = [unit for ordinal, unit in enumerate(units, 1) if ordinal not in refused]
        stand_in = (sound or units)[:1]
        unsound = {units[ordinal - 1] for ordinal in refused}
        held = [(stand_in[0] if child in unsound else child, child) for child in self._message.element]
        excerpt = _Excerpt(self._message.element, held, self._known) if sound else self._excerpt(stand_in)
        if is_valid(self._schema, excerpt.document):
            return []
        errors = read_errors(self._schema, excerpt.document)
        # the element of a sound declaration may be one too many; what an unsound one holds was told before
        inside = {inner for copy in excerpt.copies for inner in (copy.iterdescendants() if sound else copy.iter())}
        found = self._choose(self._explain(excerpt.document), errors, excerpt.document)
        outside = [finding for finding in found if finding.element not in inside]
        return [excerpt.origin(finding) for finding in outside if not (refused and finding.code == "xsd.not-unique")]

    def _choose(self, explained: list[Finding], errors: list[PlainError], document: Element) -> list[Finding]:
        """What was explained, unless the budget ended it so early that libxml2 has more to say."""
        if explained and not self._explain.exhausted:
            return explained
        self._truncated = True
        plain = translate_plain(errors[:MAX_ERRORS], document, self._message.installed.type_bases)
        return plain if len(plain) > len(explained) else explained

    def _conclude(self, inside: dict[int, list[Finding]], outside: list[Finding]) -> Judgement:
        at_large = [*outside, *self._unrelated(self._broken.of(0), outside)][:MAX_ERRORS]
        problems = [self._places.place(finding, None) for finding in at_large]
        left = MAX_ERRORS - sum(problem.severity == "error" for problem in problems)
        units = []
        for ordinal, element in enumerate(self._message.units, 1):
            unit = self._read_unit(element, ordinal, inside.get(ordinal), left)
            left -= sum(problem.severity == "error" for problem in unit.problems)
            units.append(unit)
        if any(not unit.valid for unit in units):
            problems += self._stand_whole()
        warnings = tuple(self._message.message_warnings())
        truncated = self._truncated or left <= 0
        return self._message.judgement(tuple(units), (*_in_order(problems), *warnings), truncated=truncated)

    def _read_unit(self, element: Element, ordinal: int, findings: list[Finding] | None, most: int) -> Unit:
        unit = self._reader.read(element, ordinal) if findings is None else None
        misused = [self._misused(element, one) for one in self._reader.misused(unit)] if unit else []
        told = {finding.element for finding in misused}
        broken = [one for one in self._unrelated(self._broken.of(ordinal), findings or []) if one.element not in told]
        warnings = self._warn([finding for finding in broken if finding.severity != "error"], ordinal)
        mistakes = [*(findings or misused), *(finding for finding in broken if finding.severity == "error")]
        if unit is not None and not mistakes:
            return replace(unit, problems=(*unit.problems, *warnings))
        placed = _in_order([self._places.place(finding, ordinal) for finding in mistakes])[: max(most, 0)]
        key = self._reader.read_key(element)
        problems = tuple(placed) or (self._unexplained(element, ordinal),)
        return Unit(ordinal, self._message.root.kind, key, problems=(*problems, *warnings))

    def _unrelated(self, broken: list[Finding], faults: list[Finding]) -> list[Finding]:
        """The broken rules about elements whose surroundings have the form they should; others may follow from it."""
        suspect = {fault.element for fault in faults} | {fault.element.getparent() for fault in faults}
        return [finding for finding in broken if not suspect & {finding.element, finding.element.getparent()}]

    def _warn(self, findings: list[Finding], ordinal: int) -> tuple[Problem, ...]:
        shown = findings[: self._warnings_left]
        self._warnings_left -= len(shown)
        return tuple(_in_order([self._places.place(finding, ordinal) for finding in shown]))

    def _misused(self, unit: Element, misused: Misused) -> Finding:
        element = unit.find(clark(misused.path, self._message.message_set.element_namespace))
        return unknown_code(unit if element is None else element, misused.value, misused.allowed)

    def _unexplained(self, element: Element, ordinal: int) -> Problem:
        text = "this declaration is not valid; correct those explained and send again for its own errors"
        at = Finding(element, "schema-invalid", text, "该单证无效;请先更正已列出的错误")
        return self._places.place(at, ordinal)

    def _stand_whole(self) -> list[Problem]:
        signed, on_error = self._message.signed, self._message.message_set.on_error
        if not signed and on_error != "message":
            return []
        why = "its signature covers the whole" if signed else "its message set wants it whole"
        text = f"an invalid declaration refuses the whole message: {why}"
        return [Problem("message-stands-whole", text, message_zh="报文整体有效或整体无效")]


def _in_order(problems: list[Problem]) -> list[Problem]:
    return sorted(problems, key=lambda problem: (problem.line or 0, problem.column or 0))
