"""A plain, synchronous supervisor: starts children stage by stage, restarts what dies, stops in reverse order.

No asyncio here: uvloop cannot drop privileges for children, and the parent-death signal wants one forking thread.
"""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from singlewindow.engines.child import Child, Process, trim_log
from singlewindow.engines.supervised import Supervised
from singlewindow.errors import SingleWindowError

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.02
TRIM_SECONDS = 1.0
"""How often the sizes of the children's logs are looked at."""

START_LIMIT_SECONDS = 60.0
START_DEATHS = 6


class ChildFailedError(SingleWindowError):
    """A child could not be started; `detail` ends with the last lines of its log."""

    code = "child-failed"


class StopRequested(Exception):
    """SIGINT, SIGTERM or SIGHUP came while children were still being started."""


class Supervisor:
    """Keeps children alive until told to stop. Use as a context manager in the main thread:

    `with Supervisor([[postgres, valkey]], log_dir=…) as supervisor: supervisor.start(); supervisor.add(gateway);
    supervisor.run_until_stopped()`. Inside the block SIGINT, SIGTERM and SIGHUP ask for an orderly stop (again and
    again does no harm), SIGUSR2 for a renewal of every child that can be renewed; leaving it stops every child, the
    last stage first.
    """

    def __init__(self, stages: Sequence[Sequence[Child]] = (), *, log_dir: Path | None = None) -> None:
        """`log_dir` gets one file a child; None lets children write to our own output."""
        self._waiting = [list(stage) for stage in stages]
        self._stages: list[list[Supervised]] = []
        self._log_dir = log_dir
        self._stop_requested = False
        self._renewal_requested = False
        self._trim_at = 0.0
        self._old_handlers: dict[signal.Signals, signal.Handlers | object] = {}

    def start(self) -> None:
        """Start the stages in order, each when the one before is ready. Idempotent.

        Raises ChildFailedError or StopRequested, after stopping what was started.
        """
        while self._waiting:
            self.add(*self._waiting.pop(0))

    def add(self, *children: Child) -> None:
        """Start a further stage, all of it at once, and wait until it is ready; it is stopped before the earlier ones.

        Raises ChildFailedError or StopRequested, after stopping everything.
        """
        if self._log_dir:
            self._log_dir.mkdir(parents=True, exist_ok=True)
        stage = [Supervised(child, self._log_dir) for child in children]
        self._stages.append(stage)
        try:
            for supervised in stage:
                supervised.keep_alive()
            for supervised in stage:
                self._await_ready(supervised)
        except BaseException:
            self.stop()
            raise

    def run_until_stopped(self) -> None:
        """Restart whatever dies, for ever, until a stop is requested. Returns with the children still running."""
        while not self._stop_requested:
            self.restart_dead()
            self._trim_logs()
            if self._renewal_requested:
                self._renewal_requested = False
                self.renew()
            time.sleep(POLL_SECONDS)

    def renew(self) -> None:
        """Replace one child after another, each successor serving before the old process is told to end.

        A successor that does not come to serve is ended, and the old process stays.
        """
        for supervised in [one for stage in self._stages for one in stage if one.child.serves_as]:
            if not self._stop_requested:
                self._renew_one(supervised)

    def _renew_one(self, supervised: Supervised) -> None:
        successor = Supervised(supervised.child, self._log_dir)
        try:
            self._await_ready(successor)
        except (ChildFailedError, StopRequested) as error:
            logger.warning("%s stays as it is: %s", supervised.child.name, error)
            stop_together([successor.process] if successor.process else [])
            return
        old = supervised.adopt(successor)
        if old is not None:
            logger.warning("%s is renewed: pid %d", supervised.child.name, successor.pid)
            stop_together([old], meanwhile=self.restart_dead)

    def restart_dead(self) -> None:
        """One look at every child; starts those that ended and whose back-off is over. Never blocks."""
        for stage in self._stages:
            for supervised in stage:
                supervised.keep_alive()

    def _trim_logs(self) -> None:
        """Now and then, for a child may run, and write, for months."""
        if time.monotonic() < self._trim_at:
            return
        self._trim_at = time.monotonic() + TRIM_SECONDS
        for supervised in [one for stage in self._stages for one in stage]:
            trim_log(supervised.log_path)

    def request_stop(self) -> None:
        """Make `run_until_stopped` return and a start in progress raise StopRequested."""
        self._stop_requested = True

    def pids(self) -> dict[str, int]:
        """Process ids of the children that run now, by name."""
        every = (supervised for stage in self._stages for supervised in stage)
        return {one.child.name: one.process.pid for one in every if one.process is not None and one.alive}

    def stop(self) -> None:
        """Stop the stages in reverse order, each within its children's time, then by SIGKILL. Idempotent."""
        while self._stages:
            stop_together([one.process for one in self._stages[-1] if one.process is not None])
            self._stages.pop()

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:  # nohup stays nohup
                self._old_handlers[number] = signal.signal(number, self._on_signal)
        self._old_handlers[signal.SIGUSR2] = signal.signal(signal.SIGUSR2, self._on_signal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self.stop()
        for number, handler in self._old_handlers.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # whatever signal.signal returned, it takes
        self._old_handlers.clear()
        return kind is StopRequested

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGUSR2:
            self._renewal_requested = True
        else:
            self._stop_requested = True

    def _await_ready(self, supervised: Supervised) -> None:
        began = time.monotonic()
        while not supervised.serves():
            if self._stop_requested:
                raise StopRequested
            _refuse_hopeless(supervised, time.monotonic() - began)
            time.sleep(POLL_SECONDS)
            self.restart_dead()
            supervised.keep_alive()
        supervised.deaths = 0


def _refuse_hopeless(supervised: Supervised, waited_seconds: float) -> None:
    child = supervised.child
    limit = child.ready_timeout_seconds if supervised.alive else START_LIMIT_SECONDS
    if supervised.deaths >= START_DEATHS or (limit is not None and waited_seconds > limit):
        raise ChildFailedError(
            f"{child.name} did not become ready in {waited_seconds:.0f} s ({supervised.deaths} failed starts)"
            f"\n{supervised.log_tail()}".rstrip()
        )


def stop_together(processes: Sequence[Process], *, meanwhile: Callable[[], None] = lambda: None) -> None:
    """Ask all of them to stop, then wait for each; whoever outlives its time is killed with its process group."""
    for process in processes:
        process.ask_to_stop()
    began = time.monotonic()
    for process in processes:
        while not process.ended():
            if time.monotonic() - began > process.child.stop_timeout_seconds:
                logger.warning("%s (pid %d) did not stop in time; killing it", process.child.name, process.pid)
                process.kill()
            meanwhile()
            time.sleep(POLL_SECONDS)


@contextmanager
def running(stages: Sequence[Sequence[Child]], *, log_dir: Path | None = None) -> Iterator[Supervisor]:
    """Started children for the length of a block, without touching the process's signal handlers (for tests)."""
    supervisor = Supervisor(stages, log_dir=log_dir)
    try:
        supervisor.start()
        yield supervisor
    finally:
        supervisor.stop()
