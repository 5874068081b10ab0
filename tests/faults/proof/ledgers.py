"""The ledgers outside the system under test: JSON lines, each on disk before anybody goes on.

`load` (what was sent and what was answered), `hooks` (what the webhook receiver got), `faults` (what was done to the
system and when), `heads` (checkpoints as they were published). The agencies' own is the sandbox's effects journal.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from singlewindow.adapters.sandbox.journal import Journal, read_journal

Line = dict[str, Any]


@dataclass(frozen=True)
class Ledgers:
    """Open ledgers; `append` of each returns when the line is synced."""

    load: Journal
    hooks: Journal
    faults: Journal
    heads: Journal


@dataclass(frozen=True)
class Evidence:
    """Everything the ledgers say, oldest first."""

    load: list[Line]
    hooks: list[Line]
    faults: list[Line]
    heads: list[Line]
    agencies: list[Line]


@asynccontextmanager
async def open_ledgers(folder: Path) -> AsyncIterator[Ledgers]:
    """The ledgers of a folder, appended to."""
    async with AsyncExitStack() as stack:
        opened = {
            field.name: await stack.enter_async_context(Journal(folder / f"{field.name}.jsonl"))
            for field in fields(Ledgers)
        }
        yield Ledgers(**opened)


def read_evidence(folder: Path, data: Path) -> Evidence:
    """What the ledgers in `folder` and the agencies' journal in the chain's `data` folder hold."""
    own = {field.name: list(read_journal(folder / f"{field.name}.jsonl")) for field in fields(Ledgers)}
    return Evidence(**own, agencies=list(read_journal(data / "sandbox" / "effects.jsonl")))


def now() -> float:
    """The ledgers' one clock: seconds, never going back, the same for every line of a run."""
    return asyncio.get_running_loop().time()
