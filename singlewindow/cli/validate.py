"""`singlewindow validate`: judge documents on this machine, without a server."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from rich.console import Console

from singlewindow.cli.client import show_problems
from singlewindow.messages.judgement import Judgement, Problem
from singlewindow.settings import load_settings
from singlewindow.wiring import open_door
from singlewindow.xsd.parser import Refused


def validate(*files: Path, message_set: str | None = None) -> None:
    """Check documents against their message set and print every error with its line and column.

    Exit code 0: all valid. 1: at least one is not.

    Parameters
    ----------
    files
        XML documents.
    message_set
        The set to judge by, where a root belongs to several.
    """
    sys.exit(asyncio.run(_validate(files, message_set)))


async def _validate(files: tuple[Path, ...], message_set: str | None) -> int:
    console = Console(highlight=False)
    async with open_door(load_settings()) as door:
        verdicts = []
        for file in files:
            try:
                judgement = await door.judge(file.read_bytes(), message_set=message_set)
            except Refused as error:
                verdicts.append(False)
                refused = Problem(error.code, error.detail, line=error.line, column=error.column)
                show_problems(console, str(file), [refused.as_json()])
                continue
            verdicts.append(_show(console, str(file), judgement))
    return 0 if all(verdicts) else 1


def _show(console: Console, source: str, judgement: Judgement) -> bool:
    problems = [*judgement.problems, *(problem for unit in judgement.units for problem in unit.problems)]
    valid = not any(problem.severity == "error" for problem in problems)
    verdict = "[green]valid[/green]" if valid else "[red]not valid[/red]"
    count = len(judgement.units)
    console.print(
        f"{source}: {verdict}, {judgement.root} of {judgement.message_set}, {count} declaration{'s'[: count > 1]}"
    )
    show_problems(console, source, (problem.as_json() for problem in problems))
    return valid
