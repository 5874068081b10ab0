"""What a set's rules ask of a document, by XPath, and who is asked: everything, or only what a screen suspects.

A message that breaks nothing costs one XPath evaluation, in which libxml2 walks from context to context by itself;
only where that finds something is each assertion asked alone. A screening spares it most of that one, too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from lxml import etree

from singlewindow.messages.rule import Rule
from singlewindow.xsd.findings import Finding, nearest
from singlewindow.xsd.outline import Branch
from singlewindow.xsd.parser import Element
from singlewindow.xsd.rules.functions import Extensions
from singlewindow.xsd.rules.joining import join_assertions
from singlewindow.xsd.rules.late import LateXPath
from singlewindow.xsd.rules.screen import Asked, Screen, build_screen


@dataclass(frozen=True, slots=True)
class Question:
    """One assertion ready to be asked: `broken` finds the contexts that break it, `subject` what it is said of."""

    rule: Rule
    broken: LateXPath
    subject: LateXPath | None
    attribute: str | None
    codes: Collection[str]
    tested: Asked

    def ask(self, root: Element) -> Iterator[Finding]:
        """A finding for each context of the document that breaks the rule."""
        found: Any = self.broken(root)
        for context in found:
            element = context if isinstance(context, etree._Element) else context.getparent()  # noqa: SLF001
            yield self._tell(self._subject_of(element))

    def _subject_of(self, context: Element) -> Element:
        found: Any = self.subject(context) if self.subject is not None else []
        return found[0] if found else context

    def _spelt_like(self, value: str) -> str | None:
        """The nearest code to a misspelt one; of numbers none is nearer to what was meant than another."""
        return nearest(value, self.codes) if self.codes and not value.isdigit() else None

    def _tell(self, element: Element) -> Finding:
        rule = self.rule
        value = element.get(self.attribute) if self.attribute else (element.text if not len(element) else None)
        near = self._spelt_like((value or "").strip())
        return Finding(
            element,
            f"rule.{rule.id}",
            rule.text,
            rule.text_zh,
            value=value,
            hint=f"did you mean {near}?" if near else rule.hint,
            hint_zh=f"是否应为 {near}?" if near else rule.hint_zh,
            attribute=self.attribute,
            severity=rule.severity,
            rule=rule.id,
        )


class Questions:
    """All questions about one root, rule by rule."""

    def __init__(self, each: Sequence[Question], functions: Extensions) -> None:
        self._each, self._functions = tuple(each), functions

    @cached_property
    def _any_broken(self) -> LateXPath | None:
        return self._join(range(len(self._each)))

    def ask(self, root: Element) -> Iterator[Finding]:
        """Every finding."""
        if self._any_broken is not None and self._any_broken(root):
            yield from self.ask_some(root, range(len(self._each)))

    def ask_some(self, root: Element, numbers: Iterable[int]) -> Iterator[Finding]:
        """The findings of some questions, in their order."""
        for number in sorted(numbers):
            yield from self._each[number].ask(root)

    def screened(self, root: str, unit: Sequence[str]) -> ScreenedQuestions:
        """The same questions behind a screen of the declarations at `unit`."""
        screen = build_screen([question.tested for question in self._each], root, unit, self._functions)
        return ScreenedQuestions(self, screen, self._join(screen.beyond))

    def _join(self, numbers: Iterable[int]) -> LateXPath | None:
        """Whether any of these is broken. Two files may mean different things by a prefix, but their sets do not."""
        tested = [self._each[number].tested for number in numbers]
        if not tested:
            return None
        namespaces = {prefix: uri for one in tested for prefix, uri in one.namespaces.items()}
        return LateXPath(join_assertions((one.context, one.test) for one in tested), namespaces, self._functions)


@dataclass(frozen=True, slots=True)
class ScreenedQuestions:
    """Questions of which only those are asked that a screen suspects. Shared by all messages of a root."""

    questions: Questions
    screen: Screen
    beyond: LateXPath | None


class Screening:
    """Of one message: look at each of its declarations, then ask."""

    def __init__(self, screened: ScreenedQuestions | None) -> None:
        self._screened = screened
        self._suspected: set[int] = set()

    def look(self, branch: Branch) -> None:
        """Screen one declaration."""
        if self._screened is not None and (suspected := self._screened.screen.suspect(branch)):
            self._suspected.update(suspected)

    def ask(self, root: Element) -> list[Finding]:
        """What the message breaks, once all its declarations were looked at: the findings of all questions."""
        if self._screened is None:
            return []
        beyond = self._screened.beyond
        if beyond is not None and beyond(root):
            self._suspected.update(self._screened.screen.beyond)
        return list(self._screened.questions.ask_some(root, self._suspected)) if self._suspected else []
