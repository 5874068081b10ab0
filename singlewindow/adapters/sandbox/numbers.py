"""Numbers and times that authorities give: lawful in form, rising, and the same when the journal is read again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone

BEIJING = timezone(timedelta(hours=8))
NO_INVENTORY_NUMBER = "0" * 18
"""What stands in CEB604's invtNo before 399: the schema of 2018 wants 18 characters at every status."""


class Numbers:
    """Gives the next number of each series; deterministic in the order of the calls."""

    def __init__(self) -> None:
        self._last: Counter[str] = Counter()

    @property
    def last(self) -> dict[str, int]:
        """The number given last in each series."""
        return dict(self._last)

    def resume(self, last: Mapping[str, int]) -> None:
        """Go on after these."""
        self._last = Counter(last)

    def pre_entry_number(self, at_ms: int) -> str:
        """preNo: B, the day, 9 digits."""
        return f"B{_beijing(at_ms):%Y%m%d}{self._next('preNo'):09d}"

    def inventory_number(self, customs_code: str, at_ms: int) -> str:
        """invtNo: customs office, year, E for export, 9 digits."""
        return self._eighteen(customs_code, "E", at_ms)

    def summary_number(self, customs_code: str, at_ms: int) -> str:
        """sumNo, in the form of invtNo with S."""
        return self._eighteen(customs_code, "S", at_ms)

    def entry_number(self, customs_code: str, at_ms: int) -> str:
        """entryId: customs office, year, 0 for export, 9 digits."""
        return self._eighteen(customs_code, "0", at_ms)

    def declaration_number(self, customs_code: str, at_ms: int) -> str:
        """declSeqNo, in the form of invtNo with D."""
        return self._eighteen(customs_code, "D", at_ms)

    def movement_reference_number(self, at_ms: int) -> str:
        """MRN: year, country, 12 characters, procedure A for export, check digit."""
        body = f"{_beijing(at_ms):%y}CN{self._next('mrn'):012d}A"
        return body + check_digit(body)

    def certificate_number(self, at_ms: int) -> str:
        """An inspection certificate's number."""
        return f"IC{_beijing(at_ms):%Y%m%d}{self._next('certificate'):06d}"

    def booking_number(self, carrier: str, at_ms: int) -> str:
        """A carrier's booking number, such as ROAD-20260302-000001."""
        return f"{carrier.upper()}-{_beijing(at_ms):%Y%m%d}-{self._next(carrier):06d}"

    def _eighteen(self, customs_code: str, mark: str, at_ms: int) -> str:
        return f"{customs_code[:4]:0>4}{_beijing(at_ms):%Y}{mark}{self._next(mark):09d}"

    def _next(self, series: str) -> int:
        self._last[series] += 1
        return self._last[series]


def check_digit(body: str) -> str:
    """The 18th character of an MRN for its first 17: Σ value·2^i mod 11 mod 10 (TAXUD DGXXI/0879/99)."""
    return str(sum(_value(character) << place for place, character in enumerate(body)) % 11 % 10)


def ceb_time(at_ms: int) -> str:
    """YyyyMMddHHmmssfff in UTC+8, as returnTime wants it."""
    return f"{_beijing(at_ms):%Y%m%d%H%M%S}{at_ms % 1000:03d}"


def iso_time(at_ms: int) -> str:
    """ISO 8601 in UTC with milliseconds."""
    return f"{datetime.fromtimestamp(at_ms // 1000, UTC):%Y-%m-%dT%H:%M:%S}.{at_ms % 1000:03d}Z"


def _value(character: str) -> int:
    """Digits count as themselves, letters from A = 10 on, multiples of 11 left out."""
    if character.isdigit():
        return int(character)
    number = ord(character) - ord("A")
    return number + 10 + (number + 9) // 10


def _beijing(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, BEIJING)
