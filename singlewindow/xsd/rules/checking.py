"""Refusing a broken assertion when its set is loaded, so that no rule fails on a message.

XPath 1.0 without variables has its types written in it: an expression whose every call has been evaluated once, at an
element of the context's name, cannot meet a wrong type later.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lxml import etree

from singlewindow.errors import ConfigurationError
from singlewindow.xsd.parser import Element
from singlewindow.xsd.rules.calls import ARITIES, NO_LIMIT, Call, read_calls, used_prefixes, without_literals
from singlewindow.xsd.rules.code_lists import CodeList
from singlewindow.xsd.rules.functions import DATE_FORMS, Extensions, make_functions
from singlewindow.xsd.rules.schematron import Assertion, RuleFile, split_path, without_predicates

_OF_LISTS = frozenset({"sw:in-list", "sw:list-complete"})
_NAMED = re.compile(r"sw:[a-z-]+\(\s*'")
"""The one spelling by which all that read rules find the lists they name."""

_ATTRIBUTE = re.compile(r"@[A-Za-z_][\w.-]*")
_STEP = re.compile(r"(?:([A-Za-z_][\w.-]*):)?([A-Za-z_][\w.-]*|\*)(?:\[.*\])?", re.DOTALL)


def check_rules(files: Sequence[RuleFile], lists: Mapping[str, CodeList]) -> None:
    """Every assertion of these files. Raises ConfigurationError that names the file, the rule and what is wrong."""
    checker = _Checker(make_functions(lists), lists)
    for file in files:
        for assertion in file.assertions:
            try:
                checker.check(assertion, file.namespaces)
            except (ValueError, etree.XPathError) as error:
                raise ConfigurationError(f"{file.path}: rule {assertion.rule}: {error}") from error


def named_lists(test: str) -> list[str]:
    """The code lists that a test names as literals, each once, in order."""
    calls = (call for call in read_calls(test) if call.function in _OF_LISTS)
    return list(dict.fromkeys(name for call in calls if (name := call.literal(0)) is not None))


class _Checker:
    def __init__(self, functions: Extensions, lists: Mapping[str, CodeList]) -> None:
        self._functions: Any = functions
        self._lists = lists
        self._arities = ARITIES | {f"sw:{name}": _arity(function) for (_, name), function in functions.items()}
        self._tried: set[tuple[object, ...]] = set()
        self._severities: dict[str, tuple[str, bool]] = {}

    def check(self, assertion: Assertion, namespaces: Mapping[str, str]) -> None:
        leaf = _grow(assertion.context, namespaces)
        if assertion.subject:
            self._check_subject(assertion.subject, leaf, namespaces)
        self._try(assertion.context, leaf, namespaces)
        tried = (assertion.test, *namespaces.items())
        if tried not in self._tried:
            self._try(assertion.test, leaf, namespaces)
            self._tried.add(tried)
        self._check_alike(assertion)

    def _check_alike(self, assertion: Assertion) -> None:
        """A rule has one severity wherever it stands; a list that is partial would lower that."""
        partial = any(not self._lists[name].complete for name in named_lists(assertion.test))
        known = self._severities.setdefault(assertion.rule, (assertion.severity, partial))
        if known != (assertion.severity, partial):
            raise ValueError("its assertions differ in role, or in whether their code lists are partial; part its id")

    def _check_subject(self, subject: str, leaf: Element, namespaces: Mapping[str, str]) -> None:
        if _ATTRIBUTE.fullmatch(subject):
            return
        found = self._try(subject, leaf, namespaces)
        if not isinstance(found, list) or re.search(r"[@(]", without_predicates(subject)):
            raise ValueError(f"subject must be a path to an element, or one attribute of the context, not {subject!r}")

    def _try(self, expression: str, leaf: Element, namespaces: Mapping[str, str]) -> Any:
        self._compile(expression, namespaces)
        if unknown := used_prefixes(expression) - set(namespaces):
            raise ValueError(f"no sch:ns for the prefix {', '.join(sorted(unknown))} in {expression}")
        for call in read_calls(expression):
            self._check_call(call)
            # in a predicate, since position() means nothing elsewhere
            self._compile(f"self::node()[{call.text} or true()]", namespaces)(leaf)
        return self._compile(expression, namespaces)(leaf)

    def _compile(self, expression: str, namespaces: Mapping[str, str]) -> etree.XPath:
        if "$" in without_literals(expression):
            raise ValueError(f"a variable has no value here: {expression}")
        try:
            return etree.XPath(expression, namespaces=dict(namespaces), extensions=self._functions, smart_strings=False)
        except etree.XPathSyntaxError as error:
            raise ValueError(f"{error}: {expression!r}") from error

    def _check_call(self, call: Call) -> None:
        if call.function not in self._arities:
            raise ValueError(f"no function {call.function}")
        fewest, most = self._arities[call.function]
        if not fewest <= len(call.arguments) <= most:
            raise ValueError(f"{call.function} does not take {len(call.arguments)} arguments: {call.text}")
        if call.function in _OF_LISTS:
            self._check_list(call)
        elif call.function == "sw:matches":
            _check_pattern(call)
        elif call.function == "sw:date-exists" and call.literal(1) not in DATE_FORMS:
            raise ValueError(f"the form of a date is one of {', '.join(sorted(DATE_FORMS))} in quotes: {call.text}")

    def _check_list(self, call: Call) -> None:
        name = call.literal(0)
        if name is None or not _NAMED.match(call.text):
            raise ValueError(f"the name of a code list stands in single quotes, {call.function}('NAME'…: {call.text}")
        if name not in self._lists:
            raise ValueError(f"no code list {name}")


def _check_pattern(call: Call) -> None:
    pattern = call.literal(1)
    if pattern is None:
        raise ValueError(f"a pattern stands in quotes: {call.text}")
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"the pattern {pattern!r}: {error}") from error


def _arity(function: Callable[..., Any]) -> tuple[int, int]:
    """Without the context that lxml hands over first."""
    parameters = list(inspect.signature(function).parameters.values())[1:]
    needed = [one for one in parameters if one.default is inspect.Parameter.empty]
    return len(needed), min(len(parameters), NO_LIMIT)


def _grow(context: str, namespaces: Mapping[str, str]) -> Element:
    """The innermost element of a document that has just the elements of a context. Raises ValueError."""
    element: Element | None = None
    for step in split_path(context):
        matched = _STEP.fullmatch(step)
        if matched is None or (element is None and matched[2] == "*"):
            raise ValueError(f"context must be an absolute path of named child steps, not {context!r}")
        prefix, name = matched[1], matched[2].replace("*", "any")
        if prefix and prefix not in namespaces:
            raise ValueError(f"no sch:ns for the prefix {prefix} in {context}")
        tag = f"{{{namespaces[prefix]}}}{name}" if prefix else name
        element = etree.Element(tag) if element is None else etree.SubElement(element, tag)
    if element is None:
        raise ValueError("a rule needs a context")
    return element
