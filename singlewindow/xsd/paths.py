"""Child paths of a manifest as lxml takes them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from singlewindow.xsd.parser import Element


def clark(path: str, namespace: str) -> str:
    """A child path with every name in the namespace; `.`, `..` and attributes stay as they are."""
    return "/".join(qualify(step, namespace) for step in path.split("/"))


def find_below(element: Element, path: str, namespace: str) -> Element | None:
    """The first element at a path of children; a fifth of what lxml's `find` takes."""
    return next(descend(element, _tags(path, namespace)), None)


def find_all_below(element: Element, path: str, namespace: str) -> list[Element]:
    """Every element at a path of children, in document order."""
    return list(descend(element, _tags(path, namespace)))


def text_below(element: Element, path: str, namespace: str) -> str:
    """The text of the first element at a path without white space around it, empty where nothing is there."""
    found = find_below(element, path, namespace)
    return "" if found is None else (found.text or "").strip()


@lru_cache(maxsize=1024)
def _tags(path: str, namespace: str) -> tuple[str, ...]:
    return tuple(qualify(step, namespace) for step in path.split("/") if step != ".")


def descend(element: Element, tags: tuple[str, ...]) -> Iterator[Element]:
    """Every element that these Clark names of children lead to, in document order; none lead to the element itself."""
    if not tags:
        yield element
    elif len(tags) == 1:
        yield from element.iterchildren(tags[0])
    else:
        for child in element.iterchildren(tags[0]):
            yield from descend(child, tags[1:])


def qualify(step: str, namespace: str) -> str:
    """One name in the namespace; as it is where there is none."""
    return f"{{{namespace}}}{step}" if namespace and step[:1] not in {"", ".", "@"} else step
