"""How long until `singlewindow up` serves on a prepared machine, and what does a gateway at rest need?

The first start makes the databases and keys, and is given apart. Memory is the gateway process's, without load.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.floor import spread
from benchmarks.processes import children, rss_bytes
from benchmarks.results import Form, Result
from tests.end_to_end.chain import running_chain

STARTS = {"quick": 2, "full": 7, "long": 15}


def run(form: Form) -> Result:
    """One row."""
    with tempfile.TemporaryDirectory(prefix="sw-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        first, _ = _start(folder / "data")
        starts = [_start(folder / "data") for _ in range(STARTS[form])]
    seconds = [one for one, _ in starts]
    row = {
        "first start s": first,
        "start s": statistics.median(seconds),
        "starts": f"{min(seconds):.2f} to {max(seconds):.2f}",
        "gateway at rest MB": statistics.median(size for _, size in starts),
        "sizes": spread([size for _, size in starts]),
    }
    return Result([row])


def _start(data: Path) -> tuple[float, float]:
    """Seconds until it is ready, and megabytes of its gateway process."""
    began = time.perf_counter()
    with running_chain(data) as chain:
        seconds = time.perf_counter() - began
        return seconds, rss_bytes(*_gateways(chain.pid)) / 1e6


def _gateways(supervisor: int) -> list[int]:
    return [pid for pid in children(supervisor) if Path(f"/proc/{pid}/cmdline").read_bytes().endswith(b"\0serve\0")]
