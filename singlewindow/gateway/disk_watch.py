"""The disk's reserve: below it nothing is taken in, so that PostgreSQL never meets a full disk in the middle."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import structlog

from singlewindow.errors import Unavailable

LOOK_SECONDS = 1.0
RELIEF = 1.25
"""Intake begins again when this many reserves are free: not at every file that comes and goes."""

RETRY_AFTER_SECONDS = 30

log = structlog.get_logger()


class DiskFull(Unavailable):
    """Less than the reserve is free; becomes 503 with Retry-After, before a body is read."""

    code = "disk-full"


def free_bytes(folder: Path) -> int:
    """What is free on the disk of a folder, or of the nearest one above it that exists."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


class DiskWatch:
    """Looks at most once a second, when asked. A reserve of 0 asks nothing."""

    def __init__(self, folder: Path, reserve_bytes: int, *, free: Callable[[Path], int] = free_bytes) -> None:
        self._folder, self._reserve, self._free = folder.absolute(), reserve_bytes, free
        self._look_at = 0.0
        self.full = False

    def check(self) -> None:
        """Raises DiskFull while the reserve is touched."""
        if self._reserve and time.monotonic() >= self._look_at:
            self._look()
        if self.full:
            detail = "the disk is nearly full; what was acknowledged is safe, and nothing more is taken in"
            raise DiskFull(detail, retry_after_seconds=RETRY_AFTER_SECONDS)

    def _look(self) -> None:
        self._look_at = time.monotonic() + LOOK_SECONDS
        free, before = self._free(self._folder), self.full
        self.full = free < self._reserve * (RELIEF if before else 1.0)
        if self.full != before:
            log.error("gateway.disk_full" if self.full else "gateway.disk_relieved", free=free, reserve=self._reserve)
