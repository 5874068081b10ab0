"""Lowering the tests of rules from XPath 1.0 to Python, with XPath's meaning of comparisons and conversions.

Only what the screen needs is known; for the rest Untranslatable is raised and libxml2 asked. No text of a rule stands
in the program but as a literal that `repr` wrote.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import zip_longest
from typing import Any

from singlewindow.xsd.rules import values
from singlewindow.xsd.rules.functions import NAMESPACE, NODE_SET_FUNCTIONS, Extensions
from singlewindow.xsd.rules.lowered import EQUALITIES, FUNCTIONS, Lowered, compare
from singlewindow.xsd.rules.lowering_paths import Nodes, PathLowering, Scope, scopes_from
from singlewindow.xsd.rules.xpath import Binary, Call, Expression, Minus, Path, Step, Untranslatable
from singlewindow.xsd.rules.xpath import Literal as Constant

_ARITHMETIC = {
    "+": "({} + {})",
    "-": "({} - {})",
    "*": "({} * {})",
    "div": "divide({}, {})",
    "mod": "remainder({}, {})",
}
_OPPOSITE = {"True": "False", "False": "True"}
_EMPTY = Constant("", is_number=False)


class Lowering:
    """Lowers the tests of one declaration. `environment` is what the program needs beside `values`."""

    def __init__(self, functions: Extensions, *, whole: bool) -> None:
        self.paths = PathLowering(self.condition, whole=whole)
        self._functions = functions
        self.environment: dict[str, Any] = {}
        self._remembered: dict[tuple[object, ...], str] = {}

    def condition(self, test: Expression, scope: Scope) -> str:
        """A test as a Python condition. Raises Untranslatable, as for a predicate that is a number."""
        lowered = self.lower(test, scope)
        if lowered.kind == "number":
            raise Untranslatable("a number for a condition")
        return lowered.boolean()

    def bound(self, test: Expression, scope: Scope, *, unknown: str = "False") -> str:
        """A condition that is false wherever a test is: what cannot be lowered counts as `unknown` there.

        Raises Untranslatable where that leaves nothing to ask.
        """
        found = self._bound(test, scope, unknown)
        if found == "False":
            raise Untranslatable("nothing is known")
        return found

    def _bound(self, test: Expression, scope: Scope, unknown: str) -> str:
        if isinstance(test, Binary) and test.operator in {"and", "or"}:
            return _join(test.operator, [self._bound(part, scope, unknown) for part in (test.left, test.right)])
        if isinstance(test, Call) and test.name == "not" and len(test.arguments) == 1:
            inner = self._bound(test.arguments[0], scope, _OPPOSITE[unknown])
            return _OPPOSITE.get(inner) or f"(not {inner})"
        try:
            return self._bool(test, scope)
        except Untranslatable:
            return unknown

    def lower(self, expression: Expression, scope: Scope) -> Lowered:
        """An expression at a scope."""
        match expression:
            case Constant(value, is_number):
                number = repr(values.read_number(value)) if is_number else ""
                return Lowered("number", number) if is_number else Lowered("string", repr(value))
            case Path():
                return Lowered("nodes", nodes=self.paths.resolve(expression, scope))
            case Minus(operand):
                return Lowered("number", f"(-{self.lower(operand, scope).number()})")
            case Binary():
                return self._binary(expression, scope)
            case Call():
                return self._call(expression, scope)

    def _binary(self, expression: Binary, scope: Scope) -> Lowered:
        operator, left, right = expression.operator, expression.left, expression.right
        if operator in {"and", "or"}:
            return Lowered("boolean", f"({self._bool(left, scope)} {operator} {self._bool(right, scope)})")
        if operator in _ARITHMETIC:
            pair = self.lower(left, scope).number(), self.lower(right, scope).number()
            return Lowered("number", _ARITHMETIC[operator].format(*pair))
        if operator in EQUALITIES and (short := self._shortcut(expression, scope)):
            return Lowered("boolean", short)
        if _is_ancestral(right):
            alternatives = [Binary(operator, left, path) for path in self._ancestral(right, scope)]
            return Lowered("boolean", f"({' or '.join(self._bool(one, scope) for one in alternatives)})")
        return Lowered("boolean", f"({compare(operator, self.lower(left, scope), self.lower(right, scope))})")

    def _bool(self, expression: Expression, scope: Scope) -> str:
        return self.lower(expression, scope).boolean()

    def _shortcut(self, comparison: Binary, scope: Scope) -> str | None:
        """Comparisons that Python answers faster otherwise: whether spaces or letters leave nothing, or leave all."""
        left, right = comparison.left, comparison.right
        if isinstance(right, Call) and (not isinstance(left, Call) or left.name == "string"):
            left, right = right, left
        if not isinstance(left, Call) or left.name not in {"normalize-space", "translate"}:
            return None
        subject = self.lower(left.arguments[0], scope)
        is_whole = comparison.operator == "=" and _is_text_of(right, left.arguments[0], subject)
        if right != _EMPTY and not is_whole:
            return None
        text, negated = subject.string(), "" if comparison.operator == "!=" else "not "
        if left.name == "normalize-space":
            return _is_normal(text) if is_whole else f"({negated}{text}.strip(SPACES))"
        letters = left.arguments[1]
        if left.arguments[2:] != (_EMPTY,) or not isinstance(letters, Constant) or not letters.value:
            return None
        return self._lacks(text, letters.value) if is_whole else f"({negated}{text}.strip({letters.value!r}))"

    def _lacks(self, text: str, letters: str) -> str:
        finder = self._bind(("finds", letters), re.compile(f"[{re.escape(letters)}]").search)
        return f"({finder}({text}) is None)"

    def _ancestral(self, path: Expression, scope: Scope) -> list[Path]:
        """A path from every ancestor, as paths from each of them."""
        if not isinstance(path, Path) or not self.paths.whole:
            raise Untranslatable("ancestors")
        heights = range(1, len(scopes_from(scope)))
        return [Path(absolute=False, steps=(*(Step("parent", ""),) * height, *path.steps[1:])) for height in heights]

    def _call(self, call: Call, scope: Scope) -> Lowered:
        prefix, _, name = call.name.rpartition(":")
        if prefix:
            return self._extension(name, call, scope)
        if name in {"count", "position"}:
            return Lowered("number", self._place(call, scope))
        if name == "sum":
            texts = _nodes(self.lower(call.arguments[0], scope)).texts()
            return Lowered("number", f"total(map(number.__getitem__, {texts}))")
        if name == "normalize-space":
            return Lowered("string", self.paths.keep_normal(self.lower(call.arguments[0], scope).string()))
        if name == "translate":
            return Lowered("string", self._translate(call, scope))
        if name not in FUNCTIONS:
            raise Untranslatable(name)
        kind, least, most, write = FUNCTIONS[name]
        if not least <= len(call.arguments) <= most:
            raise Untranslatable(name)
        return Lowered(kind, write([self.lower(one, scope) for one in call.arguments]))

    def _translate(self, call: Call, scope: Scope) -> str:
        text, letters, others = call.arguments
        if not (isinstance(letters, Constant) and isinstance(others, Constant)):
            raise Untranslatable("translate with computed letters")
        pairs = [*zip_longest(letters.value, others.value[: len(letters.value)])]
        table = {ord(letter): other for letter, other in reversed(pairs)}
        return f"{self.lower(text, scope).string()}.translate({self._bind(('table', *table.items()), table)})"

    def _place(self, call: Call, scope: Scope) -> str:
        if call.name == "count":
            return _nodes(self.lower(call.arguments[0], scope)).count()
        if scope.position is None:
            raise Untranslatable("position() in no predicate")
        return f"float({scope.position})"

    def _extension(self, name: str, call: Call, scope: Scope) -> Lowered:
        function = self._functions[NAMESPACE, name]
        if name in NODE_SET_FUNCTIONS:
            texts = _nodes(self.lower(call.arguments[0], scope)).texts()
            return Lowered("string", f"{self._bind((name,), function)}(None, [*{texts}])")
        fixed = tuple(one.value if isinstance(one, Constant) else None for one in call.arguments)
        given = [self.lower(one, scope).string() for one in call.arguments if not isinstance(one, Constant)]
        remembered = self._bind((name, *fixed), values.Remembered(_fill(function, fixed)))
        return Lowered("boolean", f"{remembered}[{', '.join(given) or '()'}]")

    def _bind(self, key: tuple[object, ...], value: object) -> str:
        """The variable that holds a function; one for all calls that differ in nothing but their texts."""
        if key not in self._remembered:
            self._remembered[key] = f"f{len(self._remembered)}"
            self.environment[self._remembered[key]] = value
        return self._remembered[key]


def _join(operator: str, parts: list[str]) -> str:
    """Two conditions as one; a constant decides or is left out."""
    decides = "True" if operator == "or" else "False"
    left = [part for part in parts if part != _OPPOSITE[decides]]
    if decides in left or not left:
        return decides if left else _OPPOSITE[decides]
    return f"({f' {operator} '.join(left)})"


def _fill(function: Callable[..., Any], fixed: tuple[str | None, ...]) -> Callable[[Any], Any]:
    """The function of the texts that are not fixed: one text, or a tuple of several."""
    several = fixed.count(None) != 1

    def answer(given: Any) -> Any:
        left = iter(given if several else (given,))
        return function(None, *(next(left) if one is None else one for one in fixed))

    return answer


def _is_text_of(right: Expression, subject: Expression, lowered: Lowered) -> bool:
    """True where the right side is the one text of the subject, or its first text as a text."""
    alone = lowered.nodes is not None and lowered.nodes.alone is not None
    return (alone and right == subject) or right == Call("string", (subject,))


def _is_normal(text: str) -> str:
    """Where Python's own split leaves a text, normalize-space does; the reverse is asked for."""
    return f"(' '.join({text}.split()) == {text} or normalize({text}) == {text})"


def _is_ancestral(expression: Expression) -> bool:
    return isinstance(expression, Path) and not expression.absolute and expression.steps[0] == Step("ancestor", "*")


def _nodes(lowered: Lowered) -> Nodes:
    if lowered.nodes is None:
        raise Untranslatable("a node-set wanted")
    return lowered.nodes
