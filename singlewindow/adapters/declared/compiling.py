"""Operations of agency.toml compiled against the WSDL: every path must exist there, every expression must be sound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from singlewindow.adapters.declared.bodies import BODY, BodyMaker
from singlewindow.adapters.declared.configuration import Items, Operation
from singlewindow.adapters.declared.fields import find_place
from singlewindow.adapters.declared.levels import Field, ItemLevel, Level
from singlewindow.adapters.declared.reading import AgencyFolder
from singlewindow.adapters.declared.requests import RequestPlan
from singlewindow.adapters.soap import ServiceDescription
from singlewindow.adapters.soap_shapes import Shape
from singlewindow.errors import ConfigurationError
from singlewindow.xsd.wsdl_expressions import Expression, compile_expression

Keys = tuple[str, ...]

_WITHIN = {"original": "task", "task": "reference"}


@dataclass(frozen=True, slots=True)
class Variables:
    """The variables known at each level of a request."""

    call: Sequence[str]
    message: Sequence[str]
    task: Sequence[str]
    reference: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class RequestCompiler:
    """Compiles the operations of one agency. All raise ConfigurationError naming file, table and key."""

    read: AgencyFolder
    variables: Variables
    maker: BodyMaker | None = None

    def compile(self, keys: Keys, operation: Operation, service: ServiceDescription) -> RequestPlan:
        """The plan of an operation's requests. Without items they are about one task, and may speak of it on top."""
        with self.read.blame(*keys, "operation"):
            shape = service.describe(operation.operation)
        known = self.variables.task if operation.items is None else self.variables.call
        plan = RequestPlan(
            service,
            operation.operation,
            self._level(shape.request, operation.fields, operation.items, keys, known),
            self._blocks(shape.headers, operation.headers, (*keys, "headers"), known),
            self._free_headers(operation.headers, (*keys, "headers"), known),
            self.read.agency.namespaces,
            self.maker,
        )
        return plan.with_stencil()

    def _level(
        self, shape: Shape, fields: Mapping[str, str], items: Items | None, keys: Keys, known: Sequence[str]
    ) -> Level:
        compiled = (self._field(shape, path, source, (*keys, "fields", path), known) for path, source in fields.items())
        return Level(tuple(compiled), None if items is None else self._items(shape, items, (*keys, "items")))

    def _items(self, shape: Shape, items: Items, keys: Keys) -> ItemLevel:
        with self.read.blame(*keys):
            place = find_place(shape, items.path)
            if not place.shape.repeats:
                raise ConfigurationError(f"path: {items.path} may stand only once, says the WSDL")
            if items.items is not None and items.items.each != _WITHIN.get(items.each):
                raise ConfigurationError("an original's items hold items of tasks, a task's those of references")
            if items.each == "reference" and keys[-2:] != ("items", "items"):
                raise ConfigurationError("items of references stand within those of a task")
        known = {
            "task": self.variables.task,
            "original": self.variables.message,
            "reference": self.variables.reference,
        }[items.each]
        return ItemLevel(place, items.each, self._level(place.shape, items.fields, items.items, keys, known))

    def _field(self, shape: Shape, path: str, source: str, keys: Keys, known: Sequence[str]) -> Field:
        with self.read.blame(*keys):
            place = find_place(shape, path)
            if source != BODY:
                return Field(place, self._expression(source, known))
            if self.maker is None or "sha256" not in known:
                raise ConfigurationError("$body stands only where a message is spoken of")
            self.maker.check(place.shape)
            return Field(place, None)

    def _blocks(
        self, blocks: Sequence[Shape], headers: Mapping[str, str], keys: Keys, known: Sequence[str]
    ) -> tuple[Field, ...]:
        parent = Shape("the header", "", children=tuple(_name_as_part(block) for block in blocks))
        declared = ((path, source) for path, source in headers.items() if ":" not in path)
        return tuple(self._field(parent, path, source, (*keys, path), known) for path, source in declared)

    def _free_headers(
        self, headers: Mapping[str, str], keys: Keys, known: Sequence[str]
    ) -> tuple[tuple[str, Expression], ...]:
        compiled = []
        for path, source in headers.items():
            if ":" in path:
                with self.read.blame(*keys, path):
                    self._check_prefixes(path)
                    compiled.append((path, self._expression(source, known)))
        return tuple(compiled)

    def _check_prefixes(self, path: str) -> None:
        for step in path.split("/"):
            if step.rpartition(":")[0] not in self.read.agency.namespaces:
                raise ConfigurationError(f"{step} needs a prefix of [namespaces]")

    def _expression(self, source: str, known: Sequence[str]) -> Expression:
        return compile_expression(source, self.read.agency.namespaces, known)


def _name_as_part(block: Shape) -> Shape:
    """A header block under the name that the WSDL gives its part."""
    return Shape(
        block.keyword, block.keyword, block.type, block.type_namespace, block.required, children=block.children
    )
