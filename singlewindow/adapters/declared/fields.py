"""Where values go in a request: a path of element names, checked against the WSDL when the configuration is read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from singlewindow.adapters.soap_shapes import Shape
from singlewindow.errors import ConfigurationError

WHOLE = "."
"""The path of the body's element itself, where it is simple."""
# zeep's name for the text of an element that has attributes too
_TEXT = "_value_1"


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a request: the steps below an element, and the shape of the last."""

    path: str
    steps: tuple[Shape, ...]
    shape: Shape

    @property
    def keywords(self) -> tuple[str, ...]:
        """The steps as zeep names them."""
        return tuple(step.keyword for step in self.steps)

    def put(self, arguments: dict[str, Any], value: Any) -> None:
        """Put a value there, making what is on the way."""
        *above, last = self.keywords
        holder = arguments
        for keyword in above:
            holder = holder.setdefault(keyword, {})
        if self.shape.repeats and not isinstance(value, list):
            value = [value]
        holder[last] = value


def find_place(root: Shape, path: str) -> Place:
    """Find a path below an element. Raises ConfigurationError that says what there is instead."""
    if path == WHOLE:
        if root.children:
            known = ", ".join(_list_paths(root))
            raise ConfigurationError(f"{root.name} is not simple; name what is in it: {known}")
        return Place(path, (), root)
    shape, steps = root, []
    for step in path.split("/"):
        child = shape.child(step)
        if child is None:
            known = ", ".join(child.label for child in shape.children) or "nothing (write `.` for its text)"
            raise ConfigurationError(f"{shape.name} holds no {step}; it holds {known}")
        steps.append(child)
        shape = child
    return _with_text(Place(path, tuple(steps), shape))


def _with_text(place: Place) -> Place:
    """Where an element has attributes beside its text, the text has a place of its own."""
    text = next((child for child in place.shape.children if child.keyword == child.name == _TEXT), None)
    return place if text is None else Place(place.path, (*place.steps, text), text)


def required_paths(shape: Shape, above: str = "") -> Iterator[Place]:
    """The simple elements below an element that the WSDL asks for, as places."""
    for child in shape.children:
        if not child.required:
            continue
        path = f"{above}{child.label}"
        if child.children:
            yield from required_paths(child, f"{path}/")
        else:
            yield Place(path, (), child)


def _list_paths(shape: Shape) -> Iterator[str]:
    for child in shape.children:
        yield child.label if not child.children else f"{child.label}/…"
