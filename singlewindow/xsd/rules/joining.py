"""Joining many assertions of one root into one question: is any of them broken?

Contexts that begin alike are walked once: the assertions become nested predicates of the steps they share. Measured on
a message of 100 inventories, 76 assertions: 4.9 ms as a union of paths, and a quarter of that nested.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from singlewindow.xsd.rules.schematron import split_path


@dataclass(slots=True)
class Step:
    """What is asked at one step of a path: tests of the element itself, and steps below it."""

    tests: list[str] = field(default_factory=list)
    below: dict[str, Step] = field(default_factory=dict)

    def broken(self) -> str:
        """A condition that is true of an element where some test fails, at it or below."""
        failed = [f"not({' and '.join(f'({test})' for test in self.tests)})"] if self.tests else []
        return " or ".join([*failed, *(f"{name}[{step.broken()}]" for name, step in self.below.items())])


def join_assertions(assertions: Iterable[tuple[str, str]]) -> str:
    """One expression for pairs of context and test; true where any context breaks its test."""
    top = Step()
    for context, test in assertions:
        step = top
        for name in split_path(context):
            step = step.below.setdefault(name, Step())
        step.tests.append(test)
    return " or ".join(f"boolean(/{name}[{step.broken()}])" for name, step in top.below.items())
