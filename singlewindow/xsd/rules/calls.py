"""The function calls in an XPath expression, found without evaluating it.

libxml2 notices an unknown function, a wrong number of arguments or an undeclared prefix only when an evaluation comes
to it: on some trader's message, years after the rule was written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_LITERAL = re.compile(r"'[^']*'|\"[^\"]*\"")
_TOKEN = re.compile(r"'[^']*'|\"[^\"]*\"|([A-Za-z_][\w.-]*(?::[\w.-]+)?)?\s*\(|[),]")
_PREFIX = re.compile(r"(?<![\w.-])([A-Za-z_][\w.-]*):(?=[\w*])")

NO_LIMIT = 99

ARITIES = {
    "last": (0, 0), "position": (0, 0), "count": (1, 1), "id": (1, 1), "local-name": (0, 1), "namespace-uri": (0, 1),
    "name": (0, 1), "string": (0, 1), "concat": (2, NO_LIMIT), "starts-with": (2, 2), "contains": (2, 2),
    "substring-before": (2, 2), "substring-after": (2, 2), "substring": (2, 3), "string-length": (0, 1),
    "normalize-space": (0, 1), "translate": (3, 3), "boolean": (1, 1), "not": (1, 1), "true": (0, 0), "false": (0, 0),
    "lang": (1, 1), "number": (0, 1), "sum": (1, 1), "floor": (1, 1), "ceiling": (1, 1), "round": (1, 1),
}  # fmt: skip
"""The functions of XPath 1.0 with the fewest and the most arguments they take."""

NO_FUNCTIONS = frozenset({"", "and", "or", "mod", "div", "text", "node", "comment", "processing-instruction"})
"""What else may stand before an opening parenthesis: nothing, operators, and node tests."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call: the function as it is written, prefix and all, its arguments, and the whole of its text."""

    function: str
    arguments: tuple[str, ...]
    text: str

    def literal(self, place: int) -> str | None:
        """The text of an argument that is a literal; None for one that is computed or not there."""
        given = self.arguments[place] if place < len(self.arguments) else ""
        return given[1:-1] if _LITERAL.fullmatch(given) else None


@dataclass(slots=True)
class _Open:
    """A parenthesis not yet closed: the function before it, where that starts, and where each argument does."""

    function: str
    start: int
    starts: list[int]


def read_calls(expression: str) -> Iterator[Call]:
    """Every call, the inner ones first. The expression is one that compiles: its parentheses match."""
    opened: list[_Open] = []
    for token in _TOKEN.finditer(expression):
        if token[0][0] in "'\"":
            continue
        if token[0].endswith("("):
            opened.append(_Open(token[1] or "", token.start(), [token.end()]))
        elif token[0] == ",":
            opened[-1].starts.append(token.end())
        elif (one := opened.pop()).function not in NO_FUNCTIONS:
            yield Call(one.function, _arguments(expression, one, token.start()), expression[one.start : token.end()])


def _arguments(expression: str, opened: _Open, end: int) -> tuple[str, ...]:
    ends = [*(start - 1 for start in opened.starts[1:]), end]
    arguments = tuple(expression[start:stop].strip() for start, stop in zip(opened.starts, ends, strict=True))
    return () if arguments == ("",) else arguments


def without_literals(expression: str) -> str:
    """An expression with every literal emptied."""
    return _LITERAL.sub("''", expression)


def used_prefixes(expression: str) -> set[str]:
    """The namespace prefixes that an expression uses."""
    return set(_PREFIX.findall(without_literals(expression)))
