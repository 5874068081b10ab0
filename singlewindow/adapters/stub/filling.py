"""A reply's values from its shape alone: everything that the WSDL asks for, and nothing that it leaves open."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any

from singlewindow.adapters.soap_shapes import ANY, Shape
from singlewindow.xsd.wsdl_answers import open_element

_NUMBERS = (
    "int", "integer", "long", "short", "byte", "nonNegativeInteger", "positiveInteger", "unsignedInt", "unsignedLong",
    "unsignedShort", "unsignedByte", "negativeInteger", "nonPositiveInteger",
)  # fmt: skip
_VALUES: Mapping[str, Callable[[], Any]] = {
    **dict.fromkeys(_NUMBERS, lambda: 0),
    "decimal": Decimal,
    "float": float,
    "double": float,
    "boolean": bool,
    "dateTime": lambda: datetime.now(UTC),
    "date": lambda: datetime.now(UTC).date(),
    "time": lambda: time(0, 0),
    "base64Binary": bytes,
    "hexBinary": bytes,
}


def fill_shape(shape: Shape) -> Any:
    """The least that zeep takes for a shape: required members only, each repeated one once."""
    if not shape.children:
        return _VALUES.get(shape.type, str)()
    return {child.keyword: _fill_member(child) for child in shape.children if child.required}


def _fill_member(shape: Shape) -> Any:
    value = open_element() if shape.name == ANY else fill_shape(shape)
    return [value] if shape.repeats else value
