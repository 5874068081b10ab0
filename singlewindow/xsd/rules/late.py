"""XPath expressions compiled when they are first asked: a thousand rules are installed, few are ever suspected."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lxml import etree

from singlewindow.xsd.rules.functions import Extensions

_CALLED = re.compile(r":\s*([\w.-]+)\s*\(")
"""The name of a function behind its prefix; of what a literal holds, more than is called may be found."""


class LateXPath:
    """Evaluates as an `etree.XPath` does, which takes 15 kB once it is compiled. Two threads may both compile it.

    What is wrong with an expression must be known beforehand (see `checking`): here it is told too late.
    """

    __slots__ = ("_compiled", "_expression", "_functions", "_namespaces")

    def __init__(self, expression: str, namespaces: Mapping[str, str], functions: Extensions) -> None:
        self._expression, self._namespaces, self._functions = expression, namespaces, functions
        self._compiled: etree.XPath | None = None

    def __call__(self, context: Any) -> Any:
        """What the expression gives at an element or document."""
        if self._compiled is None:
            self._compiled = self._compile()
        return self._compiled(context)

    def _compile(self) -> etree.XPath:
        names = set(_CALLED.findall(self._expression))  # lxml registers each function anew at every evaluation
        called: Any = {key: function for key, function in self._functions.items() if key[1] in names}
        namespaces = dict(self._namespaces)
        return etree.XPath(self._expression, namespaces=namespaces, extensions=called, smart_strings=False)
