"""From POST to released through customs, inspection and one leg by road, over SOAP: how long, and how many a second?

The sandbox agencies decide at once (delays 0). `cleared` is the sustained capacity: a backlog of declarations is
filed as fast as it is taken, and counted until the last of it is released. The time from POST to released comes of an
open loop of 200/s (`Prefer: wait`, so that the client itself hears it), corrected for coordinated omission; the
ledger's own time for the same is given beside it. The sandbox's cost, which is not ours, stands apart.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from benchmarks.load import describe_driver, drive, percentile
from benchmarks.results import Form, Result, Row
from benchmarks.series import histogram, stack, timeline
from benchmarks.stage import Measured, Stage, measure, running_servers, running_stage

BACKLOG = {"quick": 400, "full": 5000, "long": 20_000}
SECONDS = {"quick": 4.0, "full": 30.0, "long": 120.0}
RATE = 200.0
FILING = 100
WAITING = 1500
DRAIN_SECONDS = 120.0
RELEASED = '"status":"released"'
GOAL_MS = 200.0

RELEASES = """SELECT extract(epoch FROM e.at - d.received_at)::float8 AS seconds, d.received_at AS began, e.at AS ended
FROM event e JOIN declaration d ON d.id = e.declaration_id
WHERE e.type = 'state' AND e.data->>'state' = 'released' AND d.received_at >= to_timestamp($1) ORDER BY 1"""

COUNT = "SELECT count(*) AS released FROM declaration WHERE received_at >= to_timestamp($1) AND state = 'released'"
POLL_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Cleared:
    """A backlog that was worked off: how many in how many seconds, what each role needed, releases in each second."""

    count: int
    seconds: float
    cost: Measured
    timeline: list[int]

    @property
    def rate(self) -> float:
        """Declarations a second from the first POST to the last release."""
        return self.count / self.seconds


def run(form: Form) -> Result:
    """The capacity, and the time to release at 200/s."""
    with running_servers() as servers, running_stage(servers, lanes=True) as stage:
        clear(stage, 100)
        cleared = clear(stage, BACKLOG[form])
        waited, seconds = _release_times(stage, SECONDS[form])
    rows = [_capacity(cleared), _times(waited, seconds)]
    series = {
        "released": histogram("ms", {"POST to released, 200/s": _ms(waited.load.latencies)}, GOAL_MS),
        "cleared": timeline("declarations released a second", {"backlog": cleared.timeline}),
        "cost": stack("µs a declaration", {"filed and released": _costs(cleared.cost)}),
    }
    return Result(rows, series)


def clear(stage: Stage, count: int) -> Cleared:
    """File so many declarations as fast as they are taken, and wait until all are released.

    Raises RuntimeError where some are not within two minutes of the last receipt.
    """
    began, before = time.time(), stage.costs()
    load = drive(stage.plan("road", 600, documents=count, connections=FILING))
    _await_releases(stage, began, count)
    after = stage.costs()
    cpu = {role: after[role] - before[role] for role in after} | {"load driver": load.cpu_seconds}
    times = [row["ended"].timestamp() - began for row in stage.rows(RELEASES, began)]
    counts = [sum(1 for one in times if int(one) == second) for second in range(int(max(times)) + 1)]
    return Cleared(count, max(times), Measured(load, cpu), counts)


def _await_releases(stage: Stage, began: float, count: int) -> None:
    deadline, released = time.monotonic() + DRAIN_SECONDS, 0
    while time.monotonic() < deadline:
        released = stage.rows(COUNT, began)[0]["released"]
        if released >= count:
            return
        time.sleep(POLL_SECONDS)
    raise RuntimeError(f"only {released} of {count} declarations were released within {DRAIN_SECONDS:.0f} s")


def _release_times(stage: Stage, seconds: float) -> tuple[Measured, list[float]]:
    began = time.time()
    plan = stage.plan(
        "road", seconds, rate=RATE, connections=WAITING, headers={"Prefer": "wait=30"}, expect=RELEASED
    )  # fmt: skip
    waited = measure(stage, plan)
    return waited, [float(row["seconds"]) for row in stage.rows(RELEASES, began)]


def _capacity(cleared: Cleared) -> Row:
    return {
        "figure": "cleared capacity",
        "declarations/s": cleared.rate,
        "declarations": cleared.count,
        **{f"{role} µs": micros for role, micros in _costs(cleared.cost).items()},
        **describe_driver([cleared.cost.load]),
    }


def _times(waited: Measured, by_ledger: list[float]) -> Row:
    load = waited.load
    return {
        "figure": "POST to released at 200/s",
        "declarations/s": load.rate,
        "declarations": load.declarations,
        **{f"p{percent:g} ms": load.percentile_ms(percent) for percent in (50, 90, 99, 100)},
        "p50 ms by the ledger": percentile(by_ledger, 50) * 1e3,
        "p99 ms by the ledger": percentile(by_ledger, 99) * 1e3,
        "refused": load.refused,
        "unanswered": load.unanswered,
        **{f"{role} µs": micros for role, micros in _costs(waited).items()},
        **describe_driver([load]),
    }


def _costs(measured: Measured) -> dict[str, float]:
    return {role: measured.micros(role) for role in measured.cpu}


def _ms(latencies: list[float]) -> list[float]:
    return [seconds * 1e3 for seconds in latencies]
