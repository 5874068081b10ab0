"""Compares ratios of the quick forms with the bounds recorded in guard.toml."""

from __future__ import annotations

import importlib
import operator
import tomllib
from collections.abc import Collection
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.results import Result, Row, show

BOUNDS = Path(__file__).with_name("guard.toml")
LIMITS = {"at_most": operator.le, "at_least": operator.ge}


def guard(questions: Collection[str] = ()) -> int:
    """Ask the bounded questions, or those of them that are named; 1 where a bound is broken, else 0."""
    bounds = [one for one in read_bounds() if not questions or one["question"] in questions]
    rows = {name: _ask(name) for name in dict.fromkeys(one["question"] for one in bounds)}
    compared = [compare(bound, rows[bound["question"]]) for bound in bounds]
    show("guard", compared, Console())
    return 0 if all(one["kept"] for one in compared) else 1


def read_bounds() -> list[dict[str, Any]]:
    """The recorded bounds."""
    bounds: list[dict[str, Any]] = tomllib.loads(BOUNDS.read_text("utf-8"))["bound"]
    return bounds


def compare(bound: dict[str, Any], rows: list[Row]) -> Row:
    """A bound beside what was measured. Raises StopIteration where the question has no such row."""
    row = next(row for row in rows if all(row.get(name) == value for name, value in bound["row"].items()))
    value = row[bound["figure"]]
    ((limit, recorded),) = ((name, bound[name]) for name in LIMITS if name in bound)
    return {
        "bound": bound["says"],
        "measured": value,
        "limit": f"{limit.replace('_', ' ')} {recorded:g}",
        "kept": bool(LIMITS[limit](value, recorded)),
    }


def _ask(name: str) -> list[Row]:
    result: Result = importlib.import_module(f"benchmarks.{name}").run("quick")
    return result.rows
