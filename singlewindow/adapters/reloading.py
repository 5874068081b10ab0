"""Agencies' folders that change while we run: a changed description is taken when it is sound, else the old one stays.

An adapter reads its folder once, when it is made, so that half of a later edit is never in force. What is new in the
folder is taken at the next start, and an agency whose folder vanishes goes on: tasks are under way to it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from singlewindow.adapters.declared.reading import agency_folders
from singlewindow.errors import ConfigurationError
from singlewindow.xsd.reloading import Print, take_print

if TYPE_CHECKING:
    from singlewindow.adapters.declared.adapter import DeclaredAdapter

LOOK_SECONDS = 2.0
"""How often the folders are looked at."""

log = structlog.get_logger()

Take = Callable[["DeclaredAdapter"], Awaitable[None]]
Note = Callable[[str, str | None], Awaitable[None]]
"""Hears by the agency's name why its changed description was refused, or (None) that it was taken."""


def take_prints(parent: Path | None) -> dict[Path, Print]:
    """What tells the present state of each agency's folder from a later one."""
    return {folder: take_print(folder) for folder in agency_folders(parent)} if parent is not None else {}


async def note_nothing(_agency: str, _refused: str | None) -> None:
    """For processes that tell nobody."""


class AgencyReloader:
    """Keeps adapters up with their folders. `names` are the agencies by folder, `prints` their state when they were
    read; `make` reads a folder, `take` puts the adapter to use (which then belongs to it).
    """

    def __init__(
        self,
        names: Mapping[Path, str],
        prints: Mapping[Path, Print],
        *,
        make: Callable[[Path], DeclaredAdapter],
        take: Take,
        note: Note = note_nothing,
        interval_seconds: float = LOOK_SECONDS,
    ) -> None:
        self._names, self._seen = dict(names), dict(prints)
        self._make, self._take, self._note = make, take, note
        self._interval_seconds = interval_seconds
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look, in a task of its own."""
        if self._names:
            self._task = asyncio.create_task(self._look_for_ever(), name="agencies")

    async def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def look(self) -> None:
        """Take what changed since the last look; a description that is refused is told of once."""
        for folder, agency in self._names.items():
            found = await asyncio.to_thread(_try_print, folder)
            if found is None or found == self._seen.get(folder):
                continue
            await self._reload(folder, agency, found)

    async def _look_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self._interval_seconds)
            (outcome,) = await asyncio.gather(self.look(), return_exceptions=True)
            if isinstance(outcome, Exception):
                log.error("agencies.look_failed", error=type(outcome).__name__)

    async def _reload(self, folder: Path, agency: str, found: Print) -> None:
        try:
            adapter = await asyncio.to_thread(self._read, folder, agency)
        except (ConfigurationError, OSError) as error:
            reason = getattr(error, "detail", "") or str(error)
            if await asyncio.to_thread(_try_print, folder) == found:
                self._seen[folder] = found
                log.error("agencies.refused", agency=agency, reason=reason)  # noqa: TRY400 - no trace is wanted
                await self._note(agency, reason)
            return
        if await asyncio.to_thread(_try_print, folder) != found:
            await adapter.close()  # it changed while it was read: the next look reads it again
            return
        self._seen[folder] = found
        await self._take(adapter)
        log.info("agencies.loaded", agency=agency)
        await self._note(agency, None)

    def _read(self, folder: Path, agency: str) -> DeclaredAdapter:
        adapter = self._make(folder)
        if adapter.agency != agency:
            raise ConfigurationError(f"{folder}: the agency {agency} became {adapter.agency}; that needs a restart")
        return adapter


def _try_print(folder: Path) -> Print | None:
    """None for a folder that is gone, or going."""
    try:
        return take_print(folder) or None
    except OSError:
        return None
