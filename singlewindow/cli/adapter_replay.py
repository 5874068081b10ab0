"""`singlewindow adapter replay`: recorded exchanges before another version of an adapter."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from rich.console import Console

from singlewindow.adapters.recordings.recording import read_file
from singlewindow.adapters.recordings.replaying import Difference, open_player
from singlewindow.cli.adapter_record import connect_folder
from singlewindow.errors import ConfigurationError


def replay(recordings: Path, folder: Path) -> None:
    """Play recorded exchanges before an adapter and show what it would ask, and read, otherwise than then.

    Nothing leaves this machine: the recorded replies are the agency. A request is compared element by element, a
    reading by verdict, code, state and numbers; lines with - were so when recorded, lines with + are so now. Exit code
    0: all is as it was. 1: something differs.

    Parameters
    ----------
    recordings
        A file that `adapter record` wrote.
    folder
        The folder with the new agency.toml, WSDL or schemas.
    """
    console = Console(highlight=False, soft_wrap=True)
    compared = asyncio.run(_compare(recordings, folder))
    if not compared:
        raise ConfigurationError(f"{recordings} holds no exchange: there is nothing to compare with")
    different = [one for one in compared if one]
    for one in different:
        console.rule(f"{one.recording.call.action} {one.recording.call.call_id}")
        _show(console, "request", one.request)
        _show(console, "reading", one.reading)
    console.print(f"{len(compared)} exchanges replayed, {len(different)} differ")
    sys.exit(1 if different else 0)


async def _compare(recordings: Path, folder: Path) -> list[Difference]:
    async with open_player(connect_folder(folder)) as player:
        return [await player.compare(one) for one in await asyncio.to_thread(lambda: list(read_file(recordings)))]


def _show(console: Console, what: str, lines: list[str]) -> None:
    if lines:
        console.print(what, style="bold")
    for line in lines:
        console.print(line, markup=False, style="red" if line.startswith("-") else "green")
