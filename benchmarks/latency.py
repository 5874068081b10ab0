"""How soon is a declaration acknowledged while everything runs, at 30, 70 and 90 % of what the chain clears?

Open loop, corrected for coordinated omission: latency counts from the moment a declaration was due to be sent. The
cleared rate is measured first, in the same run on the same servers.
"""

from __future__ import annotations

from benchmarks.clearance import BACKLOG, clear
from benchmarks.load import Load, describe_driver, drive
from benchmarks.results import Form, Result, Row
from benchmarks.series import histogram, timeline
from benchmarks.stage import running_servers, running_stage

SHARES = (30, 70, 90)
SECONDS = {"quick": 4.0, "full": 30.0, "long": 120.0}
CONNECTIONS = 256
GOAL_MS = 50.0


def run(form: Form) -> Result:
    """A row for each share of the cleared rate."""
    loads: dict[str, Load] = {}
    with running_servers() as servers, running_stage(servers, lanes=True) as stage:
        clear(stage, 100)
        rate = clear(stage, BACKLOG[form]).rate
        for share in SHARES:
            plan = stage.plan("road", SECONDS[form], rate=rate * share / 100, connections=CONNECTIONS)
            loads[f"{share} % of {rate:,.0f}/s"] = drive(plan)
    ms = {name: [latency * 1e3 for latency in load.latencies] for name, load in loads.items()}
    series = {
        "acknowledged": histogram("ms", ms, GOAL_MS),
        "throughput": timeline("declarations acknowledged a second", {k: v.timeline for k, v in loads.items()}),
    }
    return Result([_describe(name, load, rate) for name, load in loads.items()], series)


def _describe(name: str, load: Load, rate: float) -> Row:
    return {
        "load": name,
        "cleared/s": rate,
        "declarations/s": load.rate,
        **{f"p{percent:g} ms": load.percentile_ms(percent) for percent in (50, 90, 99, 99.9, 100)},
        "refused": load.refused,
        "unanswered": load.unanswered,
        **describe_driver([load]),
    }
