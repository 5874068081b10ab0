"""Writes docs/performance.md from the kept results."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.goals import GOALS, Measure, measured
from benchmarks.results import RESULTS, Row, shown

PAGE = Path(__file__).resolve().parents[1] / "docs" / "performance.md"
PLOTS = PAGE.parent / "plots"
SHOWN_PLOTS = {
    "latency-acknowledged": "acknowledgement latency with everything running",
    "clearance-released": "POST to released at 200 declarations a second",
    "intake-cost": "processor time of the gateway for one declaration, beside the floor",
}

OPENING = """# Performance

Written by `scripts/bench` from the figures of its last run; do not edit. Absolute figures move from machine to machine
and with what else the machine does: the claims are the ratios, measured side by side in one run, in interleaved
rounds, as medians. Nothing is switched off for them: every check and rule runs, receipts are signed, and an answer is
given after a commit with `synchronous_commit` on. The load driver, PostgreSQL, Valkey, the gateway and, where lanes
run, the sandbox agencies share the machine.
"""

RECORDS = """## Published records, for context

Measured by others on machines of theirs; not comparable with the figures above as if on one machine.

| system | published |
|---|---|
| China's national cross-border e-commerce system | peak of 85,000 lists a minute (1,417/s), mid-year sales of 2024 |
| Single window of Henan | 32.29 million orders from January to April 2020 (3.1/s on average) |
| Finland's customs | 20 declarations/s from everyone together, 3/s for each customer |
| Published performance journeys, United Kingdom | 50–100/s, no limit of latency; rate limit 3/s an application |
"""


def write_page(results: Mapping[str, Mapping[str, Any]]) -> Path:
    """The page with the goals, every table and the shown plots, which are copied beside it."""
    parts = [OPENING, _machine(results), _goals(results), _plots(), RECORDS, "## Every figure\n"]
    parts += [_question(name, told) for name, told in results.items()]
    PAGE.write_text("\n".join(part for part in parts if part), "utf-8")
    return PAGE


def _machine(results: Mapping[str, Mapping[str, Any]]) -> str:
    told = next(iter(results.values()))["machine"]
    forms = sorted({one["form"] for one in results.values()})
    days = sorted({one["machine"]["measured_at"][:10] for one in results.values()})
    commits = sorted({one["machine"]["commit"] for one in results.values()})
    loads = [one["machine"]["load_average_before"] for one in results.values()]
    return (
        f"Machine: {told['processor']}, {told['cores']} cores, {told['memory_gb']} GB, {told['system']}, "
        f"Python {told['python']}. Commit {', '.join(commits)}; {', '.join(days)}; form: {', '.join(forms)}; "
        f"load average before the questions {min(loads):.1f} to {max(loads):.1f}.\n"
    )


def _goals(results: Mapping[str, Mapping[str, Any]]) -> str:
    lines = ["## Goals\n", "| question | goal | measured | met | repeat it |", "|---|---|---|---|---|"]
    for goal in GOALS:
        found = measured(goal, results)
        command = f"`scripts/bench {goal.question}{_option(results, goal.question)}`"
        lines.append(f"| {goal.asked} | {goal.wanted} | {found.words} | {_verdict(found)} | {command} |")
    return "\n".join(lines) + "\n"


def _verdict(found: Measure) -> str:
    return "not judged" if found.met is None else "yes" if found.met else "no"


def _option(results: Mapping[str, Mapping[str, Any]], question: str) -> str:
    form = results[question]["form"] if question in results else "full"
    return "" if form == "full" else f" --{form}"


def _plots() -> str:
    PLOTS.mkdir(exist_ok=True)
    lines = []
    for name, caption in SHOWN_PLOTS.items():
        drawn = RESULTS / f"{name}.svg"
        if drawn.exists():
            shutil.copy(drawn, PLOTS / drawn.name)
            lines.append(f"![{caption}](plots/{drawn.name})\n")
    return "\n".join(lines)


def _question(name: str, told: Mapping[str, Any]) -> str:
    rows: list[Row] = told["rows"]
    names = list(dict.fromkeys(column for row in rows for column in row))
    heading = f"### {name}\n\n`scripts/bench {name}{_option({name: told}, name)}`\n"
    if len(rows) > len(names):
        table = [names, *([shown(row.get(column, "")) for column in names] for row in rows)]
    else:
        table = [[column, *(shown(row.get(column, "")) for row in rows)] for column in names]
    return heading + "\n" + _table(table) + "\n"


def _table(lines: list[list[str]]) -> str:
    first, *others = (f"| {' | '.join(line)} |" for line in lines)
    return "\n".join([first, "|" + "---|" * len(lines[0]), *others])
