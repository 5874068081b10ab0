"""What a question answers, how it is shown, and where it is kept: JSON with a description of the machine."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).parent / "results"
WIDEST = 6
"""Columns that still fit on a terminal; wider answers are shown with a line for each figure."""

Row = dict[str, Any]

Form = Literal["quick", "full", "long"]
"""How much time a question may take: tens of seconds, minutes, or as long as it needs."""


@dataclass(frozen=True, slots=True)
class Result:
    """The figures, a row for each thing measured, and what plots are drawn from (by name, see plots.py)."""

    rows: list[Row]
    series: dict[str, Any] = field(default_factory=dict)


def describe_machine() -> dict[str, Any]:
    """What the absolute figures depend on, and how busy the machine was with other things as they were taken."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
        "system": platform.platform(),
        "python": platform.python_version(),
        "commit": _commit(),
        "measured_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "load_average_before": os.getloadavg()[0],
    }


def keep(name: str, result: Result, machine: Mapping[str, Any], *, form: Form) -> Path:
    """Write the figures of a question; `form` says whether they come of a quick, full or long run."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    told = {"question": name, "form": form, "machine": machine, "rows": result.rows, "series": result.series}
    path.write_text(json.dumps(told, indent=1), "utf-8")
    return path


def kept() -> dict[str, dict[str, Any]]:
    """The last figures of every question that was asked."""
    return {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(RESULTS.glob("*.json"))}


def show(name: str, rows: Sequence[Row], console: Console) -> None:
    """Print the figures as a table."""
    table = Table(title=name)
    wide = len(rows[0]) > WIDEST
    lines = _turned(rows) if wide else [[shown(value) for value in row.values()] for row in rows]
    headings = ["", *map(str, range(1, len(rows) + 1))] if wide else list(rows[0])
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="left" if place == 0 else "right")
    for line in lines:
        table.add_row(*line)
    console.print(table)


def shown(value: object) -> str:
    """A figure as people read it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.2f}"
    return str(value)


def _turned(rows: Sequence[Row]) -> list[list[str]]:
    names = list(dict.fromkeys(name for row in rows for name in row))
    return [[name, *(shown(row.get(name, "")) for row in rows)] for name in names]


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _commit() -> str:
    asked = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=Path(__file__).parent, capture_output=True, text=True, check=False
    )
    return asked.stdout.strip() or "unknown"
