"""A parser of the part of XPath 1.0 that rules are written in; what it does not know it refuses with Untranslatable."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'[^']*'|\"[^\"]*\")"
    r"|(?P<number>\d+(?:\.\d*)?|\.\d+)"
    r"|(?P<name>[^\W\d][\w.-]*(?::(?!:)(?:[^\W\d][\w.-]*))?)"
    r"|(?P<sign>\.\.|::|!=|<=|>=|//|[.@/()\[\],=<>+*|-])|(?P<end>$))"
)
_POWERS = {
    "or": 1, "and": 2, "=": 3, "!=": 3, "<": 4, "<=": 4, ">": 4, ">=": 4, "+": 5, "-": 5, "*": 6, "div": 6, "mod": 6,
}  # fmt: skip
"""How strongly an operator binds."""

_UNARY = 7
OF_CONTEXT = frozenset({"number", "string", "string-length", "normalize-space"})
"""The functions that without an argument speak of the context."""

_AXES = frozenset(
    {
        "ancestor", "ancestor-or-self", "attribute", "child", "descendant", "descendant-or-self", "following",
        "following-sibling", "namespace", "parent", "preceding", "preceding-sibling", "self",
    }
)  # fmt: skip


class Untranslatable(Exception):
    """This expression is left to libxml2."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A text, or a number as it is written."""

    value: str
    is_number: bool


@dataclass(frozen=True, slots=True)
class Call:
    """A function with its arguments."""

    name: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Binary:
    """Two expressions and the operator between them."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Minus:
    """A negated number."""

    operand: Expression


@dataclass(frozen=True, slots=True)
class Step:
    """One step. `name` has its prefix; it is empty in `.` and `..`, whose axes are self and parent."""

    axis: str
    name: str
    predicates: tuple[Expression, ...] = ()


@dataclass(frozen=True, slots=True)
class Path:
    """Steps from the context, or from the document where it is absolute."""

    absolute: bool
    steps: tuple[Step, ...]


Expression = Literal | Call | Binary | Minus | Path


def parse_xpath(text: str) -> Expression:
    """The expression of a text. Raises Untranslatable."""
    parser = _Parser(_tokens(text))
    expression = parser.expression(0)
    parser.expect("")
    return expression


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens, place = [], 0
    while True:
        found = _TOKEN.match(text, place)
        if found is None or found.lastgroup is None:
            raise Untranslatable(text)
        tokens.append((found.lastgroup, found[found.lastgroup]))
        if found.lastgroup == "end":
            return tokens
        place = found.end()


class _Parser:
    """A Pratt parser: `expression` reads as long as operators bind more strongly than the one before."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens, self._place = tokens, 0

    def expression(self, power: int) -> Expression:
        left = self._operand()
        while (binds := _POWERS.get(self._peek(), 0)) > power:
            operator = self._take()
            left = Binary(operator, left, self.expression(binds))
        return left

    def expect(self, wanted: str) -> None:
        if self._peek() != wanted:
            raise Untranslatable(f"{wanted!r} wanted, {self._peek()!r} found")
        self._place += 1

    def _operand(self) -> Expression:
        kind, text = self._tokens[self._place]
        if kind in {"text", "number"}:
            self._place += 1
            return Literal(text[1:-1] if kind == "text" else text, kind == "number")
        if text == "-":
            self._place += 1
            return Minus(self.expression(_UNARY))
        if text == "(":
            return self._in_parentheses()
        if kind == "name" and self._peek(1) == "(":
            return self._call()
        return self._path()

    def _in_parentheses(self) -> Expression:
        self.expect("(")
        inner = self.expression(0)
        self.expect(")")
        if self._peek() in {"[", "/", "//", "|"}:
            raise Untranslatable("a path that starts with an expression")
        return inner

    def _call(self) -> Call:
        name, arguments = self._take(), list[Expression]()
        self.expect("(")
        while self._peek() != ")":
            if arguments:
                self.expect(",")
            arguments.append(self.expression(0))
        self.expect(")")
        if not arguments and name in OF_CONTEXT:
            arguments.append(Path(absolute=False, steps=(Step("self", ""),)))
        return Call(name, tuple(arguments))

    def _path(self) -> Path:
        absolute = self._peek() == "/"
        if absolute:
            self._place += 1
        steps = [self._step()]
        while self._peek() == "/":
            self._place += 1
            steps.append(self._step())
        if self._peek() in {"|", "//"}:
            raise Untranslatable(self._peek())
        return Path(absolute, tuple(steps))

    def _step(self) -> Step:
        first = self._peek()
        if first in {".", ".."}:
            self._place += 1
            return Step("self" if first == "." else "parent", "")
        axis = "child"
        if first == "@":
            self._place += 1
            axis = "attribute"
        elif self._peek(1) == "::" and first in _AXES:
            self._place += 2
            axis = first
        return Step(axis, self._name(), tuple(self._predicates()))

    def _name(self) -> str:
        kind, name = self._tokens[self._place]
        if (kind != "name" and name != "*") or self._peek(1) in {"(", "::"}:
            raise Untranslatable(name)
        return self._take()

    def _predicates(self) -> list[Expression]:
        found = []
        while self._peek() == "[":
            self._place += 1
            found.append(self.expression(0))
            self.expect("]")
        return found

    def _peek(self, ahead: int = 0) -> str:
        place = self._place + ahead
        return self._tokens[place][1] if place < len(self._tokens) else ""

    def _take(self) -> str:
        self._place += 1
        return self._tokens[self._place - 1][1]
