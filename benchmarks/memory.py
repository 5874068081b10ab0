"""Does a gateway process grow with what it has taken? Its memory over many single messages, lanes paused.

The slope is a straight line through the second half of the samples, in megabytes for a hundred thousand messages; the
first half is left to caches that fill. The long form files a million.
"""

from __future__ import annotations

import statistics

from benchmarks.load import describe_driver, drive
from benchmarks.processes import rss_bytes, tree
from benchmarks.results import Form, Result
from benchmarks.series import timeline
from benchmarks.stage import running_servers, running_stage

MESSAGES = {"quick": 5_000, "full": 100_000, "long": 1_000_000}
LIMIT_SECONDS = 3600.0
EVERY_SECONDS = 1.0


def run(form: Form) -> Result:
    """One row."""
    held: list[float] = []
    with running_servers() as servers, running_stage(servers) as stage:
        rest = _megabytes(stage.gateways)
        plan = stage.plan("inventory", LIMIT_SECONDS, documents=MESSAGES[form])
        load = drive(plan, lambda: held.append(_megabytes(stage.gateways)), EVERY_SECONDS)
        children = _megabytes(tuple(pid for top in stage.gateways for pid in tree(top)[1:]))
    row = {
        "messages": load.taken,
        "messages/s": load.rate,
        "at rest MB": rest,
        "at most MB": max(held),
        "at the end MB": held[-1],
        "MB for 100,000 messages": _slope(held) * EVERY_SECONDS / load.rate * 1e5,
        "judge children MB": children,
        **describe_driver([load]),
    }
    return Result([row], {"memory": timeline("MB, gateway process", {"resident": held})})


def _megabytes(pids: tuple[int, ...]) -> float:
    return rss_bytes(*pids) / 1e6


def _slope(values: list[float]) -> float:
    """Growth from one sample to the next, over the second half."""
    half = values[len(values) // 2 :]
    return statistics.linear_regression(range(len(half)), half).slope if len(half) > 1 else 0.0
