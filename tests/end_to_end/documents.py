"""Fresh documents: the shipped samples under new keys, so that every test files declarations of its own."""

from __future__ import annotations

import itertools
import re
import secrets
import string
from dataclasses import dataclass, field
from pathlib import Path

SETS = Path(__file__).resolve().parents[2] / "singlewindow" / "xsd" / "sets"
_numbers = itertools.count(1)


def fresh(length: int = 10) -> str:
    """A short word nobody used before, of letters that no magic word is made of."""
    word = "".join(secrets.choice("BCDFGHJKMNPQVWXYZ" + string.digits) for _ in range(length - 4))
    return f"{word}{next(_numbers):04d}"


def sample(message_set: str, name: str) -> str:
    """A shipped valid sample."""
    return (SETS / message_set / "samples" / "valid" / f"{name}.xml").read_text("utf-8")


def set_text(document: str, element: str, value: str) -> str:
    """Put a value into every element of this name."""
    changed, count = re.subn(rf"(<{element}>)[^<]*(</{element}>)", rf"\g<1>{value}\g<2>", document)
    if not count:
        raise ValueError(f"the sample has no {element}")
    return changed


@dataclass
class Parcel:
    """The documents of one parcel, which four companies may file. `mark` goes into the inventory's own number."""

    number: str = field(default_factory=fresh)
    mark: str = ""
    platform: str = "9999960001"
    merchant: str = "9999960002"
    payer: str = "9999960003"
    carrier: str = "9999960004"
    agent: str = "9999960005"

    def _coded(self, document: str) -> str:
        codes = {"9999960001": self.platform, "9999960002": self.merchant, "9999960003": self.payer,
                 "9999960004": self.carrier, "9999960005": self.agent}  # fmt: skip
        return re.sub(r"\b999996000[1-5]\b", lambda found: codes[found[0]], document)

    def order(self) -> str:
        """CEB303."""
        return self._coded(set_text(sample("ceb-2018", "order"), "orderNo", f"O{self.number}"))

    def payment_receipt(self) -> str:
        """CEB403."""
        document = set_text(sample("ceb-2018", "payment_receipt"), "orderNo", f"O{self.number}")
        return self._coded(set_text(document, "payNo", f"P{self.number}"))

    def waybill(self) -> str:
        """CEB505."""
        return self._coded(set_text(sample("ceb-2018", "waybill"), "logisticsNo", f"L{self.number}"))

    def inventory(self, mark: str | None = None) -> str:
        """CEB603."""
        document = set_text(sample("ceb-2018", "inventory"), "orderNo", f"O{self.number}")
        document = set_text(document, "logisticsNo", f"L{self.number}")
        return self._coded(set_text(document, "copNo", f"C{self.number}{self.mark if mark is None else mark}"))

    def departure(self) -> str:
        """CEB509."""
        document = set_text(sample("ceb-2018", "departure"), "logisticsNo", f"L{self.number}")
        return self._coded(set_text(document, "copNo", f"D{self.number}"))

    def cancellation(self, invt_no: str) -> str:
        """CEB605."""
        document = set_text(sample("ceb-2018", "inventory_cancellation"), "invtNo", invt_no)
        return self._coded(set_text(document, "copNo", f"X{self.number}"))

    def summary(self, *invt_nos: str) -> str:
        """CEB701."""
        document = set_text(sample("ceb-2018", "summary_application"), "copNo", f"S{self.number}")
        line = re.search(r"<SummaryApplyList>.*?</SummaryApplyList>", document, re.DOTALL)
        if line is None:
            raise ValueError("the sample has no SummaryApplyList")
        lines = "".join(set_text(line[0], "invtNo", number) for number in invt_nos)
        return self._coded(document.replace(line[0], lines))


def consolidation(parcels: list[Parcel]) -> str:
    """CEB607 over these parcels."""
    document = set_text(sample("ceb-2018", "consolidation"), "copNo", f"K{parcels[0].number}")
    line = re.search(r"<WayBillList>.*?</WayBillList>", document, re.DOTALL)
    if line is None:
        raise ValueError("the sample has no WayBillList")
    lines = [
        set_text(set_text(line[0], "logisticsNo", f"L{parcel.number}"), "gnum", str(number))
        for number, parcel in enumerate(parcels, 1)
    ]
    return parcels[0]._coded(document.replace(line[0], "".join(lines)))


def order_message(units: list[str]) -> str:
    """One CEB303 of many orders, each a whole <Order> element."""
    document = sample("ceb-2018", "order")
    unit = re.search(r"<Order>.*</Order>", document, re.DOTALL)
    if unit is None:
        raise ValueError("the sample has no Order")
    return document.replace(unit[0], "\n".join(units))


def order_unit(number: str) -> str:
    """One <Order> under its own number."""
    unit = re.search(r"<Order>.*</Order>", sample("ceb-2018", "order"), re.DOTALL)
    if unit is None:
        raise ValueError("the sample has no Order")
    return set_text(unit[0], "orderNo", number)
