"""Judging a refused message declaration by declaration, so that one fault does not hide or refuse the others.

libxml2's verdict on the root, the message's other children and one declaration decides; what it refuses is explained.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy

from lxml import etree

from singlewindow.messages.judgement import MAX_ERRORS, Judgement, Problem, Unit
from singlewindow.xsd.examining import Recognised, is_valid
from singlewindow.xsd.findings import Finding, unknown_code
from singlewindow.xsd.parser import Element
from singlewindow.xsd.paths import clark
from singlewindow.xsd.places import Places
from singlewindow.xsd.plain_errors import PlainError, read_log, translate_plain
from singlewindow.xsd.reading import Misused

MAX_EXPLAINED = 20
"""Refused declarations of one message that are explained in full."""

Explain = Callable[[Element], list[Finding]]
"""Explains a document: every mistake at an element of it, or nothing when its budget is spent."""


class _Shell:
    """A copy of the message without its declarations, which holds some of them for a while."""

    def __init__(self, root: Element, units: list[Element]) -> None:
        known = set(units)
        self.document = etree.Element(root.tag, attrib=dict(root.attrib), nsmap=root.nsmap)
        self.document.text = root.text
        self._place = root.index(units[0]) if units else 0
        self._origins: dict[Element, Element] = {self.document: root}
        for child in (child for child in root if child not in known):
            self._adopt(child, len(self.document))

    @contextmanager
    def holding(self, units: Sequence[Element]) -> Iterator[list[Element]]:
        """The copies of these declarations, within the document for as long as the context lasts."""
        copies = [self._adopt(unit, self._place + number) for number, unit in enumerate(units)]
        yield copies
        for copy in copies:
            self.document.remove(copy)

    def origin(self, finding: Finding) -> Finding:
        """The same finding at the element of the message that was copied."""
        return finding.at(self._origins.get(finding.element, finding.element))

    def _adopt(self, original: Element, place: int) -> Element:
        copy = deepcopy(original)
        self.document.insert(place, copy)
        self._origins |= dict(zip(copy.iter(), original.iter(), strict=True))
        return copy


class UnitJudge:
    """Judges one refused message. `explain` may give up: then libxml2's own errors stand for what it left out."""

    def __init__(self, message: Recognised, places: Places, explain: Explain) -> None:
        self._message, self._places, self._explain = message, places, explain
        self._schema = message.installed.schema
        self._reader = message.installed.reader(message.root.name)
        self._truncated = False

    def judge(self) -> Judgement:
        """The verdict, declaration by declaration, with every error found."""
        if self._message.root.unit == ".":
            findings = self._explain_whole()
            return self._conclude({1: findings} if findings else {}, [])
        shell = _Shell(self._message.element, self._message.units)
        refused = self._sort_out(shell)
        inside = {
            ordinal: self._explain_unit(shell, ordinal, errors, in_full=number < MAX_EXPLAINED)
            for number, (ordinal, errors) in enumerate(refused.items())
        }
        sound = [unit for ordinal, unit in enumerate(self._message.units, 1) if ordinal not in refused]
        return self._conclude(inside, self._explain_outside(shell, sound))

    def _sort_out(self, shell: _Shell) -> dict[int, list[PlainError]]:
        """The declarations at fault by ordinal, each with libxml2's errors in it."""
        refused: dict[int, list[PlainError]] = {}
        for ordinal, unit in enumerate(self._message.units, 1):
            with shell.holding([unit]) as (copy,):
                if is_valid(self._schema, shell.document):
                    continue
                errors = _errors_within(copy, read_log(self._schema))
                if errors:
                    refused[ordinal] = errors
        return refused

    def _explain_whole(self) -> list[Finding]:
        element = self._message.element
        if is_valid(self._schema, element):
            return []
        errors = read_log(self._schema)
        return self._explain(element) or self._plain(errors, element)

    def _explain_unit(self, shell: _Shell, ordinal: int, errors: list[PlainError], *, in_full: bool) -> list[Finding]:
        with shell.holding([self._message.units[ordinal - 1]]) as (copy,):
            inside = set(copy.iter())
            found = self._explain(shell.document) if in_full else []
            within = [finding for finding in found if finding.element in inside]
            return [shell.origin(finding) for finding in within or self._plain(errors, shell.document)]

    def _explain_outside(self, shell: _Shell, sound: list[Element]) -> list[Finding]:
        """Faults of the message itself: too many declarations, a misnamed one, a fault in what stands beside them."""
        with shell.holding(sound or self._message.units[:1]) as copies:
            if is_valid(self._schema, shell.document):
                return []
            errors = read_log(self._schema)
            # the element of a sound declaration may be one too many; what an unsound one holds was told before
            inside = {inner for copy in copies for inner in (copy.iterdescendants() if sound else copy.iter())}
            found = self._explain(shell.document) or self._plain(errors, shell.document)
            return [shell.origin(finding) for finding in found if finding.element not in inside]

    def _plain(self, errors: list[PlainError], document: Element) -> list[Finding]:
        self._truncated = True
        return translate_plain(errors[:MAX_ERRORS], document)

    def _conclude(self, inside: dict[int, list[Finding]], outside: list[Finding]) -> Judgement:
        problems = [self._places.place(finding, None) for finding in outside]
        left = MAX_ERRORS - len(problems)
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
        if findings is None:
            unit = self._reader.read(element, ordinal)
            findings = [self._misused(element, misused) for misused in self._reader.misused(unit)]
            if not findings:
                return unit
        placed = _in_order([self._places.place(finding, ordinal) for finding in findings])[: max(most, 0)]
        key = self._reader.read_key(element)
        problems = tuple(placed) or (self._unexplained(element, ordinal),)
        return Unit(ordinal, self._message.root.kind, key, problems=problems)

    def _misused(self, unit: Element, misused: Misused) -> Finding:
        element = unit.find(clark(misused.path, self._message.message_set.namespace))
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


def _errors_within(unit: Element, errors: list[PlainError]) -> list[PlainError]:
    below = unit.getroottree().getpath(unit)
    return [error for error in errors if f"{error.path}/".startswith(f"{below}/")]
