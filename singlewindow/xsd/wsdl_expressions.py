"""XPath 1.0 from configuration: compiled and tried out when it is read, so that no mistake waits for a document."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from lxml import etree

from singlewindow.errors import ConfigurationError
from singlewindow.xsd.parser import Element
from singlewindow.xsd.paths import descend

_VARIABLE = re.compile(r"\$([\w.-]+)")
_CHILDREN = re.compile(r"(?:(?:[A-Za-z_][\w-]*:)?[A-Za-z_][\w-]*/)*(?:[A-Za-z_][\w-]*:)?[A-Za-z_][\w-]*")
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_NOWHERE = etree.Element("nowhere")


@dataclass(frozen=True, slots=True)
class Expression:
    """One compiled expression. Values come as texts, as XPath writes them; an absent node is None, never ''."""

    source: str
    compiled: etree.XPath
    variable: str | None = None
    """Set where the expression is one variable and nothing else: then no document is looked into."""
    steps: tuple[str, ...] = ()
    """Set where the expression only names children, one below the other: walking costs a fifth of XPath."""

    def text(self, context: Element, variables: Mapping[str, Any] | None = None) -> str | None:
        """The value: of several nodes the first one's, without white space around it."""
        if self.steps:
            first = next(descend(context, self.steps), None)
            return None if first is None else _write(first)
        found = self.texts(context, variables)
        return found[0] if found else None

    def texts(self, context: Element, variables: Mapping[str, Any] | None = None) -> list[str]:
        """Every node's value in document order; a single one for a calculated value."""
        given = variables or {}
        value = given.get(self.variable) if self.variable else self.compiled(context, **given)
        if isinstance(value, list):
            return [_write(one) for one in value]
        return [_write(value)]

    def elements(self, context: Element) -> list[Element]:
        """The elements found."""
        if self.steps:
            return list(descend(context, self.steps))
        value = self.compiled(context)
        return [one for one in value if isinstance(one, etree._Element)] if isinstance(value, list) else []  # noqa: SLF001 - lxml has no public name


def compile_expression(source: str, namespaces: Mapping[str, str], variables: Collection[str] = ()) -> Expression:
    """Compile and try out. Raises ConfigurationError that says what is wrong, for prefixes and variables too."""
    unknown = sorted({name for name in _VARIABLE.findall(_QUOTED.sub("", source)) if name not in variables})
    if unknown:
        known = ", ".join(f"${name}" for name in sorted(variables)) or "none here"
        raise ConfigurationError(f"{source!r}: there is no ${unknown[0]}; known: {known}")
    try:
        compiled = etree.XPath(source, namespaces=dict(namespaces), smart_strings=False)
        compiled(_NOWHERE, **dict.fromkeys(variables, ""))
    except (etree.XPathError, ValueError) as error:
        hint = "" if "prefix" not in str(error) else f"; prefixes: {', '.join(namespaces) or 'none'}"
        # a variable that holds nodes may not stand in for a text here
        if "Invalid type" not in str(error):
            raise ConfigurationError(f"{source!r} is no XPath: {error}{hint}") from error
    alone = _VARIABLE.fullmatch(source.strip())
    return Expression(source, compiled, alone[1] if alone else None, _steps(source.strip(), namespaces))


def reference_nodes(references: Mapping[str, str]) -> list[Element]:
    """What other authorities gave, as nodes for `$references[@name='mrn']`. Raises ConfigurationError."""
    nodes = []
    for name, value in references.items():
        node = etree.Element("reference", name=name)
        try:
            node.text = value
        except ValueError as error:
            raise ConfigurationError(f"the reference {name} holds what XML cannot carry") from error
        nodes.append(node)
    return nodes


def _steps(source: str, namespaces: Mapping[str, str]) -> tuple[str, ...]:
    """The tags of a path of child elements, none for any other expression."""
    if not _CHILDREN.fullmatch(source):
        return ()
    return tuple(_tag(*step.rpartition(":")[::2], namespaces) for step in source.split("/"))


def _tag(prefix: str, name: str, namespaces: Mapping[str, str]) -> str:
    return f"{{{namespaces[prefix]}}}{name}" if prefix else name


def _write(value: Any) -> str:
    if isinstance(value, etree._Element):  # noqa: SLF001 - lxml has no public name for it
        if not len(value):
            return (value.text or "").strip()
        return "".join(str(text) for text in value.itertext()).strip()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else str(value)
    return str(value).strip()
