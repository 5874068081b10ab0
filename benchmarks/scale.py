"""What do two gateway processes acknowledge beside one? Lanes paused, closed loop, single declarations.

To be judged where there are four cores or more: PostgreSQL, the driver and the gateways share the machine.
"""

from __future__ import annotations

import os
import statistics

from benchmarks.floor import spread
from benchmarks.load import describe_driver
from benchmarks.results import Form, Result, Row
from benchmarks.series import bars
from benchmarks.stage import Measured, Servers, measure, running_servers, running_stage

ROUNDS = {"quick": 1, "full": 5, "long": 9}
SECONDS = {"quick": 2.0, "full": 8.0, "long": 20.0}
WARM_SECONDS = 1.0
PROCESSES = (1, 2)
JUDGED_CORES = 4


def run(form: Form) -> Result:
    """A row for each number of processes."""
    rounds: dict[int, list[Measured]] = {count: [] for count in PROCESSES}
    with running_servers() as servers:
        for _ in range(ROUNDS[form]):
            for count, measured in rounds.items():
                measured.append(_measure(servers, count, SECONDS[form]))
    one = statistics.median(measured.load.rate for measured in rounds[1])
    rows = [_describe(count, measured, one) for count, measured in rounds.items()]
    return Result(
        rows, {"scale": bars("declarations/s", {f"{row['processes']}": row["declarations/s"] for row in rows})}
    )


def _measure(servers: Servers, count: int, seconds: float) -> Measured:
    with running_stage(servers, gateways=count) as stage:
        measure(stage, stage.plan("inventory", WARM_SECONDS))
        return measure(stage, stage.plan("inventory", seconds))


def _describe(count: int, rounds: list[Measured], one: float) -> Row:
    rates = [measured.load.rate for measured in rounds]
    return {
        "processes": count,
        "declarations/s": statistics.median(rates),
        "rates": spread(rates),
        "× one": statistics.median(rates) / one,
        "gateway µs": statistics.median(measured.micros("gateway") for measured in rounds),
        "judged here": (os.cpu_count() or 1) >= JUDGED_CORES,
        **describe_driver([measured.load for measured in rounds]),
    }
