"""`singlewindow adapter stub`: an agency played after its own folder."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

from rich.console import Console

from singlewindow.adapters.stub.serving import open_stub


def stub(folder: Path, *, port: int = 0) -> None:
    """Play the agency of a folder on this machine until Ctrl-C: its WSDL says how it speaks, agency.toml what it means.

    Everything sent is taken and answered by the code that brings the furthest state; a document that holds the word
    REJECT is refused where a code refuses. Decisions that are pulled are told when they are asked for.

    Parameters
    ----------
    folder
        The folder with agency.toml.
    port
        The port on 127.0.0.1; default: a free one.
    """
    asyncio.run(_serve(folder, port))


async def _serve(folder: Path, port: int) -> None:
    stopped, loop = asyncio.Event(), asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stopped.set)
    async with open_stub(folder, port=port) as (url, agency):
        console = Console(highlight=False, soft_wrap=True)
        console.print(f"{folder} answers at {url}; SINGLEWINDOW_AGENCIES_URL={url}\nCtrl-C ends it.")
        await stopped.wait()
        console.print(f"{len(agency.taken)} documents were taken")
