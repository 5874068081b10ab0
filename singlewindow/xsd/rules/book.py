"""A set's rules, compiled once and asked of a whole message at a time.

A message that breaks nothing costs one XPath evaluation, in which libxml2 walks from context to context by itself;
only where that finds something is each assertion asked alone.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lxml import etree

from singlewindow.errors import ConfigurationError
from singlewindow.messages.rule import Rule
from singlewindow.xsd.findings import Finding, nearest
from singlewindow.xsd.parser import Element
from singlewindow.xsd.rules.code_lists import CodeList, load_lists
from singlewindow.xsd.rules.functions import Extensions, make_functions
from singlewindow.xsd.rules.joining import join_assertions
from singlewindow.xsd.rules.ledger_rules import read_ledger_rules
from singlewindow.xsd.rules.schematron import (
    XPATH_FUNCTIONS,
    Assertion,
    RuleFile,
    called_functions,
    read_rule_file,
)

_LISTED = re.compile(r"sw:(?:in-list|list-complete)\(\s*'([^']+)'")


@dataclass(frozen=True, slots=True)
class Question:
    """One assertion ready to be asked: `broken` finds the contexts that break it, `subject` what it is said of."""

    rule: Rule
    broken: etree.XPath
    subject: etree.XPath | None
    attribute: str | None
    codes: Collection[str]

    def ask(self, root: Element) -> Iterator[Finding]:
        """A finding for each context of the document that breaks the rule."""
        found: Any = self.broken(root)
        for context in found:
            element = context if isinstance(context, etree._Element) else context.getparent()  # noqa: SLF001
            yield self._tell(self._subject_of(element))

    def _subject_of(self, context: Element) -> Element:
        found: Any = self.subject(context) if self.subject is not None else []
        return found[0] if found else context

    def _tell(self, element: Element) -> Finding:
        rule = self.rule
        value = element.get(self.attribute) if self.attribute else (element.text if not len(element) else None)
        near = nearest((value or "").strip(), self.codes) if self.codes and value else None
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


@dataclass(frozen=True, slots=True)
class Questions:
    """All questions about one root. `any_broken` answers whether one needs asking at all."""

    any_broken: etree.XPath
    each: tuple[Question, ...]

    def ask(self, root: Element) -> Iterator[Finding]:
        """Every finding, rule by rule."""
        if self.any_broken(root):
            for question in self.each:
                yield from question.ask(root)


class RuleBook:
    """The rules of a set by id, and the questions they put to a document, by its root."""

    def __init__(self, rules: Mapping[str, Rule], lists: Mapping[str, CodeList], asked: Mapping[str, Questions]) -> None:
        self.rules = tuple(rules.values())
        self.lists = dict(lists)
        self._asked = dict(asked)

    def find(self, name: str) -> Rule | None:
        """The rule with this id."""
        return next((rule for rule in self.rules if rule.id == name), None)

    def check(self, root: Element) -> list[Finding]:
        """What a document breaks, whatever else is wrong with it; each finding at the element it is said of."""
        questions = self._asked.get(root.tag)
        return [] if questions is None else list(questions.ask(root))


def load_rules(folders: Sequence[Path], raised: Collection[str] = ()) -> RuleBook:
    """The rules of these folders (`rules/*.sch`, `rules/ledger.toml`) over their lists (`lists/*.toml`).

    `raised` names the rules whose warnings are errors. Raises ConfigurationError naming file, rule and mistake.
    """
    lists = load_lists(folders)
    files = [read_rule_file(path) for folder in folders for path in sorted((folder / "rules").glob("*.sch"))]
    rules, compiled = _Compiler(lists, raised).compile(files)
    for folder in folders:
        for rule in read_ledger_rules(folder / "rules" / "ledger.toml"):
            rules[rule.id] = _raise(rule, raised)
    return RuleBook(rules, lists, compiled)


def _raise(rule: Rule, raised: Collection[str]) -> Rule:
    return replace(rule, severity="error") if rule.id in raised else rule


class _Compiler:
    def __init__(self, lists: Mapping[str, CodeList], raised: Collection[str]) -> None:
        self._lists, self._raised = lists, raised
        self._functions = make_functions(lists)

    def compile(self, files: Sequence[RuleFile]) -> tuple[dict[str, Rule], dict[str, Questions]]:
        rules: dict[str, Rule] = {}
        asked: dict[str, list[tuple[RuleFile, Assertion, Question]]] = {}
        for file in files:
            for assertion in file.assertions:
                rule = rules.setdefault(assertion.rule, self._rule(file, assertion))
                self._check_same(file, assertion, rule)
                question = self._question(file, assertion, rule)
                asked.setdefault(_root_of(assertion, file), []).append((file, assertion, question))
        return rules, {root: self._join(entries) for root, entries in asked.items()}

    def _rule(self, file: RuleFile, assertion: Assertion) -> Rule:
        """A code that a partial list does not know is a warning at most."""
        rule = _raise(file.rule(assertion), self._raised)
        partial = [name for name in self._listed(file, assertion) if not self._lists[name].complete]
        return replace(rule, severity="warning") if partial else rule

    def _listed(self, file: RuleFile, assertion: Assertion) -> list[str]:
        names = _LISTED.findall(assertion.test)
        if unknown := set(names) - set(self._lists):
            raise ConfigurationError(f"{file.path}: rule {assertion.rule}: no code list {', '.join(sorted(unknown))}")
        return names

    def _check_same(self, file: RuleFile, assertion: Assertion, rule: Rule) -> None:
        if assertion.text != rule.text:
            raise ConfigurationError(f"{file.path}: rule {rule.id} has two texts: {rule.text!r}, {assertion.text!r}")
        self._listed(file, assertion)

    def _question(self, file: RuleFile, assertion: Assertion, rule: Rule) -> Question:
        subject, attribute = assertion.subject, None
        if subject.startswith("@"):
            subject, attribute = "", assertion.subject[1:]
        broken = self._xpath(_violations(assertion), file, rule.id)
        self._check_functions(assertion, file)
        names = self._listed(file, assertion)
        codes = self._lists[names[0]].codes if len(names) == 1 else {}
        return Question(rule, broken, self._xpath(subject, file, rule.id) if subject else None, attribute, codes)

    def _join(self, entries: Sequence[tuple[RuleFile, Assertion, Question]]) -> Questions:
        expression = join_assertions((assertion.context, assertion.test) for _, assertion, _ in entries)
        namespaces = {prefix: uri for file, _, _ in entries for prefix, uri in file.namespaces.items()}
        joined = etree.XPath(expression, namespaces=namespaces, extensions=self._extensions(), smart_strings=False)
        return Questions(joined, tuple(question for _, _, question in entries))

    def _xpath(self, expression: str, file: RuleFile, name: str) -> etree.XPath:
        try:
            return etree.XPath(
                expression, namespaces=file.namespaces, extensions=self._extensions(), smart_strings=False
            )
        except etree.XPathSyntaxError as error:
            raise ConfigurationError(f"{file.path}: rule {name}: {error}: {expression}") from error

    def _extensions(self) -> Any:
        functions: Extensions = self._functions
        return functions

    def _check_functions(self, assertion: Assertion, file: RuleFile) -> None:
        """Libxml2 notices an unknown function only when it comes to it."""
        called = {name for path in (assertion.context, assertion.test) for name in called_functions(path)}
        known = XPATH_FUNCTIONS | {f"sw:{name}" for _, name in self._functions}
        if unknown := called - known:
            raise ConfigurationError(f"{file.path}: rule {assertion.rule}: no function {', '.join(sorted(unknown))}")


def _violations(assertion: Assertion) -> str:
    return f"{assertion.context}[not({assertion.test})]"


def _root_of(assertion: Assertion, file: RuleFile) -> str:
    """The root's name as lxml writes it."""
    step = re.split(r"[/\[]", assertion.context[1:], maxsplit=1)[0].strip()
    prefix, _, name = step.rpartition(":")
    if prefix and prefix not in file.namespaces:
        raise ConfigurationError(f"{file.path}: rule {assertion.rule}: no sch:ns for the prefix {prefix}")
    return f"{{{file.namespaces[prefix]}}}{name}" if prefix else name
