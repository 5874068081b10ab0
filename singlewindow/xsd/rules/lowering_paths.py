"""Lowering XPath's paths to Python over outlined declarations.

A `Scope` is a place the program stands at: an element (a Branch variable) or a leaf (a text variable), with the scope
it was reached from. `Nodes` is a path from there, lowered as it is used: its texts, the first of them, whether it
leads anywhere, how many it finds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from singlewindow.xsd.rules.xpath import Binary, Call, Expression, Literal, Minus, Path, Step, Untranslatable

LowerPredicate = Callable[[Expression, "Scope"], str]


@dataclass(slots=True)
class Scope:
    """A place. `leaves` collects the names read as texts below it, which its loop checks; None: checked as read.

    `constants` are expressions that its loop computes once, and the variables that hold them. `repeats` is its own name
    where a loop gives it; then `numbered` says that its loop must keep siblings and place.
    """

    variable: str
    parent: Scope | None
    is_leaf: bool = False
    texts: str = ""
    branches: str = ""
    leaves: set[str] | None = None
    position: str | None = None
    repeats: str | None = None
    numbered: bool = False
    constants: dict[str, str] = field(default_factory=dict)

    @property
    def earlier(self) -> str:
        """Its preceding siblings of the same name, as its loop keeps them."""
        return f"s_{self.variable}[:k_{self.variable}]"


@dataclass(slots=True)
class Walk:
    """The clauses of a generator expression that walks some steps, and the scope it ends at."""

    scope: Scope
    clauses: list[str] = field(default_factory=list)


class PathLowering:
    """Lowers the paths of one declaration; `predicate` lowers a condition at a scope.

    `whole` says that the declaration is the document, so that absolute paths and ancestors lie within it.
    """

    def __init__(self, predicate: LowerPredicate, *, whole: bool) -> None:
        self._predicate = predicate
        self.whole = whole
        self.namespaces: Mapping[str, str] = {}
        self._kept: dict[str, Scope] = {}

    def resolve(self, path: Path, scope: Scope) -> Nodes:
        """The nodes of a path from a scope. Raises Untranslatable."""
        steps = _checked(path.steps)
        anchor, steps = self._anchor(path, steps, scope)
        walk = Walk(anchor)
        if steps and steps[0].axis == "preceding-sibling":
            walk, steps = self._step_back(anchor, steps[0]), steps[1:]
        if any(step.axis not in {"child", "attribute"} or step.name == "*" for step in steps):
            raise Untranslatable("an axis")
        if steps and walk.scope.is_leaf:
            raise Untranslatable("below a leaf")
        return Nodes(self, walk, steps, upward=walk.scope is not scope and not walk.clauses)

    def _anchor(self, path: Path, steps: list[Step], scope: Scope) -> tuple[Scope, list[Step]]:
        """Where a path starts once it went up, and the steps left."""
        if path.absolute:
            if steps[0] != Step("child", "*") or not self.whole:
                raise Untranslatable("an absolute path")
            scope, steps = scopes_from(scope)[-1], steps[1:]
        while steps and steps[0].axis == "parent":
            scope, steps = _above(scope), steps[1:]
        return scope, steps

    def _step_back(self, scope: Scope, step: Step) -> Walk:
        if scope.repeats is None or self.qualify(step.name) != scope.repeats or step.predicates:
            raise Untranslatable("siblings of other names")
        scope.numbered = True
        found = self._scope(scope.parent, is_leaf=scope.is_leaf)
        return Walk(found, [f"for {found.variable} in {scope.earlier}"])

    def descend(self, walk: Walk, step: Step) -> Walk:
        """A walk that goes on to elements with content."""
        at, name = walk.scope, repr(self.qualify(step.name))
        source = f"inner_of({at.variable}, {name})" if step.predicates else f"{at.branches}.get({name}, ())"
        return self._choose(walk, step, source, is_leaf=False)

    def read(self, walk: Walk, step: Step) -> Walk:
        """A walk that ends at leaves."""
        return self._choose(walk, step, self.leaf_source(walk.scope, self.qualify(step.name)), is_leaf=True)

    def _choose(self, walk: Walk, step: Step, source: str, *, is_leaf: bool) -> Walk:
        found, predicates = self._scope(walk.scope, is_leaf=is_leaf), list(step.predicates)
        if predicates and (place := place_of(predicates[0])):
            source, predicates = f"{source}[{place - 1}:{place}]", predicates[1:]
        elif predicates and uses_position(predicates[0]):
            found.position = f"i_{found.variable}"
            head = f"for {found.position}, {found.variable} in enumerate({source}, 1)"
            condition = self._predicate(predicates[0], found)
            found.position = None
            return self._filter(Walk(found, [*walk.clauses, head, f"if {condition}"]), predicates[1:])
        return self._filter(Walk(found, [*walk.clauses, f"for {found.variable} in {source}"]), predicates)

    def _filter(self, walk: Walk, predicates: Sequence[Expression]) -> Walk:
        """Only the first predicate may speak of positions: those after it would count what it left."""
        if any(uses_position(predicate) or place_of(predicate) for predicate in predicates):
            raise Untranslatable("a position after another predicate")
        walk.clauses += [f"if {self._predicate(predicate, walk.scope)}" for predicate in predicates]
        return walk

    def leaf_source(self, scope: Scope, name: str) -> str:
        """The texts of the children of a name."""
        if scope.leaves is None:
            return f"leaves_of({scope.variable}, {name!r})"
        scope.leaves.add(name)
        return f"{scope.texts}.get({name!r}, ())"

    def keep(self, source: str, scope: Scope) -> str:
        """The variable that holds an expression at a scope with a loop, which computes it once; else the expression."""
        if scope.leaves is None:
            return source
        if source not in scope.constants:
            scope.constants[source] = f"k{len(scope.constants)}_{scope.variable}"
            self._kept[scope.constants[source]] = scope
        return scope.constants[source]

    def keep_normal(self, text: str) -> str:
        """The normalized text; kept beside the text where that is kept."""
        normal = f"normal[{text}]"
        return self.keep(normal, self._kept[text]) if text in self._kept else normal

    def qualify(self, name: str) -> str:
        """The Clark name of a prefixed one, by the prefixes of its file."""
        prefix, _, local = name.rpartition(":")
        if prefix and prefix not in self.namespaces:
            raise Untranslatable(prefix)
        return f"{{{self.namespaces[prefix]}}}{local}" if prefix else local

    def _scope(self, parent: Scope | None, *, is_leaf: bool) -> Scope:
        """Named by its depth, so that equal paths are lowered to equal expressions."""
        variable = f"x{len(scopes_from(parent)) if parent else 0}"
        return Scope(variable, parent, is_leaf, f"{variable}.texts", f"{variable}.branches")


@dataclass(frozen=True, slots=True)
class Nodes:
    """A node-set: a walk already begun, and the child steps left, the last of which may be an attribute.

    What is found without conditions from further up (`upward`) is found once for everything that asks from there.
    """

    lowering: PathLowering
    walk: Walk
    steps: list[Step]
    upward: bool = False

    @property
    def alone(self) -> str | None:
        """The text, where there is exactly one: the context, which is a leaf."""
        is_single = not self.steps and not self.walk.clauses and self.walk.scope.is_leaf
        return self.walk.scope.variable if is_single else None

    def texts(self) -> str:
        """An iterable of the texts, in document order."""
        if self.alone is not None:
            return f"({self.alone},)"
        if (listed := self._listed()) is not None:
            return listed
        variable, clauses = self.clauses()
        found = f"{variable} {' '.join(clauses)}"
        return self.lowering.keep(f"[{found}]", self.walk.scope) if self._is_plain() else f"({found})"

    def clauses(self) -> tuple[str, list[str]]:
        """The variable that stands for a text, and the clauses of a generator expression that walks there."""
        walk = self._inner()
        if self.steps and self.steps[-1].axis == "attribute":
            attributes = f"{walk.scope.variable}.attributes"
            name = repr(self.lowering.qualify(self.steps[-1].name))
            return f"{attributes}[{name}]", [*(walk.clauses or ["for _ in (0,)"]), f"if {name} in {attributes}"]
        if self.steps:
            walk = self.lowering.read(walk, self.steps[-1])
        if not walk.scope.is_leaf:
            raise Untranslatable("the text of an element with elements")
        return walk.scope.variable, walk.clauses or [f"for _ in ({walk.scope.variable},)"]

    def first(self) -> str:
        """The first text, empty where there is none."""
        if self.alone is not None:
            return self.alone
        if (listed := self._listed()) is not None:
            return self.lowering.keep(f"({listed} or NOTHING)[0]", self.walk.scope)
        variable, clauses = self.clauses()
        found = f"next(({variable} {' '.join(clauses)}), '')"
        return self.lowering.keep(found, self.walk.scope) if self._is_plain() else found

    def numbers(self) -> str | None:
        """A list of the numbers, where one is kept."""
        listed = self._listed()
        if listed is None or self.walk.scope.leaves is None:
            return None
        return self.lowering.keep(f"[number[text] for text in {listed}]", self.walk.scope)

    def exists(self) -> str:
        """Whether there is any."""
        if not self.steps:
            return "True" if not self.walk.clauses else f"any(True {' '.join(self.walk.clauses)})"
        walk, last = self._inner(), self.steps[-1]
        if last.axis == "attribute":
            clauses = self.clauses()[1]
            return f"any(True {' '.join(clauses)})"
        if last.predicates:
            return f"any(True {' '.join(self._chosen(walk, last).clauses)})"
        scope, name = walk.scope, repr(self.lowering.qualify(last.name))
        found = f"({name} in {scope.texts} or {name} in {scope.branches})"
        return f"any({found} {' '.join(walk.clauses)})" if walk.clauses else found

    def count(self) -> str:
        """How many there are, as a number."""
        if not self.steps or self.steps[-1].axis == "attribute":
            raise Untranslatable("a count")
        walk, last = self._inner(), self.steps[-1]
        if last.predicates:
            return f"float(sum(1 {' '.join(self._chosen(walk, last).clauses)}))"
        found = f"len(any_of({walk.scope.variable}, {self.lowering.qualify(last.name)!r}))"
        counted = f"float(sum({found} {' '.join(walk.clauses)}))" if walk.clauses else f"float({found})"
        return self.lowering.keep(counted, self.walk.scope) if self._is_plain() else counted

    def _is_plain(self) -> bool:
        is_loop = self.walk.scope.leaves is not None
        return self.upward and is_loop and all(place_of(one) for step in self.steps for one in step.predicates)

    def _listed(self) -> str | None:
        """The one list that holds the texts, where there is one."""
        if len(self.steps) != 1 or self.walk.clauses or self.steps[0].predicates or self.steps[0].axis != "child":
            return None
        return self.lowering.leaf_source(self.walk.scope, self.lowering.qualify(self.steps[0].name))

    def _chosen(self, walk: Walk, step: Step) -> Walk:
        """Where nothing tells what a last step is, it is taken for an element with content."""
        leads = self.lowering.read if any(uses_self(one) for one in step.predicates) else self.lowering.descend
        return leads(walk, step)

    def _inner(self) -> Walk:
        walk = Walk(self.walk.scope, list(self.walk.clauses))
        for step in self.steps[:-1]:
            walk = self.lowering.descend(walk, step)
        return walk


def _checked(steps: Sequence[Step]) -> list[Step]:
    """The steps without `.`; named parents and conditions on attributes are not known."""
    if any(step.name and step.axis in {"self", "parent"} for step in steps):
        raise Untranslatable("the name of the context")
    if any(step.axis == "attribute" and (step.predicates or step is not steps[-1]) for step in steps):
        raise Untranslatable("conditions on an attribute")
    return [step for step in steps if step.axis != "self"]


def _above(scope: Scope) -> Scope:
    if scope.parent is None:
        raise Untranslatable("above the declaration")
    return scope.parent


def scopes_from(scope: Scope) -> list[Scope]:
    """A scope and those above it."""
    return [scope, *(scopes_from(scope.parent) if scope.parent else [])]


def place_of(predicate: Expression) -> int:
    """The place a predicate of digits alone names, 0 for every other predicate."""
    is_place = isinstance(predicate, Literal) and predicate.is_number and predicate.value.isdecimal()
    return int(predicate.value) if is_place and isinstance(predicate, Literal) else 0


def parts(expression: Expression) -> list[Expression]:
    """The expressions an expression is made of; predicates have contexts of their own and do not count."""
    if isinstance(expression, Call):
        return list(expression.arguments)
    if isinstance(expression, Binary):
        return [expression.left, expression.right]
    return [expression.operand] if isinstance(expression, Minus) else []


def uses_position(expression: Expression) -> bool:
    """True where it asks for its place among its siblings, or counts as a place itself."""
    asks = isinstance(expression, Call) and expression.name in {"position", "last"}
    return asks or any(uses_position(part) for part in parts(expression))


def paths_of(expression: Expression) -> list[Path]:
    """The paths from its context."""
    if isinstance(expression, Path):
        return [expression]
    return [path for part in parts(expression) for path in paths_of(part)]


def uses_self(expression: Expression) -> bool:
    """True where it reads the text of its context."""
    return any(not path.absolute and all(step.axis == "self" for step in path.steps) for path in paths_of(expression))


def uses_below(expression: Expression) -> bool:
    """True where it looks below its context."""
    relative = [[step.axis for step in path.steps] for path in paths_of(expression) if not path.absolute]
    return any(next((axis for axis in axes if axis != "self"), "") in {"child", "attribute"} for axes in relative)
