"""`python -m benchmarks [NAME …] [--quick]`: runs each question, prints a table and keeps its figures.

`--quick` takes the short form of each, `--long` the longest; `--report` only draws the plots and writes
docs/performance.md from the figures kept.
"""

from __future__ import annotations

import argparse
import importlib

from rich.console import Console

from benchmarks.results import Form, Result, describe_machine, keep, show

QUESTIONS = ("validation", "rules", "floor", "intake", "isolation")


def main() -> None:
    """Run the named questions, or all; write their figures with the machine's description."""
    asked = _parse()
    form: Form = "quick" if asked.quick else "long" if asked.long else "full"
    console = Console()
    if not asked.report:
        for name in asked.names or QUESTIONS:
            _run(name, form, console)
    _report(console)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__.partition("\n\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(QUESTIONS)}; default: all")
    for option in ("quick", "long", "report"):
        parser.add_argument(f"--{option}", action="store_true")
    asked = parser.parse_args()
    if unknown := set(asked.names) - set(QUESTIONS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; choose of {', '.join(QUESTIONS)}")
    return asked


def _run(name: str, form: Form, console: Console) -> None:
    machine = describe_machine()
    console.print(f"{name} ({form}) …")
    result: Result = importlib.import_module(f"benchmarks.{name}").run(form)
    show(name, result.rows, console)
    keep(name, result, machine, form=form)


def _report(console: Console) -> None:
    """Plots and the page, from whatever figures are kept."""


if __name__ == "__main__":
    main()
