"""The structure of a request: which value goes where, and which elements are repeated for what."""

from __future__ import annotations

from dataclasses import dataclass

from singlewindow.adapters.declared.fields import Place
from singlewindow.xsd.wsdl_expressions import Expression


@dataclass(frozen=True, slots=True)
class Field:
    """A place and what is put there: an expression's value, or (None) the document the request carries."""

    place: Place
    expression: Expression | None

    @property
    def is_always_given(self) -> bool:
        """Whether there is a value for every declaration: a variable of ours where the WSDL asks for one."""
        return self.expression is None or bool(self.expression.variable and self.place.shape.required)


@dataclass(frozen=True, slots=True)
class Level:
    """The fields of one element and the repeated elements within it."""

    fields: tuple[Field, ...]
    items: ItemLevel | None = None


@dataclass(frozen=True, slots=True)
class ItemLevel:
    """A repeated element, one for `each` task, original or reference."""

    place: Place
    each: str
    level: Level
