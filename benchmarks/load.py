"""What the load driver is asked for and what it tells; `drive` runs it as a process of its own."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[1]
BUSY_SHARE = 0.8
LATE_SECONDS = 0.010
GRACE_SECONDS = 40.0


def new_mark() -> str:
    """Four hexadecimal digits that tell the documents of a run from those of others."""
    return secrets.token_hex(2).upper()


@dataclass(frozen=True, slots=True)
class Plan:
    """One run of the driver against `url` (loopback) for `seconds`, or until `documents` are sent.

    Without a `rate` the loop is closed: each connection sends as soon as it was answered. With one (documents a
    second) it is open, and latency counts from when a document was due to leave, not from when it did. An answer of
    200 or 202 counts as taken when its body holds `expect`.
    """

    url: str
    recipe: str
    seconds: float
    path: str = "/v1/declarations"
    headers: dict[str, str] = field(default_factory=dict)
    connections: int = 64
    rate: float | None = None
    documents: int | None = None
    first: int = 0
    mark: str = field(default_factory=new_mark)
    expect: str = ""


@dataclass(frozen=True, slots=True)
class Load:
    """What a run came to. Latencies in seconds, sorted; `timeline` has the documents taken in each second.

    `declarations` counts those in messages taken. `lateness_seconds` (99 of 100 within) is how late the driver itself
    was in sending.
    """

    sent: int
    taken: int
    declarations: int
    refused: int
    unexpected: int
    unanswered: int
    retry_after: int
    seconds: float
    latencies: list[float]
    refusals: list[float]
    timeline: list[int]
    cpu_seconds: float
    lateness_seconds: float
    first_surprise: str = ""

    @property
    def rate(self) -> float:
        """Declarations taken a second."""
        return self.declarations / self.seconds if self.seconds else 0.0

    @property
    def driver_share(self) -> float:
        """The part of one core that the driver needed."""
        return self.cpu_seconds / self.seconds if self.seconds else 0.0

    @property
    def driver_was_the_bottleneck(self) -> bool:
        """Whether the figures say more of the driver than of the server."""
        return self.driver_share > BUSY_SHARE or self.lateness_seconds > LATE_SECONDS

    def percentile_ms(self, percent: float) -> float:
        """A percentile of the latencies of what was taken, in milliseconds; 0 where nothing was."""
        return percentile(self.latencies, percent) * 1e3


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The value that this many of a hundred do not exceed, of values in ascending order."""
    if not ordered:
        return 0.0
    return ordered[min(int(len(ordered) * percent / 100), len(ordered) - 1)]


def drive(plan: Plan, sample: Callable[[], None] | None = None, every_seconds: float = 0.5) -> Load:
    """Run the driver to its end; meanwhile call `sample` now and then.

    Raises RuntimeError where it failed, or where the server did other than the plan expects.
    """
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.driver"], cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        try:
            told = _await(process, plan, sample, every_seconds)
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise RuntimeError(f"the load driver ended with {process.returncode}")
    return _checked(Load(**json.loads(told)))


def _await(
    process: subprocess.Popen[bytes], plan: Plan, sample: Callable[[], None] | None, every_seconds: float
) -> bytes:
    told: bytes = b""
    question: bytes | None = json.dumps(asdict(plan)).encode()
    give_up_at = time.monotonic() + plan.seconds + GRACE_SECONDS + 20
    while process.returncode is None:
        try:
            told, _ = process.communicate(question, timeout=every_seconds if sample else plan.seconds + GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            if time.monotonic() > give_up_at:
                raise
            if sample is not None:
                sample()
        question = None
    return told


def _checked(load: Load) -> Load:
    if load.unexpected:
        raise RuntimeError(f"{load.unexpected} of {load.sent} answers were not expected: {load.first_surprise}")
    return load


def describe_driver(loads: Sequence[Load]) -> dict[str, Any]:
    """How much of the figures is the driver's doing."""
    return {
        "driver, share of a core": max(load.driver_share for load in loads),
        "driver was the bottleneck": any(load.driver_was_the_bottleneck for load in loads),
    }
