"""The difference report: where two documents of one consignment disagree, before customs finds it.

Everything here reads facts as the manifest names them: `total`, `currency`, `gross_weight`, `packages` of a document,
and its `lines`, each with `number`, `quantity`, `unit`, `total` and `currency`. What one side does not state is not
compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from singlewindow.messages.manifest import Matching

Facts = dict[str, Any]

MOST_DIGITS = 100
"""Numbers further from one than this power of ten are compared as text."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that differs: `code` is stable, `field` says where, and each side's value as it wrote it.

    The texts name no value: a party may read them that may not read the other's document.
    """

    code: str
    field: str
    anchor: str
    partner: str
    message: str
    message_zh: str
    severity: str = "warning"

    def as_json(self) -> dict[str, str]:
        """What both parties may read."""
        texts = {"message": self.message, "message_zh": self.message_zh}
        return {"field": self.field, "code": self.code, "severity": self.severity, **texts}


def differences(anchor: Facts, partner: Facts, matching: Matching) -> list[Difference]:
    """The fields in which an anchor and a partner differ by more than the set tolerates: first the head's."""
    return [*_head_differences(anchor, partner, matching), *_line_differences(anchor, partner, matching)]


def _head_differences(anchor: Facts, partner: Facts, matching: Matching) -> Iterator[Difference]:
    for name, words in _HEAD.items():
        ours, theirs = _stated(anchor, name), _stated(partner, name)
        if ours and theirs and not _agree(ours, theirs, words.tolerance(matching)):
            yield words.difference(name, ours, theirs)


def _line_differences(anchor: Facts, partner: Facts, matching: Matching) -> Iterator[Difference]:
    """Lines are paired by their number (gnum); nothing is said where one document lists no goods at all."""
    ours, theirs = _by_number(anchor), _by_number(partner)
    if not ours or not theirs:
        return
    for number in sorted({*ours, *theirs}, key=_in_order):
        if number not in ours or number not in theirs:
            yield _missing_line(number, in_anchor=number in ours)
        else:
            yield from _compare_line(number, ours[number], theirs[number], matching)


def _compare_line(number: str, ours: Facts, theirs: Facts, matching: Matching) -> Iterator[Difference]:
    units_differ = bool(ours.get("unit") and theirs.get("unit") and ours["unit"] != theirs["unit"])
    for name, words in _LINE.items():
        if name == "quantity" and units_differ:
            continue  # three boxes may well be thirty pieces
        left, right = str(ours.get(name) or ""), str(theirs.get(name) or "")
        if left and right and not _agree(left, right, words.tolerance(matching)):
            yield words.difference(f"lines[{number}].{name}", left, right, number)


def _missing_line(number: str, *, in_anchor: bool) -> Difference:
    places = ("present", "absent") if in_anchor else ("absent", "present")
    text = f"goods line {number} stands in one of the documents only"
    return Difference("match.line-missing", f"lines[{number}]", *places, text, f"商品项 {number} 仅见于其中一份单证")


def _stated(facts: Facts, name: str) -> str:
    """What a document says of itself, or what all its lines together say where its head is silent."""
    value = facts.get(name)
    if value or name not in {"total", "currency"}:
        return str(value or "")
    lines = facts.get("lines") or []
    currencies = {str(line.get("currency") or "") for line in lines}
    if len(currencies) != 1:
        return ""
    return currencies.pop() if name == "currency" else _sum(line.get("total") for line in lines)


def _sum(amounts: Iterable[Any]) -> str:
    numbers = [_decimal(amount) for amount in amounts]
    known = [number for number in numbers if number is not None]
    return str(sum(known)) if len(known) == len(numbers) else ""


def _by_number(facts: Facts) -> dict[str, Facts]:
    return {_plain(line["number"]): line for line in facts.get("lines") or [] if line.get("number")}


def _plain(number: Any) -> str:
    """A line's number without leading zeros: 01 and 1 are one line."""
    return str(number).strip().lstrip("0") or "0"


def _in_order(number: str) -> tuple[int, str]:
    return len(number), number


def _agree(left: str, right: str, tolerance: Decimal) -> bool:
    ours, theirs = _decimal(left), _decimal(right)
    if ours is None or theirs is None:
        return left.strip() == right.strip()
    return abs(ours - theirs) <= tolerance


def _decimal(text: Any) -> Decimal | None:
    try:
        number = Decimal(str(text))
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number.adjusted()) <= MOST_DIGITS else None


@dataclass(frozen=True, slots=True)
class _Words:
    """How a field is compared and how its difference is told."""

    code: str
    english: str
    chinese: str
    tolerated: str | None = None

    def tolerance(self, matching: Matching) -> Decimal:
        return Decimal(getattr(matching, self.tolerated)) if self.tolerated else Decimal(0)

    def difference(self, field: str, anchor: str, partner: str, line: str = "") -> Difference:
        where, place = (f" of goods line {line}", f"商品项 {line} 的") if line else ("", "")
        text, text_zh = f"the documents differ in the {self.english}{where}", f"两份单证的{place}{self.chinese}不一致"
        return Difference(f"match.{self.code}", field, anchor, partner, text, text_zh)


_HEAD = {
    "total": _Words("total", "value of all goods", "商品总值", "amount_tolerance"),
    "currency": _Words("currency", "currency", "币制"),
    "gross_weight": _Words("weight", "gross weight", "毛重", "weight_tolerance"),
    "packages": _Words("packages", "number of packages", "件数"),
}
_LINE = {
    "unit": _Words("unit", "unit", "计量单位"),
    "quantity": _Words("quantity", "quantity", "数量"),
    "total": _Words("amount", "amount", "总价", "amount_tolerance"),
    "currency": _Words("currency", "currency", "币制"),
}
