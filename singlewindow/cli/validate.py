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
from singlewindow.xsd.json_mapping.refusals import JsonRefused
from singlewindow.xsd.judging import Door
from singlewindow.xsd.parser import Refused


def validate(*files: Path, message_set: str | None = None) -> None:
    """Check documents against their message set and print every error with its line and column.

    Exit code 0: all valid. 1: at least one is not.

    Parameters
    ----------
    files
        XML documents, or JSON documents whose name ends in .json.
    message_set
        The set to judge by, where a root belongs to several; else the first that takes the document.
    """
    sys.exit(asyncio.run(_validate(files, message_set)))


async def _validate(files: tuple[Path, ...], message_set: str | None) -> int:
    console = Console(highlight=False)
    editions = () if message_set is None else (message_set,)
    async with open_door(load_settings()) as door:
        verdicts = [await _judge(door, file, editions, console) for file in files]
    return 0 if all(verdicts) else 1


async def _judge(door: Door, file: Path, editions: tuple[str, ...], console: Console) -> bool:
    body = await asyncio.to_thread(file.read_bytes)
    try:
        if file.suffix == ".json":
            judgement, _ = await door.judge_json(body, editions=editions)
        else:
            judgement = await door.judge(body, editions=editions)
    except Refused as error:
        refused = Problem(error.code, error.detail, line=error.line, column=error.column)
        show_problems(console, str(file), [refused.as_json()])
        return False
    except JsonRefused as error:
        show_problems(console, str(file), [problem.as_json() for problem in error.problems])
        return False
    return _show(console, str(file), judgement)


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
