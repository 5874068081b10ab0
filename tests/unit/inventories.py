"""A message of many inventories, made of the shipped one: each with its own numbers."""

from __future__ import annotations

from copy import deepcopy

from singlewindow.xsd.catalogue import BUILT_IN
from singlewindow.xsd.parser import Element, parse

SAMPLE = BUILT_IN / "ceb-2018" / "samples" / "valid" / "inventory.xml"
OWN = ("guid", "copNo", "orderNo", "logisticsNo")


def message_of_inventories(count: int) -> Element:
    """The root of a valid CEB603 message with so many declarations."""
    root = parse(SAMPLE.read_bytes())
    first = next(root.iterchildren("{*}Inventory"))
    place = root.index(first)
    for number in range(1, count):
        copied = deepcopy(first)
        for name in OWN:
            for element in copied.iter(f"{{*}}{name}"):
                element.text = f"{str(element.text)[:-3]}{number:03d}"
        root.insert(place + number, copied)
    return root
