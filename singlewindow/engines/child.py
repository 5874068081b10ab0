"""What a child process is to the supervisor, and one running instance of it."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from singlewindow.engines.account import Account

PR_SET_PDEATHSIG = 1
LOG_LIMIT_BYTES = 10_000_000
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def _always() -> bool:
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """A process to keep alive.

    `ready` says whether it serves; it is asked often, must answer within about a second and never raise.
    `may_start` holds a start back (an earlier instance still stopping). `death_signal` is what the kernel sends when
    the supervisor itself is killed: it must end the process without our help. `ready_timeout_seconds=None` waits for
    as long as the process lives (crash recovery has no upper bound). `env=None` inherits ours. `descriptors` stay open
    in the process under their numbers. `serves_as` says whether the process of this id serves; with it a child can be
    renewed without a gap, its successor serving before it is told to end.
    """

    name: str
    argv: tuple[str, ...]
    ready: Callable[[], bool] = _always
    may_start: Callable[[], bool] = _always
    env: Mapping[str, str] | None = None
    cwd: Path | None = None
    account: Account | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_timeout_seconds: float = 20.0
    death_signal: signal.Signals = signal.SIGKILL
    ready_timeout_seconds: float | None = 60.0
    descriptors: tuple[int, ...] = ()
    serves_as: Callable[[int], bool] | None = None


class Process:
    """One run of a child, in its own session, so that Ctrl-C on the terminal reaches the supervisor alone.

    Start it from the main thread: the kernel's parent-death signal is tied to the *thread* that forked.
    """

    def __init__(self, child: Child, log_path: Path | None) -> None:
        """Start it at once. Raises OSError when the program cannot be run."""
        self.child = child
        self._popen = _spawn(child, log_path)

    @property
    def pid(self) -> int:
        """Its process id, which is also that of its process group."""
        return self._popen.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative for a signal, as in `subprocess`."""
        return self._popen.returncode

    def ended(self) -> bool:
        """Whether it ended; then what it left in its process group is killed and it is reaped. Idempotent."""
        if self._popen.returncode is None and _exited(self._popen):
            self.kill()
            self._popen.wait()
        return self._popen.returncode is not None

    def ask_to_stop(self) -> None:
        """Send the child's stop signal; harmless when it already ended."""
        if not self.ended():
            self._popen.send_signal(self.child.stop_signal)

    def kill(self) -> None:
        """SIGKILL for it and its process group. Called before it is reaped, so that the id cannot be a stranger's."""
        if self._popen.returncode is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)


def die_with_parent(death_signal: signal.Signals, parent_pid: int) -> None:
    """Ask the kernel (Linux) to signal this process when its parent thread ends; call it after dropping privileges."""
    if _libc is None:
        return
    _libc.prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
    if os.getppid() != parent_pid:  # the parent was gone before we asked
        os.kill(os.getpid(), signal.SIGKILL)


def _spawn(child: Child, log_path: Path | None) -> subprocess.Popen[bytes]:
    account = child.account
    output = _open_log(log_path)
    try:
        return subprocess.Popen(  # noqa: S603  argv comes from our own code, never from a request
            child.argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=child.env,
            cwd=child.cwd,
            start_new_session=True,
            pass_fds=child.descriptors,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
            # Runs after the change of user, which would clear the parent-death signal.
            preexec_fn=partial(die_with_parent, child.death_signal, os.getpid()),  # noqa: PLW1509  one thread here
        )
    finally:
        if output is not None:
            os.close(output)


def trim_log(path: Path | None) -> None:
    """Empty a log that has grown too long, which its process may be writing, and keep what was in it beside it.

    It is opened to append, so that the next line is the first again; one written in this very moment may be lost. A
    disk that takes no copy keeps the log as it is.
    """
    with suppress(OSError):
        if path is not None and path.stat().st_size > LOG_LIMIT_BYTES:
            shutil.copy(path, path.with_name(f"{path.name}.1"))
            os.truncate(path, 0)


def _open_log(path: Path | None) -> int | None:
    if path is None:
        return None
    trim_log(path)
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)


def _exited(popen: subprocess.Popen[bytes]) -> bool:
    if not hasattr(os, "waitid"):
        return popen.poll() is not None
    # WNOWAIT leaves it unreaped: its id, and so its group's, stays taken until we have tidied up.
    return os.waitid(os.P_PID, popen.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
