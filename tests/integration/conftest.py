from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

RUNNER = Path(__file__).with_name("engine_runner.py")
CHECKOUT = RUNNER.parent.parent.parent
DEADLINE_SECONDS = 60


def wait_until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {DEADLINE_SECONDS} s in vain until {what}")
        time.sleep(0.02)


def runs(pid: int) -> bool:
    """Whether a process lives; one that only awaits its reaping does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def descendants(pid: int) -> list[int]:
    children = [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return children + [below for child in children for below in descendants(child)]


@dataclass(frozen=True, slots=True)
class RunningSupervisor:
    """A supervisor in a process of its own, with engines and one worker."""

    process: subprocess.Popen[str]
    database_url: str
    redis_url: str
    pids: dict[str, int]


Start = Callable[..., RunningSupervisor]


@pytest.fixture
def start_supervisor(tmp_path: Path) -> Iterator[Start]:
    """Starts supervisors in processes of their own (`start(data_dir, uid=None)`); ends those still there."""
    started: list[subprocess.Popen[str]] = []
    numbers = count()

    def start(data_dir: Path, uid: int | None = None) -> RunningSupervisor:
        ready_file = data_dir.parent / f"ready-{next(numbers)}.json"
        process = start_runner(data_dir, ready_file, uid)
        started.append(process)
        wait_until(lambda: ready_file.exists() or process.poll() is not None, "the supervisor is ready")
        if not ready_file.exists():
            pytest.fail(f"the supervisor ended: {process.communicate()[1]}")
        return RunningSupervisor(process=process, **json.loads(ready_file.read_text()))

    yield start
    for process in started:
        process.terminate()
        process.communicate(timeout=DEADLINE_SECONDS)


def start_runner(data_dir: Path, ready_file: Path, uid: int | None = None) -> subprocess.Popen[str]:
    argv = [sys.executable, str(RUNNER), str(data_dir), str(ready_file), *([str(uid)] if uid is not None else [])]
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.Popen(argv, env=environment, stderr=subprocess.PIPE, text=True)
