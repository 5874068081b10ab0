"""Whether some text of a node-set compares so with a number: XPath's comparisons of node-sets, one loop each.

Written out, for a call of a shared function for each text would cost more than all else.
"""

from __future__ import annotations

from collections.abc import Iterable

from singlewindow.xsd.rules.values import number


def some_equal(texts: Iterable[str], value: float) -> bool:
    """Whether some number is equal to the value."""
    for text in texts:  # noqa: SIM110 - a generator costs twice as much
        if number[text] == value:
            return True
    return False


def some_unequal(texts: Iterable[str], value: float) -> bool:
    """Whether some number is unequal to the value."""
    for text in texts:  # noqa: SIM110 - a generator costs twice as much
        if number[text] != value:
            return True
    return False


def some_less(texts: Iterable[str], value: float) -> bool:
    """Whether some number is less than the value."""
    for text in texts:  # noqa: SIM110 - a generator costs twice as much
        if number[text] < value:
            return True
    return False


def some_at_most(texts: Iterable[str], value: float) -> bool:
    """Whether some number is at most the value."""
    for text in texts:  # noqa: SIM110 - a generator costs twice as much
        if number[text] <= value:
            return True
    return False


def some_more(texts: Iterable[str], value: float) -> bool:
    """Whether some number is more than the value."""
    for text in texts:  # noqa: SIM110 - a generator costs twice as much
        if number[text] > value:
            return True
    return False


def some_at_least(texts: Iterable[str], value: float) -> bool:
    """Whether some number is at least the value."""
    for text in texts:  # noqa: SIM110 - a generator costs twice as much
        if number[text] >= value:
            return True
    return False


COMPARISONS = {
    "=": some_equal,
    "!=": some_unequal,
    "<": some_less,
    "<=": some_at_most,
    ">": some_more,
    ">=": some_at_least,
}
"""The comparisons by their operators."""


def some_less_pair(texts: Iterable[str], others: Iterable[str]) -> bool:
    """Whether some number is less than some other."""
    values = [number[other] for other in others]
    for text in texts:
        one = number[text]
        for value in values:
            if one < value:
                return True
    return False


def some_at_most_pair(texts: Iterable[str], others: Iterable[str]) -> bool:
    """Whether some number is at most some other."""
    values = [number[other] for other in others]
    for text in texts:
        one = number[text]
        for value in values:
            if one <= value:
                return True
    return False
