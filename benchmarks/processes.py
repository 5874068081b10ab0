"""What processes cost, read from /proc: processor time and memory of a process with all its children."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from benchmarks.load import CHECKOUT

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
STOP_SECONDS = 30


def children(pid: int) -> list[int]:
    """The processes that this one started and that live."""
    found: list[int] = []
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with suppress(OSError):
                found += map(int, (task / "children").read_text().split())
    return found


def tree(pid: int) -> list[int]:
    """A process and all that descend from it."""
    return [pid, *(below for child in children(pid) for below in tree(child))]


def cpu_seconds(*pids: int) -> float:
    """User and system time of these processes, their children, and what their ended children had used."""
    total = 0
    for pid in [one for top in pids for one in tree(top)]:
        with suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += sum(map(int, fields[11:15]))
    return total / _TICKS


def rss_bytes(*pids: int) -> int:
    """Resident memory of exactly these processes."""
    total = 0
    for pid in pids:
        with suppress(OSError):
            total += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    return total


def find_child(pid: int, word: str) -> int:
    """The child whose program's name has this word. Raises LookupError."""
    for child in children(pid):
        with suppress(OSError):
            if word in Path(f"/proc/{child}/comm").read_text():
                return child
    raise LookupError(f"{pid} has no child {word}")


@contextmanager
def started(
    arguments: Sequence[str], environment: Mapping[str, str] | None = None, log: Path | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A Python module running for the length of a block, in this checkout; ended by SIGTERM, at last by SIGKILL."""
    with (log or Path(os.devnull)).open("ab") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments], cwd=CHECKOUT, env={**os.environ, **(environment or {})},
            stdout=subprocess.PIPE if log is None else errors, stderr=errors,
        )  # fmt: skip
        try:
            yield process
        finally:
            _end(process)


def read_port(process: subprocess.Popen[bytes]) -> int:
    """The port that a server printed as its first line. Raises RuntimeError where it printed none."""
    line = process.stdout.readline() if process.stdout is not None else b""
    if not line.strip().isdigit():
        raise RuntimeError(f"the server did not start: {line!r}")
    return int(line)


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
