"""The screen: one Python function that tells which rules an outlined declaration may break.

It has no say in what is reported. It asks a fraction of what libxml2 would take for the walk alone, and only the rules
it suspects are then put to libxml2. What it suspects need not be broken; what is broken it suspects, for outlines say
of themselves where white space was cut off (`ragged`). Rules that speak of more than one declaration, and those beyond
the XPath that `lowering` knows, are left out: `beyond` names them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from singlewindow.xsd.outline import Branch
from singlewindow.xsd.rules import comparisons, values
from singlewindow.xsd.rules.functions import Extensions
from singlewindow.xsd.rules.lowering import Lowering
from singlewindow.xsd.rules.lowering_paths import Scope, place_of, uses_below, uses_position, uses_self
from singlewindow.xsd.rules.xpath import Expression, Path, Step, Untranslatable, parse_xpath

_INDENT = "    "


@dataclass(frozen=True, slots=True)
class Asked:
    """An assertion to be screened: context and test as its file has them, and the prefixes of the file."""

    context: str
    test: str
    namespaces: Mapping[str, str]


@dataclass(slots=True)
class Block:
    """A block of the program: what is tested at its scope, by number, and the blocks inside."""

    scope: Scope
    tests: list[tuple[int, str]] = field(default_factory=list, init=False)
    below: dict[object, Block] = field(default_factory=dict, init=False)

    @property
    def tested(self) -> bool:
        """True where its own place matters, not only what is below it."""
        return bool(self.tests) or any(type(one) is Condition and one.tested for one in self.below.values())

    def write(self, indent: str) -> Iterator[str]:
        """The lines of its program; none where it holds no test."""
        body = [f"if not {test}: found.append({number})" for number, test in self.tests]
        body += [line for block in self.below.values() for line in block.write("")]
        if body:
            yield from (indent + line for line in self.head())
            yield from (indent + _INDENT + line for line in [*self.opening(), *body])

    def head(self) -> list[str]:
        """The lines before it."""
        return ["if True:"]

    def opening(self) -> list[str]:
        """Its first lines."""
        return []


@dataclass(slots=True)
class Condition(Block):
    """The same place, if a condition holds."""

    condition: str

    def head(self) -> list[str]:
        """The condition."""
        return [f"if {self.condition}:"]


@dataclass(slots=True)
class Loop(Block):
    """What goes round the elements of a name. `strict` is its source where childless ones count, too."""

    source: str
    strict: str

    def head(self) -> list[str]:
        """The loop, which keeps siblings and places where a test looks back."""
        scope, source = self.scope, self.strict if self.tested else self.source
        if not scope.numbered:
            return [f"for {scope.variable} in {source}:"]
        kept = f"s_{scope.variable}"
        return [f"{kept} = {source}", f"for k_{scope.variable}, {scope.variable} in enumerate({kept}):"]

    def opening(self) -> list[str]:
        """Its variables, and a look for elements where texts are read."""
        scope, lines = self.scope, []
        if not scope.is_leaf:
            lines += [f"{scope.texts} = {scope.variable}.texts", f"{scope.branches} = {scope.variable}.branches"]
        lines += [f"{name} = {source}" for source, name in scope.constants.items()]
        if scope.leaves:
            names = leaves_in(scope)
            lines.append(f"if not {names}.isdisjoint({scope.branches}): refuse_nested({scope.branches}, {names})")
        return lines


def leaves_in(scope: Scope) -> str:
    """The variable that holds the names read as texts at a scope."""
    return f"L_{scope.variable}"


class Screen:
    """Screens the declarations of one root. Immutable; `beyond` are the numbers of the assertions left out."""

    def __init__(self, look: Callable[[Branch], Sequence[int]], screened: Sequence[int], beyond: Sequence[int]) -> None:
        self._look, self._screened, self.beyond = look, screened, beyond

    def suspect(self, branch: Branch) -> Sequence[int]:
        """The numbers of the assertions that a declaration may break."""
        if branch.ragged:
            return self._screened
        try:
            return self._look(branch)
        except values.Odd:
            return self._screened


def build_screen(assertions: Sequence[Asked], root: str, unit: Sequence[str], functions: Extensions) -> Screen:
    """The screen of the declarations at the path `unit` below a root; both as Clark names, none for the root itself."""
    builder = _Builder(root, unit, functions)
    taken = [builder.take(number, assertion) for number, assertion in enumerate(assertions)]
    screened = [number for number, is_taken in enumerate(taken) if is_taken]
    beyond = [number for number, is_taken in enumerate(taken) if not is_taken]
    return Screen(builder.compile(), screened, beyond)


class _Builder:
    def __init__(self, root: str, unit: Sequence[str], functions: Extensions) -> None:
        self._path = [root, *unit]
        self._lowering = Lowering(functions, whole=not unit)
        self._scopes: list[Scope] = []
        self._top = Loop(self._scope(None, None, is_leaf=False), "(unit,)", "(unit,)")

    def take(self, number: int, assertion: Asked) -> bool:
        """False where libxml2 must be asked."""
        self._lowering.paths.namespaces = assertion.namespaces
        try:
            test = parse_xpath(assertion.test)
            block = self._find(parse_xpath(assertion.context), test)
            block.tests.append((number, self._lowering.bound(test, block.scope)))
        except Untranslatable:
            return False
        return True

    def compile(self) -> Callable[[Branch], Sequence[int]]:
        """The function that tells the numbers of the tests that failed."""
        lines = ["def look(unit):", f"{_INDENT}found = []", *self._top.write(_INDENT), f"{_INDENT}return found"]
        environment: dict[str, Any] = {**vars(values), **vars(comparisons)}
        environment |= self._lowering.environment
        environment |= {leaves_in(scope): frozenset(scope.leaves or ()) for scope in self._scopes}
        program = compile("\n".join(lines), f"<rules of {self._path[0]}>", "exec")
        exec(program, environment)  # noqa: S102 - generated above; of a rule's text it holds literals alone
        look: Callable[[Branch], Sequence[int]] = environment["look"]
        return look

    def _find(self, context: Expression, test: Expression) -> Block:
        """The block for a context, made where there is none yet."""
        if not isinstance(context, Path):
            raise Untranslatable("a context that is no path")
        length = len(self._path)
        names = [self._lowering.paths.qualify(step.name) for step in context.steps[:length]]
        if names != self._path or any(step.predicates for step in context.steps[: length - 1]):
            raise Untranslatable("a context outside the declarations")
        block, steps = self._given(self._top, context.steps[length - 1]), context.steps[length:]
        for step in steps[:-1]:
            block = self._given(self._step(block, step, "inner"), step)
        if not steps:
            return block
        block = self._step(block, steps[-1], _kind_of([test, *steps[-1].predicates]), tested=True)
        return self._given(block, steps[-1])

    def _given(self, block: Block, step: Step) -> Block:
        """The same place under the conditions of a step."""
        if not step.predicates:
            return block
        prefixes = tuple(sorted(self._lowering.paths.namespaces.items()))
        key = step.predicates, prefixes
        if key not in block.below:
            if any(uses_position(one) or place_of(one) for one in step.predicates):
                raise Untranslatable("a place in a context")
            conditions = [self._lowering.condition(one, block.scope) for one in step.predicates]
            block.below[key] = Condition(block.scope, " and ".join(conditions))
        return block.below[key]

    def _step(self, above: Block, step: Step, kind: str, *, tested: bool = False) -> Block:
        key = kind, self._lowering.paths.qualify(step.name)
        if step.axis != "child" or (step.name == "*" and (tested or step.predicates)):
            raise Untranslatable("a step of a context")
        if key not in above.below:
            scope = self._scope(above.scope, key[1], is_leaf=kind != "inner")
            above.below[key] = Loop(scope, *self._headers(above.scope, key[1], kind))
        return above.below[key]

    def _headers(self, scope: Scope, name: str, kind: str) -> tuple[str, str]:
        if name == "*":
            every = f"[one for ones in {scope.branches}.values() for one in ones]"
            return every, every
        if kind == "leaf":
            source = self._lowering.paths.leaf_source(scope, name)
            return source, source
        strict = f"{'inner_of' if kind == 'inner' else 'any_of'}({scope.variable}, {name!r})"
        return f"{scope.branches}.get({name!r}, ())", strict

    def _scope(self, above: Scope | None, name: str | None, *, is_leaf: bool) -> Scope:
        at = len(self._scopes)
        leaves = None if is_leaf else set[str]()
        scope = Scope(f"b{at}", above, is_leaf, f"t{at}", f"c{at}", leaves, repeats=name)
        self._scopes.append(scope)
        return scope


def _kind_of(expressions: Sequence[Expression]) -> str:
    """Whether they take their context for a leaf, for an element with content, or for neither."""
    is_leaf, is_inner = any(map(uses_self, expressions)), any(map(uses_below, expressions))
    if is_leaf and is_inner:
        raise Untranslatable("text and elements of one context")
    return "leaf" if is_leaf else "inner" if is_inner else "any"
