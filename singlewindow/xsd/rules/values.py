"""What XPath 1.0 makes of texts, for the screen: numbers, spaces, parts, and the elements below an outlined one.

Numbers are libxml2's own: short decimals are read as it reads them, everything else it is asked for.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from lxml import etree

from singlewindow.xsd.outline import Branch

NAN = math.nan
NOTHING = ("",)
"""What stands for the texts of a path that leads nowhere."""
_REMEMBERED = 2048
_SHORT = re.compile(r"(-?)([0-9]{1,15})(?:\.([0-9]{1,15}))?")
_ask_number = etree.XPath("number($text)")
_ANY = etree.Element("any")
SPACES = " \t\r\n"
_RUN = re.compile("[ \t\r\n]+")


class Odd(Exception):
    """This declaration has a shape that an outline does not tell apart; libxml2 is asked."""


class Remembered(dict[Any, Any]):
    """What a function answers, by its argument: kept for the last few thousand, forgotten all at once."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        super().__init__()
        self._function = function

    def __missing__(self, argument: Any) -> Any:
        if len(self) >= _REMEMBERED:
            self.clear()
        answer = self[argument] = self._function(argument)
        return answer


def read_number(text: str) -> float:
    """The number libxml2 reads from a text: its fraction is rounded by itself, which differs from float() at times."""
    found = _SHORT.fullmatch(text)
    if found is None:
        answer: Any = _ask_number(_ANY, text=text)
        return float(answer)
    sign, whole, fraction = found.groups()
    number = float(whole) + (int(fraction) / 10.0 ** len(fraction) if fraction else 0.0)
    return -number if sign else number


def normalize(text: str) -> str:
    """As normalize-space does: other white space than XML's is none."""
    if text.isascii() and len(parts := text.split()) <= 1:
        return parts[0] if parts else ""
    return _RUN.sub(" ", text).strip(SPACES)


normal = Remembered(normalize)
number = Remembered(read_number)


def before(text: str, mark: str) -> str:
    """As substring-before does."""
    return text.partition(mark)[0] if mark and mark in text else ""


def after(text: str, mark: str) -> str:
    """As substring-after does."""
    return text.partition(mark)[2] if mark else text


def is_true(number: float) -> bool:
    """As boolean() does for numbers."""
    return bool(number) and not math.isnan(number)


def substring(text: str, start: float, length: float = math.inf) -> str:
    """As substring does: positions count from 1 and are rounded; nothing where one is no number."""
    first = round_half_up(start)
    last = first + round_half_up(length)
    if math.isnan(first) or math.isnan(last):
        return ""
    return "".join(letter for place, letter in enumerate(text, 1) if first <= place < last)


def round_half_up(number: float) -> float:
    """The nearest whole number, the greater of two."""
    if not math.isfinite(number):
        return number
    below = math.floor(number)
    return float(below + (number - below >= 0.5))  # noqa: PLR2004 - the half


def floor(number: float) -> float:
    """As floor does, for every number."""
    return float(math.floor(number)) if math.isfinite(number) else number


def divide(number: float, by: float) -> float:
    """As div does: by zero it is infinite, or no number."""
    if by:
        return number / by
    if math.isnan(by) or math.isnan(number) or not number:
        return NAN
    return math.copysign(math.inf, number) * math.copysign(1.0, by)


def remainder(number: float, by: float) -> float:
    """As mod does: the sign of the dividend."""
    return math.fmod(number, by) if by and math.isfinite(number) else NAN


def total(numbers: Iterable[float]) -> float:
    """Added from left to right."""
    added = 0.0
    for number in numbers:
        added += number
    return added


def refuse_nested(branches: dict[str, list[Branch]], leaves: frozenset[str]) -> None:
    """Raises Odd where an element that is read as a text has elements in it."""
    for name in leaves & branches.keys():
        if any(one.texts or one.branches for one in branches[name]):
            raise Odd(name)


def leaves_of(branch: Branch, name: str) -> Sequence[str]:
    """The texts of its children of this name. Raises Odd where one is no leaf."""
    if name in branch.branches:
        refuse_nested(branch.branches, frozenset({name}))
    return branch.texts.get(name, ())


def inner_of(branch: Branch, name: str) -> Sequence[Branch]:
    """Its children of this name that have content. Raises Odd where one has none, or nothing but a text."""
    if name in branch.texts:
        raise Odd(name)
    return branch.branches.get(name, ())


def any_of(branch: Branch, name: str) -> Sequence[Any]:
    """Its children of this name, whatever they hold. Raises Odd where some are leaves and some are not."""
    if name not in branch.branches:
        return branch.texts.get(name, ())
    return inner_of(branch, name)
