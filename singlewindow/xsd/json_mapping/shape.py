"""The shape of a message: which attributes and children an element may have, in which order, and which repeat.

Read from a schema, and all that the mapping knows of it. Nothing here knows of JSON.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, Literal

from xmlschema.validators import XsdAnyElement, XsdElement, XsdGroup

from singlewindow.errors import ConfigurationError
from singlewindow.xsd.explaining import Schema

TextKind = Literal["text", "elements", "mixed"]
"""What stands inside an element: text alone, elements alone (or nothing), or both mixed."""

_MANY = 2
"""Counted as "more than one": how many more does not matter here."""


@dataclass(frozen=True)
class Content:
    """What a type allows. `attributes` maps keys to Clark names; `open_attributes` says that others are taken too.

    `wildcard` is the number of children before the place where the schema takes any element, or None.
    """

    text: TextKind
    children: tuple[ElementShape, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    open_attributes: bool = False
    wildcard: int | None = None

    @cached_property
    def by_key(self) -> dict[str, ElementShape]:
        """The children by the key that tells them apart."""
        return {child.key: child for child in self.children}

    @cached_property
    def by_tag(self) -> dict[str, ElementShape]:
        """The children by Clark name."""
        return {child.tag: child for child in self.children}

    @cached_property
    def attribute_keys(self) -> dict[str, str]:
        """The keys of the attributes by Clark name."""
        return {name: key for key, name in self.attributes.items()}


@dataclass(frozen=True)
class ElementShape:
    """An element as a schema allows it. `key` is its local name, or its Clark name where a sibling has that already.

    `prefix` is the one that the schema's own file gives the namespace, empty where it gives none. `content` is read
    when first asked for and shared by all elements of a type, so that a type may contain itself.
    """

    name: str
    namespace: str
    key: str
    prefix: str
    repeatable: bool
    read: Callable[[], Content] = field(repr=False, compare=False)

    @cached_property
    def tag(self) -> str:
        """The Clark name."""
        return f"{{{self.namespace}}}{self.name}" if self.namespace else self.name

    @cached_property
    def content(self) -> Content:
        """What may stand in the element."""
        return self.read()


def build_shape(schema: Schema, root: str) -> ElementShape:
    """The shape of the documents with this root. Raises ConfigurationError where the schema declares none."""
    declared = schema.elements.get(root)
    if not isinstance(declared, XsdElement):
        raise ConfigurationError(f"{schema.url}: no element {root} is declared")
    return _ShapeBuilder().shape(declared, root, repeatable=False)


class _ShapeBuilder:
    """Reads types when they are asked for, each once."""

    def __init__(self) -> None:
        self._contents: dict[Any, Content] = {}

    def shape(self, declared: XsdElement, key: str, *, repeatable: bool) -> ElementShape:
        namespace = declared.name.rpartition("}")[0].removeprefix("{")
        prefixes = (one for one, uri in declared.schema.namespaces.items() if one and uri == namespace)
        prefix = next(prefixes, "") if namespace else ""
        read = partial(self._content, declared.type)
        return ElementShape(declared.local_name, namespace, key, prefix, repeatable, read)

    def _content(self, type_: Any) -> Content:
        if type_ not in self._contents:
            self._contents[type_] = self._read(type_)
        return self._contents[type_]

    def _read(self, type_: Any) -> Content:
        if not type_.is_complex():
            return Content("text")
        names = [str(name) for name, one in type_.attributes.items() if name is not None and one.use != "prohibited"]
        attributes = {_key(name, names): name for name in names}
        open_attributes = None in type_.attributes
        if not isinstance(type_.content, XsdGroup):
            return Content("text", (), attributes, open_attributes)
        children, wildcard = self._read_children(type_.content)
        return Content("mixed" if type_.mixed else "elements", children, attributes, open_attributes, wildcard)

    def _read_children(self, group: XsdGroup) -> tuple[tuple[ElementShape, ...], int | None]:
        most = _count_most(group)
        declared: dict[str, XsdElement] = {}
        wildcard = None
        for particle in group.iter_elements():
            if isinstance(particle, XsdElement):
                declared.update(
                    {one.name: one for one in _stand_ins(particle) if one.name in most.keys() - declared.keys()}
                )
            elif wildcard is None:
                wildcard = len(declared)
        shapes = (self.shape(one, _key(name, declared), repeatable=most[name] > 1) for name, one in declared.items())
        return tuple(shapes), wildcard


def _stand_ins(declared: XsdElement) -> Iterator[XsdElement]:
    """The element itself, unless it is abstract, and those of its substitution group."""
    if not declared.abstract:
        yield declared
    for one in declared.iter_substitutes():
        if not one.abstract:
            yield one


def _count_most(group: XsdGroup) -> Counter[str]:
    """How often each child may occur, counted as far as "more than one"."""
    counts = [_count_particle(particle) for particle in group]
    most: Counter[str] = Counter()
    for count in counts:
        if group.model == "choice":
            most |= count
        else:
            most += count
    return _multiply(most, group.max_occurs)


def _count_particle(particle: Any) -> Counter[str]:
    if isinstance(particle, XsdGroup):
        return _count_most(particle)
    if isinstance(particle, XsdAnyElement):
        return Counter()
    return _multiply(Counter({one.name: 1 for one in _stand_ins(particle)}), particle.max_occurs)


def _multiply(counts: Counter[str], occurs: int | None) -> Counter[str]:
    factor = _MANY if occurs is None else min(occurs, _MANY)
    return Counter({name: count * factor for name, count in counts.items() if count * factor})


def _key(name: str, siblings: Iterable[str]) -> str:
    """The local name, or the Clark name where an earlier sibling has the same local name."""
    local_name = name.rpartition("}")[2]
    first = next(one for one in siblings if one.rpartition("}")[2] == local_name)
    return local_name if first == name else name
