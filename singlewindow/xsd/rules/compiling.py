"""Compiling rules to questions: what is wrong with a rule file is told when its set is loaded."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from singlewindow.errors import ConfigurationError
from singlewindow.messages.rule import Rule
from singlewindow.xsd.rules.checking import named_lists
from singlewindow.xsd.rules.code_lists import CodeList
from singlewindow.xsd.rules.functions import make_functions
from singlewindow.xsd.rules.late import LateXPath
from singlewindow.xsd.rules.questions import Question, Questions
from singlewindow.xsd.rules.schematron import Assertion, RuleFile
from singlewindow.xsd.rules.screen import Asked


def raise_severity(rule: Rule, raised: Collection[str]) -> Rule:
    """The rule, as an error where it is among the raised ones."""
    return replace(rule, severity="error") if rule.id in raised else rule


class Compiler:
    """Compiles the rules of files over code lists, which were checked. Raises ConfigurationError: file and rule."""

    def __init__(self, lists: Mapping[str, CodeList], raised: Collection[str]) -> None:
        self._lists, self._raised = lists, raised
        self._functions = make_functions(lists)

    def compile(self, files: Sequence[RuleFile]) -> tuple[dict[str, Rule], dict[str, Questions]]:
        """The rules by id, and the questions by root."""
        rules: dict[str, Rule] = {}
        asked: dict[str, list[Question]] = {}
        for file in files:
            for assertion in file.assertions:
                rule = rules.setdefault(assertion.rule, self._rule(file, assertion))
                if assertion.text != rule.text:
                    texts = f"{rule.text!r}, {assertion.text!r}"
                    raise ConfigurationError(f"{file.path}: rule {rule.id} has two texts: {texts}")
                question = self._question(file, assertion, rule)
                asked.setdefault(_root_of(assertion, file), []).append(question)
        return rules, {root: Questions(each, self._functions) for root, each in asked.items()}

    def _rule(self, file: RuleFile, assertion: Assertion) -> Rule:
        """A code that a partial list does not know may be new: it is a warning, whoever wants it as an error."""
        rule = raise_severity(file.rule(assertion), self._raised)
        partial = any(not self._lists[name].complete for name in named_lists(assertion.test))
        return replace(rule, severity="warning") if partial else rule

    def _question(self, file: RuleFile, assertion: Assertion, rule: Rule) -> Question:
        subject, attribute = assertion.subject, None
        if subject.startswith("@"):
            subject, attribute = "", assertion.subject[1:]
        broken = LateXPath(_violations(assertion), file.namespaces, self._functions)
        names = named_lists(assertion.test)
        codes = self._lists[names[0]].codes if len(names) == 1 else {}
        tested = Asked(assertion.context, assertion.test, file.namespaces)
        found = LateXPath(subject, file.namespaces, self._functions) if subject else None
        return Question(rule, broken, found, attribute, codes, tested)


def _violations(assertion: Assertion) -> str:
    return f"{assertion.context}[not({assertion.test})]"


def _root_of(assertion: Assertion, file: RuleFile) -> str:
    """The root's name as lxml writes it."""
    step = re.split(r"[/\[]", assertion.context[1:], maxsplit=1)[0].strip()
    prefix, _, name = step.rpartition(":")
    if prefix and prefix not in file.namespaces:
        raise ConfigurationError(f"{file.path}: rule {assertion.rule}: no sch:ns for the prefix {prefix}")
    return f"{{{file.namespaces[prefix]}}}{name}" if prefix else name
