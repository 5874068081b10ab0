"""`singlewindow submit`: file documents and tell what became of them."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from http import HTTPStatus
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from singlewindow.cli.client import Answer, Gateway, show_problems
from singlewindow.errors import ConfigurationError, Unavailable

AT_ONCE = 8
"""Messages in flight at a time."""

TAKEN = frozenset({"received", "saved", "duplicate"})
RETRIES = 5


def submit(*files: Path, wait: bool = False, url: str | None = None, key: str | None = None) -> None:
    """File one or many documents; a message already filed is answered with its first receipt.

    Exit code 0: everything was taken. 1: something was refused. 3: the gateway could not be reached.

    Parameters
    ----------
    files
        XML documents, each one message.
    wait
        Wait up to 30 s for every declaration to settle and print where it stands.
    url
        The gateway; default SINGLEWINDOW_URL.
    key
        The API key; default SINGLEWINDOW_API_KEY, or the sandbox's own.
    """
    if missing := [str(file) for file in files if not file.is_file()]:
        raise ConfigurationError(f"no such file: {', '.join(missing)}")
    sys.exit(asyncio.run(_submit(files, wait=wait, url=url, key=key)))


async def _submit(files: tuple[Path, ...], *, wait: bool, url: str | None, key: str | None) -> int:
    console = Console(highlight=False)
    places = asyncio.Semaphore(AT_ONCE)
    counts: Counter[str] = Counter()
    columns = (TextColumn("filing"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    async with Gateway(url, key) as gateway:
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
            bar = progress.add_task("filing", total=len(files))

            async def one(file: Path) -> None:
                async with places:
                    status, answer = await _file(gateway, await asyncio.to_thread(file.read_bytes), wait=wait)
                counts.update(_show(console, str(file), status, answer))
                progress.advance(bar)

            try:
                async with asyncio.TaskGroup() as group:
                    for file in files:
                        group.create_task(one(file))
            except* Unavailable as away:
                raise away.exceptions[0] from None
    console.print(", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items())) or "nothing filed")
    return 0 if counts and set(counts) <= TAKEN else 1


async def _file(gateway: Gateway, body: bytes, *, wait: bool) -> Answer:
    """File once; when the gateway is busy or away for a moment, the same bytes again: a repeat is harmless."""
    headers = {"Prefer": "wait=30"} if wait else {}
    for attempt in range(RETRIES):
        if attempt:
            await asyncio.sleep(0.5 * 2 ** (attempt - 1))
        try:
            status, answer = await gateway.post("/v1/declarations", body, headers)
        except Unavailable:
            if attempt == RETRIES - 1:
                raise
        else:
            if status not in {429, 503}:
                return status, answer
    return status, answer


def _show(console: Console, source: str, status: int, answer: dict[str, Any]) -> Counter[str]:
    """Print one message's answer; its verdicts."""
    named = escape(source)
    if status >= HTTPStatus.BAD_REQUEST:
        detail = escape(str(answer.get("detail", "")))
        console.print(f"{named}: [red]refused[/red] {answer.get('code', status)}: {detail}", soft_wrap=True)
        show_problems(console, source, answer.get("errors", []))
        return Counter(["refused"])
    receipt = answer.get("receipt", answer)
    counts = Counter(entry["verdict"] for entry in receipt["declarations"])
    summary = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    console.print(f"{named}: [green]{summary}[/green] message {receipt['message_id']}", soft_wrap=True)
    for entry in receipt["declarations"]:
        show_problems(console, source, [*entry.get("errors", []), *entry.get("warnings", [])])
    for view in answer.get("declarations", []) if "receipt" in answer else []:
        console.print(f"    {view['kind']} {view['id']}: {view['status']}")
    return counts
