"""Unique lawful declarations by the million: a shipped sample cut where its numbers stand, joined around new ones.

Cut once, beforehand; a new document costs one `bytes.join`, so that the load driver can make them as it sends. All
documents of a recipe have the same length.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

SETS = Path(__file__).resolve().parents[1] / "singlewindow" / "xsd" / "sets"
DIGITS = 8
UNITS = 100

_HOLE = "{number}"
_INSPECTION = "<Inspection><Requested>true</Requested></Inspection>"


@dataclass(frozen=True, slots=True)
class Recipe:
    """A document with holes: `pieces` around the numbers, and how many declarations it holds.

    Every declaration's holes get its own number, as `declarations` stand one after another.
    """

    pieces: tuple[bytes, ...]
    holes_each: int
    declarations: int = 1

    def document(self, number: int, mark: str) -> bytes:
        """The document of this number; `mark`, four hexadecimal digits, tells runs apart.

        It is as clean as the sample it is made of: small letters in a guid would earn each declaration a warning.
        """
        first, prefix = number * self.declarations, mark.upper().encode()
        words = [b"%b%0*d" % (prefix, DIGITS, first + place) for place in range(self.declarations)]
        filled = [b""] * (2 * len(self.pieces) - 1)
        filled[::2] = self.pieces
        filled[1::2] = [word for word in words for _ in range(self.holes_each)]
        return b"".join(filled)


def _sample(message_set: str, name: str) -> str:
    text = (SETS / message_set / "samples" / "valid" / f"{name}.xml").read_text("utf-8")
    return re.sub(r"<!--.*?-->\s*", "", text, flags=re.DOTALL)


def _with_holes(document: str, *elements: str) -> str:
    """A hole in each of these elements; a guid keeps all but its last group, which a number fills exactly."""
    for element in elements:
        kept = r"(?:[0-9A-F]+-){4}" if element == "guid" else ""
        document, count = re.subn(rf"(<{element}>{kept})[^<]*(</{element}>)", rf"\g<1>{_HOLE}\g<2>", document)
        if count != 1:
            raise ValueError(f"the sample has {element} {count} times")
    return document


def _cut(document: str, declarations: int = 1) -> Recipe:
    pieces = tuple(piece.encode() for piece in document.split(_HOLE))
    return Recipe(pieces, (len(pieces) - 1) // declarations, declarations)


def _repeated(document: str, unit: str) -> Recipe:
    """The document with its one declaration a hundred times."""
    before, opening, rest = document.partition(f"<{unit}>")
    inside, closing, after = rest.partition(f"</{unit}>")
    return _cut(before + (opening + inside + closing + "\n  ") * UNITS + after, UNITS)


def _inventory() -> str:
    return _with_holes(_sample("ceb-2018", "inventory"), "guid", "orderNo", "logisticsNo", "copNo")


def inventory() -> Recipe:
    """CEB603 of one parcel: the single declaration of about 3 kB and 120 elements."""
    return _cut(_inventory())


def inventories() -> Recipe:
    """CEB603 of a hundred parcels, about 250 kB."""
    return _repeated(_inventory(), "Inventory")


def order() -> Recipe:
    """CEB303, which ends once customs has registered it."""
    return _cut(_with_holes(_sample("ceb-2018", "order"), "guid", "orderNo"))


def orders() -> Recipe:
    """CEB303 of a hundred orders."""
    return _repeated(_with_holes(_sample("ceb-2018", "order"), "guid", "orderNo"), "Order")


def road() -> Recipe:
    """One export declaration with one leg by road: customs, inspection and one carrier decide on it."""
    asked = _sample("export-1", "road").replace("</GoodsItem>", f"{_INSPECTION}</GoodsItem>", 1)
    return _cut(_with_holes(asked, "MessageIdentification", "LRN"))


RECIPES: dict[str, Callable[[], Recipe]] = {
    "inventory": inventory,
    "inventories": inventories,
    "order": order,
    "orders": orders,
    "road": road,
}
