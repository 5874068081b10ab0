"""Python expressions that XPath was lowered to: their conversions, comparisons and functions, with XPath's meaning."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from singlewindow.xsd.rules.comparisons import COMPARISONS
from singlewindow.xsd.rules.lowering_paths import Nodes
from singlewindow.xsd.rules.xpath import Untranslatable

Kind = Literal["boolean", "number", "string", "nodes"]
EQUALITIES = frozenset({"=", "!="})
_FLIPPED = {"=": "=", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_PYTHON = {"=": "==", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_WHOLE = re.compile(r"[0-9]{1,9}\.0")


@dataclass(frozen=True, slots=True)
class Lowered:
    """A Python expression and what it gives; for a node-set, the nodes."""

    kind: Kind
    source: str = ""
    nodes: Nodes | None = None

    def boolean(self) -> str:
        """Its truth value."""
        if self.nodes is not None:
            return self.nodes.exists()
        if self.kind == "number":
            return f"is_true({self.source})"
        return self.source if self.kind == "boolean" else f"({self.source} != '')"

    def number(self) -> str:
        """Its number."""
        if self.kind == "number":
            return self.source
        return f"float({self.source})" if self.kind == "boolean" else f"number[{self.string()}]"

    def string(self) -> str:
        """Its text; how libxml2 writes numbers is not imitated."""
        if self.nodes is not None:
            return self.nodes.first()
        if self.kind != "string":
            raise Untranslatable("a number as a text")
        return self.source


def compare(operator: str, left: Lowered, right: Lowered) -> str:
    """A comparison: of node-sets, true where it is of some node or pair of nodes. Raises Untranslatable."""
    if left.nodes is None and right.nodes is not None:
        return compare(_FLIPPED[operator], right, left)
    sign = _PYTHON[operator]
    if "boolean" in {left.kind, right.kind} and operator in EQUALITIES:
        return f"{left.boolean()} {sign} {right.boolean()}"
    if left.nodes is not None and right.kind != "boolean":
        return _compare_nodes(operator, left.nodes, right)
    if operator in EQUALITIES and left.kind == right.kind == "string":
        return f"{left.source} {sign} {right.source}"
    if left.nodes is not None:
        raise Untranslatable("whether a node-set is more than a truth value")
    counted = left.source.startswith("len(") and _WHOLE.fullmatch(right.source)
    return f"{left.number()} {sign} {right.source[:-2] if counted else right.number()}"


def _compare_nodes(operator: str, nodes: Nodes, other: Lowered) -> str:
    """With other nodes, one by one; with those that are one text, with that."""
    if other.nodes is None:
        return _compare_value(operator, nodes, other)
    if other.nodes.alone is not None:
        return _compare_value(operator, nodes, _one(operator, other.nodes.alone))
    if nodes.alone is not None:
        return _compare_value(_FLIPPED[operator], other.nodes, _one(operator, nodes.alone))
    return _compare_pairs(operator, nodes.texts(), other.nodes.texts())


def _compare_pairs(operator: str, left: str, right: str) -> str:
    if operator in EQUALITIES:
        return f"any(n1 {_PYTHON[operator]} n2 for n1 in {left} for n2 in {right})"
    if operator in {">", ">="}:
        return _compare_pairs(_FLIPPED[operator], right, left)
    return f"{'some_less_pair' if operator == '<' else 'some_at_most_pair'}({left}, {right})"


def _one(operator: str, text: str) -> Lowered:
    """One text, as an operator compares it with another text."""
    return Lowered("string", text) if operator in EQUALITIES else Lowered("number", f"number[{text}]")


def _compare_value(operator: str, nodes: Nodes, value: Lowered) -> str:
    """With one text or number."""
    sign, as_texts = _PYTHON[operator], operator in EQUALITIES and value.kind != "number"
    source = value.string() if as_texts else value.number()
    if nodes.alone is not None:
        return f"{nodes.alone if as_texts else f'number[{nodes.alone}]'} {sign} {source}"
    if as_texts:
        texts = nodes.texts()
        return f"{source} in {texts}" if operator == "=" else f"any(n1 != {source} for n1 in {texts})"
    if operator in EQUALITIES and _WHOLE.fullmatch(source) and (kept := nodes.numbers()):
        return f"{source} in {kept}" if operator == "=" else f"{kept}.count({source}) != len({kept})"
    return f"{COMPARISONS[operator].__name__}({nodes.texts()}, {source})"


def _substring(arguments: list[Lowered]) -> str:
    """Whole places are sliced."""
    text, places = arguments[0].string(), [one.number() for one in arguments[1:]]
    if all(_WHOLE.fullmatch(place) for place in places) and float(places[0]) >= 1:
        start = int(float(places[0])) - 1
        return f"{text}[{start}:{start + int(float(places[1])) if len(places) > 1 else ''}]"
    return f"substring({text}, {', '.join(places)})"


Write = Callable[[list[Lowered]], str]

FUNCTIONS: dict[str, tuple[Kind, int, int, Write]] = {
    "true": ("boolean", 0, 0, lambda _: "True"),
    "false": ("boolean", 0, 0, lambda _: "False"),
    "not": ("boolean", 1, 1, lambda given: f"(not {given[0].boolean()})"),
    "boolean": ("boolean", 1, 1, lambda given: f"({given[0].boolean()})"),
    "number": ("number", 1, 1, lambda given: given[0].number()),
    "floor": ("number", 1, 1, lambda given: f"floor({given[0].number()})"),
    "round": ("number", 1, 1, lambda given: f"round_half_up({given[0].number()})"),
    "string-length": ("number", 1, 1, lambda given: f"len({given[0].string()})"),
    "string": ("string", 1, 1, lambda given: given[0].string()),
    "concat": ("string", 2, 99, lambda given: f"({' + '.join(one.string() for one in given)})"),
    "contains": ("boolean", 2, 2, lambda given: f"({given[1].string()} in {given[0].string()})"),
    "starts-with": ("boolean", 2, 2, lambda given: f"{given[0].string()}.startswith({given[1].string()})"),
    "substring-before": ("string", 2, 2, lambda given: f"before({given[0].string()}, {given[1].string()})"),
    "substring-after": ("string", 2, 2, lambda given: f"after({given[0].string()}, {given[1].string()})"),
    "substring": ("string", 2, 3, _substring),
}
"""What a function gives, the fewest and the most arguments it takes, and how its call is written."""
