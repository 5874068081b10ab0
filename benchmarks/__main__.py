"""`python -m benchmarks [NAME …] [--quick]`: runs each question, prints a table and keeps its figures.

`--quick` takes the short form of each, `--long` the longest. A run of all in another form than the quick one also
writes docs/performance.md; `--report` does that, and draws the plots, from the figures kept. `--guard` compares ratios
of the quick forms with the bounds in benchmarks/guard.toml, and ends with 1 where one is broken.
"""

from __future__ import annotations

import argparse
import importlib
import sys

from rich.console import Console

from benchmarks.guard import guard
from benchmarks.questions import QUESTIONS
from benchmarks.results import RESULTS, Form, Result, describe_machine, keep, kept, show


def main() -> None:
    """Run the named questions, or all; write their figures with the machine's description."""
    asked = _parse()
    if asked.guard:
        sys.exit(guard(asked.names))
    form: Form = "quick" if asked.quick else "long" if asked.long else "full"
    console = Console()
    if not asked.report:
        for name in asked.names or QUESTIONS:
            _run(name, form, console)
    _report(console, page=asked.report or (not asked.names and form != "quick"))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__.partition("\n\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(QUESTIONS)}; default: all")
    for option in ("quick", "long", "report", "guard"):
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


def _report(console: Console, *, page: bool) -> None:
    """Plots, and the page where it is wanted, from whatever figures are kept."""
    from benchmarks.plots import draw
    from benchmarks.report import write_page

    results = kept()
    if results:
        console.print(f"{len(draw(results))} plots in {RESULTS}")
        if page:
            console.print(f"{write_page({name: results[name] for name in QUESTIONS if name in results})} written")


if __name__ == "__main__":
    main()
