"""One child under supervision: its current run, its deaths, and when it may run again."""

from __future__ import annotations

import logging
import time
from pathlib import Path

from singlewindow.engines.child import Child, Process

logger = logging.getLogger(__name__)

FIRST_BACK_OFF_SECONDS = 0.1
LONGEST_BACK_OFF_SECONDS = 5.0
STEADY_AFTER_SECONDS = 10.0
LOG_TAIL_BYTES = 2000


class Supervised:
    """A child together with its current run and the history that decides when it may run again."""

    def __init__(self, child: Child, log_dir: Path | None) -> None:
        self.child = child
        self.log_path = log_dir / f"{child.name}.log" if log_dir else None
        self.process: Process | None = None
        self.deaths = 0
        self._started_at = 0.0
        self._start_at = 0.0

    @property
    def alive(self) -> bool:
        """Whether it runs now."""
        return self.process is not None and not self.process.ended()

    @property
    def pid(self) -> int:
        """The process id of its current run, 0 between two."""
        return self.process.pid if self.process is not None else 0

    def serves(self) -> bool:
        """Whether it runs and serves, itself where that can be told from another process of the same name."""
        if not self.alive:
            return False
        return self.child.serves_as(self.pid) if self.child.serves_as else self.child.ready()

    def adopt(self, successor: Supervised) -> Process | None:
        """Take over a successor's run; the run until now, which is nobody's any more."""
        old, self.process = self.process, successor.process
        self.deaths, self._started_at = 0, successor._started_at
        return old

    def keep_alive(self) -> None:
        """Note a death, and start it when its back-off is over and nothing holds it back. Never blocks."""
        if self.alive:
            return
        if self.process is not None:
            self._note_death(self.process)
        if time.monotonic() >= self._start_at and self.child.may_start():
            self._start()

    def _start(self) -> None:
        self._started_at = time.monotonic()
        try:
            self.process = Process(self.child, self.log_path)
        except OSError as error:
            logger.warning("%s cannot be started: %s", self.child.name, error)
            self._back_off()

    def _note_death(self, process: Process) -> None:
        logger.warning("%s (pid %d) ended with %s; starting it again", self.child.name, process.pid, process.exit_code)
        self.process = None
        if time.monotonic() - self._started_at > STEADY_AFTER_SECONDS:
            self.deaths = 0
        self._back_off()

    def _back_off(self) -> None:
        self.deaths += 1
        delay_seconds = min(LONGEST_BACK_OFF_SECONDS, FIRST_BACK_OFF_SECONDS * 2.0 ** (self.deaths - 1))
        self._start_at = time.monotonic() + delay_seconds

    def log_tail(self) -> str:
        """The last lines it wrote, for an error text; empty without a log folder."""
        if self.log_path is None or not self.log_path.exists():
            return ""
        with self.log_path.open("rb") as log:
            log.seek(max(0, self.log_path.stat().st_size - LOG_TAIL_BYTES))
            return log.read().decode(errors="replace")
