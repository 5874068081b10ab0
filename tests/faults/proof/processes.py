"""The processes of a running chain: found by role among its own children, killed, stopped, and weighed."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from tests.end_to_end.chain import Chain

ROLES = ("serve", "work", "sandbox", "postgres", "valkey")


@dataclass(frozen=True)
class Weight:
    """What one process holds: resident memory in bytes, and open descriptors."""

    role: str
    pid: int
    resident: int
    descriptors: int


def pids_of(chain: Chain, role: str) -> list[int]:
    """The process ids of one role, among the chain's own children."""
    return [pid for pid in children_of(chain.pid) if role in _role(pid)]


def children_of(pid: int) -> list[int]:
    """A process's children; none when it is gone."""
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text("utf-8").split()]
    except (OSError, ValueError):
        return []


def family_of(pid: int) -> list[int]:
    """A process and all below it."""
    return [pid, *(below for child in children_of(pid) for below in family_of(child))]


def send_all(pids: list[int], number: signal.Signals) -> None:
    """Signal processes, those that are gone left out."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def weigh(chain: Chain) -> list[Weight]:
    """Every process of the chain; engines' own children are counted with them."""
    return [
        Weight(role, pid, sum(map(_resident, family_of(pid))), sum(map(_descriptors, family_of(pid))))
        for role in ROLES
        for pid in pids_of(chain, role)
    ]


def environment_of(chain: Chain, name: str) -> str:
    """A variable of the chain's gateway, which knows the engines' addresses. Waits for the process to be there."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for pid in pids_of(chain, "work"):
            try:
                words = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
            except OSError:
                continue
            found = dict(word.split("=", 1) for word in words if "=" in word)
            if name in found:
                return found[name]
        time.sleep(0.05)
    raise RuntimeError(f"no process of the chain knows {name}")


def _role(pid: int) -> str:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return ""
    return words[3] if "singlewindow" in words[1:3] and len(words) > 3 else Path(words[0]).name


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return 0


def _descriptors(pid: int) -> int:
    try:
        return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return 0
