"""Child paths of a manifest as lxml takes them."""

from __future__ import annotations

from collections.abc import Callable

from singlewindow.xsd.parser import Element

Find = Callable[[Element], str]


def clark(path: str, namespace: str) -> str:
    """A child path with every name in the namespace, as lxml's find takes it."""
    return "/".join(
        step if step in {".", "..", ""} or step.startswith("@") else f"{{{namespace}}}{step}" for step in path.split("/")
    )


def text_finder(path: str, namespace: str) -> Find:
    """A function that reads the text at a path below an element, stripped; empty where nothing is there."""
    steps, _, attribute = path.partition("@")
    steps = steps.rstrip("/")
    where = clark(steps, namespace)

    def find(element: Element) -> str:
        found = element if not steps or steps == "." else element.find(where)
        if found is None:
            return ""
        if attribute:
            return (found.get(attribute) or "").strip()
        return "" if len(found) else (found.text or "").strip()

    return find
