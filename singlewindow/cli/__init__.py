"""The command line: one file per command, loaded only when it is called."""

from __future__ import annotations

import sys

from cyclopts import App
from rich.console import Console

from singlewindow.errors import SingleWindowError, Unavailable

app = App(
    name="singlewindow",
    help="A trade single window: file export declarations once, hear from every authority in seconds.",
    help_epilogue="Start here: `singlewindow up` runs everything on this machine and prints a curl line to paste.",
)
COMMANDS = (
    "up",
    "serve",
    "work",
    "sandbox",
    "migrate",
    "trader",
    "key",
    "submit",
    "validate",
    "watch",
    "verify",
    "ledger",
    "dead-letters",
    "message-set",
    "adapter",
    "doctor",
    "bench",
)

for _name in COMMANDS:
    _word = _name.replace("-", "_")
    app.command(f"singlewindow.cli.{_word}:{_word}", name=_name)

USAGE, FAILED = 2, 3


def main() -> None:
    """Run a command. Exit codes: 0 done, 1 the answer was no, 2 wrong usage, 3 it could not be done."""
    console = Console(stderr=True, highlight=False)
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except Unavailable as error:
        console.print(f"[red]not available:[/red] {error.detail}")
        sys.exit(FAILED)
    except SingleWindowError as error:
        console.print(f"[red]{error.code}:[/red] {error.detail}", soft_wrap=True)
        sys.exit(FAILED)
