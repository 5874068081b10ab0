"""`python -m benchmarks [NAME …] [--quick]`: runs each question, prints a table and writes its figures."""

from __future__ import annotations

import importlib
import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

QUESTIONS = ("validation", "rules", "intake", "isolation")
RESULTS = Path(__file__).parent / "results"


def main() -> None:
    """Run the named questions, or all; write their figures with the machine's description."""
    names = [argument for argument in sys.argv[1:] if not argument.startswith("-")] or list(QUESTIONS)
    unknown = set(names) - set(QUESTIONS)
    if unknown:
        sys.exit(f"unknown: {', '.join(sorted(unknown))}; choose of {', '.join(QUESTIONS)}")
    quick = "--quick" in sys.argv
    for name in names:
        rows: list[dict[str, Any]] = importlib.import_module(f"benchmarks.{name}").run(quick=quick)
        _show(name, rows)
        _write(name, rows)


def _show(name: str, rows: list[dict[str, Any]]) -> None:
    table = Table(title=name)
    for column in rows[0]:
        table.add_column(column, justify="right" if isinstance(rows[0][column], float) else "left")
    for row in rows:
        table.add_row(*(f"{value:,.2f}" if isinstance(value, float) else str(value) for value in row.values()))
    Console().print(table)


def _write(name: str, rows: list[dict[str, Any]]) -> None:
    RESULTS.mkdir(exist_ok=True)
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()}
    (RESULTS / f"{name}.json").write_text(json.dumps({"machine": machine, "rows": rows}, indent=2), "utf-8")


main()
