"""From a place in the XML that was judged to the place in the JSON that it was written from."""

from __future__ import annotations

import re

from singlewindow.xsd.json_mapping.foreign_content import MEMBER as RAW
from singlewindow.xsd.json_mapping.refusals import escape
from singlewindow.xsd.json_mapping.shape import ElementShape

_STEP = re.compile(r"([^\[\]]+)(?:\[(\d+)\])?\Z")


def json_pointer(xml_pointer: str, shape: ElementShape) -> str | None:
    """The JSON pointer of an XPath of local names, or None where it does not start at this shape's root.

    `/CEB603Message/Inventory[2]/InventoryHead/orderNo` is `/CEB603Message/Inventory/1/InventoryHead/orderNo`. An array
    without ordinal is pointed at itself at the end of the path (an element is missing) and is its first entry within.
    Below an element that the shape does not know, the pointer is that of the raw XML.
    """
    steps = xml_pointer.removeprefix("/").split("/")
    if _split(steps[0])[0] != shape.name:
        return None
    pointer = [shape.name]
    for number, step in enumerate(steps[1:], 2):
        name, ordinal = _split(step)
        if name.startswith("@"):
            pointer.append(name)
            break
        child = _find(shape, name)
        if child is None:
            pointer.append(RAW)
            break
        shape = child
        pointer += _locate(child, ordinal, last=number == len(steps))
    return "/" + "/".join(escape(step) for step in pointer)


def _split(step: str) -> tuple[str, int | None]:
    found = _STEP.match(step)
    return (found[1], int(found[2]) if found[2] else None) if found else (step, None)


def _find(shape: ElementShape, name: str) -> ElementShape | None:
    """The child of this key, which is its local name unless a sibling has that already."""
    return shape.content.by_key.get(name)


def _locate(child: ElementShape, ordinal: int | None, *, last: bool) -> list[str]:
    if not child.repeatable or (last and ordinal is None):
        return [child.key]
    return [child.key, str((ordinal or 1) - 1)]
