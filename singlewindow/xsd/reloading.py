"""Message sets that change while we run: a changed folder is taken when it is sound, else the old set stays.

A sound folder is copied before it is used, so that half of a later edit is never read. A folder that vanishes leaves
its set installed until the next start: declarations under way were judged by it.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Self

import structlog

from singlewindow.errors import ConfigurationError
from singlewindow.xsd.catalogue import Catalogue, InstalledSet, load_set, set_folders

LOOK_SECONDS = 1.0
"""How often the folders are looked at."""

Print = tuple[tuple[str, int, int], ...]
"""What tells one state of a folder from another: each file's path, size and time of change in nanoseconds."""

log = structlog.get_logger()


class Reloader:
    """Keeps the further sets of a catalogue up with their folders. One per process; use as an async context manager."""

    def __init__(self, catalogue: Catalogue, source: Path, on_change: Callable[[], Awaitable[None]]) -> None:
        self._catalogue, self._source, self._on_change = catalogue, source, on_change
        self._copies = Path(tempfile.mkdtemp(prefix="singlewindow-sets-"))
        self._seen: dict[str, Print] = {}
        self._generation = 0
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self.look()
        self._task = asyncio.create_task(self._look_for_ever(), name="message-sets")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await asyncio.to_thread(shutil.rmtree, self._copies, ignore_errors=True)

    async def look(self) -> bool:
        """Take what changed since the last look; True when some set is new. A broken one is told in the log once."""
        changed = await asyncio.to_thread(self._take_changes)
        if changed:
            await self._on_change()
        return changed

    async def _look_for_ever(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            (outcome,) = await asyncio.gather(self.look(), return_exceptions=True)
            if isinstance(outcome, Exception):
                log.error("message_sets.look_failed", error=type(outcome).__name__)

    def _take_changes(self) -> bool:
        taken = [folder for folder in self._changed_folders() if self._take(folder)]
        return bool(taken)

    def _changed_folders(self) -> list[Path]:
        try:
            folders = list(set_folders(self._source))
        except ConfigurationError as error:
            log.warning("message_sets.unreadable", reason=error.detail)
            return []
        changed = []
        for folder in folders:
            try:
                seen = take_print(folder)
            except OSError:
                continue  # a file of it vanished just now: whoever writes there is not done, and the next look is soon
            if self._seen.get(folder.name) != seen:
                self._seen[folder.name] = seen
                changed.append(folder)
        return changed

    def _take(self, folder: Path) -> bool:
        self._generation += 1
        copies = self._copies / str(self._generation)
        try:
            installed = self._load(folder, copies)
        except (ConfigurationError, OSError) as error:
            self._refuse(folder, str(error))
            return False
        name = installed.message_set.name
        self._catalogue.sets = {**self._catalogue.sets, name: installed}
        self._catalogue.refused.pop(folder.name, None)
        self._catalogue.extra = copies
        log.info("message_sets.loaded", message_set=name)
        return True

    def _load(self, folder: Path, copies: Path) -> InstalledSet:
        """The set of a copy of the folder, compiled, beside copies of the other further sets."""
        for name, former in self._further().items():
            shutil.copytree(former, copies / name)
        copy = copies / folder.name
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(folder, copy)
        others = {name: one for name, one in self._catalogue.sets.items() if one.message_set.folder.name != folder.name}
        installed = load_set(copy, others, self._catalogue.agencies)
        installed.compile()
        return installed

    def _further(self) -> dict[str, Path]:
        """The folders of the further sets now in force."""
        folder = self._catalogue.extra
        return {} if folder is None or folder == self._source else {one.name: one for one in set_folders(folder)}

    def _refuse(self, folder: Path, reason: str) -> None:
        log.error("message_sets.refused", folder=folder.name, reason=reason)
        self._catalogue.refused[folder.name] = reason


def take_print(folder: Path) -> Print:
    """The print of a folder's files."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    stats = [(path, path.stat()) for path in files]
    return tuple((str(path.relative_to(folder)), stat.st_size, stat.st_mtime_ns) for path, stat in stats)
