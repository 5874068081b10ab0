"""What the load files: every document under keys of its own, so that each one taken has effects to be counted."""

from __future__ import annotations

import hashlib
import itertools
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from uuid import uuid4

from tests.end_to_end.documents import Parcel, order_message, sample, set_text

CANARY = "CANARY7Q"
"""Stands in every document; no log may ever show it."""


@dataclass(frozen=True)
class Document:
    """One message to file. `lawful` is false where it must be refused; `units` are its declarations."""

    key: str
    body: bytes
    units: int = 1
    lawful: bool = True

    @property
    def sha256(self) -> str:
        """Of its bytes."""
        return hashlib.sha256(self.body).hexdigest()


WORDS = ("FAULT", "HTTP500", "LOST", "DUPLICATE", "DISORDER", "SLOW")
"""Magic words of the sandbox after which everything still ends well: what its agencies suffer throughout."""

TROUBLED = 0.15
"""Part of the parcels and exports whose agencies act by such a word."""


def compose(dice: random.Random, run: str) -> Iterator[Document]:
    """Documents without end: parcels of three messages, four-leg exports, messages of ten orders, and broken ones."""
    for number in itertools.count(1):
        shape = dice.choices(("parcel", "export", "orders", "broken"), (5, 1, 2, 1))[0]
        yield from _SHAPES[shape](f"{run}{number:06d}", _trouble(dice))


def compose_parcels(dice: random.Random, run: str, code: str) -> Iterator[Document]:
    """Parcels without end, all of whose companies have codes that begin with `code` (nine digits)."""
    codes = [f"{code}{last}" for last in range(1, 6)]
    for number in itertools.count(1):
        yield from _parcel(f"{run}{number:06d}", _trouble(dice), codes)


def _trouble(dice: random.Random) -> str:
    return dice.choice(WORDS) if dice.random() < TROUBLED else ""


def _parcel(name: str, word: str, codes: Sequence[str] = ()) -> Iterator[Document]:
    parcel = Parcel(f"{name}{word}", "", *codes)
    for part, text in (("o", parcel.order()), ("w", parcel.waybill()), ("i", parcel.inventory())):
        yield Document(f"{name}{part}", _marked(text))


def _export(name: str, word: str) -> Iterator[Document]:
    text = sample("export-1", "four_legs")
    for element in ("MessageIdentification", "LRN"):
        text = set_text(text, element, f"X{name}{word}")
    yield Document(f"{name}x", _marked(text))


def _orders(name: str, _word: str) -> Iterator[Document]:
    units = [
        _order_unit().replace("@NUMBER@", f"Q{name}{index}").replace("@GUID@", str(uuid4()).upper())
        for index in range(10)
    ]
    yield Document(f"{name}q", _marked(order_message(units)), units=len(units))


def _broken(name: str, _word: str) -> Iterator[Document]:
    text = re.sub(r"<orderType>[^<]*</orderType>", "", Parcel(number=name).order())
    yield Document(f"{name}b", _marked(text), lawful=False)


def _marked(text: str) -> bytes:
    """With the canary in the first name."""
    marked, count = re.subn(r"(<(?:itemName|goodsInfo|gname|Name)>)", rf"\g<1>{CANARY} ", text, count=1)
    if not count:
        raise ValueError("the document names nobody and nothing")
    return marked.encode()


@cache
def _order_unit() -> str:
    unit = re.search(r"<Order>.*</Order>", sample("ceb-2018", "order"), re.DOTALL)
    if unit is None:
        raise ValueError("the sample has no Order")
    return set_text(set_text(unit[0], "orderNo", "@NUMBER@"), "guid", "@GUID@")


_SHAPES = {"parcel": _parcel, "export": _export, "orders": _orders, "broken": _broken}
