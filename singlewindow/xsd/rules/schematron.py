"""Reading rules from ISO Schematron, of which a subset is enough for documents judged by the thousand.

Taken are patterns, rules with absolute child paths, asserts and reports with diagnostics (other languages, hints) and
properties (the source). Refused are `let`, abstract patterns, includes and phases: a rule must be readable where it
stands, and its test is compiled into one path over the whole document, in which a variable has no place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lxml import etree

from singlewindow.errors import ConfigurationError
from singlewindow.messages.rule import Rule
from singlewindow.xsd.parser import Element

SCH = "{http://purl.oclc.org/dsdl/schematron}"
_REFUSED = ("let", "include", "extends", "phase")
_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
_KINDS = ("zh", "hint", "hint.zh", "source")
"""What follows the first full stop in the id of a diagnostic or property."""

_PLACE = re.compile(r"\b(?:position|last)\s*\(")

_TEXT = re.compile(r"'[^']*'|\"[^\"]*\"")


@dataclass(frozen=True, slots=True)
class Assertion:
    """One assert of one context: `test` holds where the rule is kept; `subject` is a path below the context, or empty.

    `references` are the ids of the diagnostics and properties it names.
    """

    rule: str
    severity: str
    context: str
    test: str
    subject: str
    text: str
    references: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RuleFile:
    """What a file says: its assertions, and the texts of its diagnostics and properties by id."""

    path: Path
    namespaces: dict[str, str]
    assertions: tuple[Assertion, ...]
    words: dict[str, str]

    def rule(self, assertion: Assertion) -> Rule:
        """The rule of an assertion. Raises ConfigurationError where a text is missing."""
        said = {kind: text for kind in _KINDS if (text := self._find(assertion, kind))}
        for wanted in ("zh", "source"):
            if wanted not in said:
                raise ConfigurationError(f"{self.path}: rule {assertion.rule} names no text that ends in .{wanted}")
        return Rule(
            assertion.rule,
            assertion.severity,
            assertion.text,
            said["zh"],
            said["source"],
            said.get("hint"),
            said.get("hint.zh"),
        )

    def _find(self, assertion: Assertion, kind: str) -> str | None:
        """The text of this kind among those that an assertion names."""
        named = (reference for reference in assertion.references if reference.partition(".")[2] == kind)
        return next((self.words[reference] for reference in named if reference in self.words), None)


def read_rule_file(path: Path) -> RuleFile:
    """One Schematron file. Raises ConfigurationError that names the file and the rule."""
    try:
        root = etree.fromstring(path.read_bytes(), etree.XMLParser(resolve_entities=False, no_network=True))
    except (OSError, etree.XMLSyntaxError) as error:
        raise ConfigurationError(f"{path}: {error}") from error
    for name in _REFUSED:
        if (found := root.find(f".//{SCH}{name}")) is not None:
            raise ConfigurationError(f"{path}, line {found.sourceline}: sch:{name} is not taken; write the rule out")
    if root.find(f"{SCH}pattern[@abstract='true']") is not None:
        raise ConfigurationError(f"{path}: abstract patterns are not taken; write the rules out")
    return RuleFile(path, _namespaces(root), tuple(_assertions(root, path)), dict(_words(root)))


def _namespaces(root: Element) -> dict[str, str]:
    return {str(ns.get("prefix")): str(ns.get("uri")) for ns in root.findall(f"{SCH}ns")}


def _words(root: Element) -> Iterator[tuple[str, str]]:
    for element in root.iter(f"{SCH}diagnostic", f"{SCH}property"):
        yield str(element.get("id")), plain(element)


def _assertions(root: Element, path: Path) -> Iterator[Assertion]:
    for rule in root.iter(f"{SCH}rule"):
        contexts = split_union(str(rule.get("context") or ""))
        for element in rule.iterchildren(f"{SCH}assert", f"{SCH}report"):
            for context in contexts:
                yield _assertion(element, context, path)


def _assertion(element: Element, context: str, path: Path) -> Assertion:
    name, severity = str(element.get("id") or ""), str(element.get("role"))
    if not name:
        raise ConfigurationError(f"{path}, line {element.sourceline}: an assert or report needs an id")
    place = f"{path}: rule {name}"
    if severity not in {"error", "warning"}:
        raise ConfigurationError(f"{place}: role must be error or warning")
    if not context.startswith("/") or "//" in context:
        raise ConfigurationError(f"{place}: context must be an absolute path of child steps, not {context!r}")
    test = " ".join(str(element.get("test") or "").split())
    if _PLACE.search(without_predicates(_TEXT.sub("''", test))):
        raise ConfigurationError(f"{place}: position() and last() have no meaning outside a predicate")
    kept = f"not({test})" if element.tag == f"{SCH}report" else test
    references = f"{element.get('diagnostics') or ''} {element.get('properties') or ''}".split()
    return Assertion(
        name, severity, context, kept, str(element.get("subject") or ""), plain(element), tuple(references)
    )


def plain(element: Element) -> str:
    """The text of an element with its white space collapsed."""
    return " ".join("".join(str(text) for text in element.itertext()).split())


def split_union(path: str) -> list[str]:
    """The alternatives of a path: parted by a bar that is in no predicate and no text."""
    return _split(path, "|")


def split_path(path: str) -> list[str]:
    """The steps of an absolute path, each with its predicates."""
    return _split(path.removeprefix("/"), "/")


def _split(path: str, at: str) -> list[str]:
    parts, depth, quote = [""], 0, ""
    for letter in path:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        elif letter in "[]":
            depth += 1 if letter == "[" else -1
        elif letter == at and not depth:
            parts.append("")
            continue
        parts[-1] += letter
    return [part.strip() for part in parts]


def without_predicates(path: str) -> str:
    """A path without what stands in square brackets."""
    kept, depth = "", 0
    for letter in path:
        depth += (letter == "[") - (letter == "]")
        kept += letter if not depth else ""
    return kept
