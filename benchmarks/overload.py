"""What happens at twice the capacity? Goodput must hold, the rest be refused at once and told when to come again.

Lanes paused. The capacity is that of a closed loop in the same run; then declarations come in an open loop at twice
that rate, over as many connections as it takes. Memory is that of the gateway process.
"""

from __future__ import annotations

from benchmarks.load import Load, describe_driver, drive, percentile
from benchmarks.processes import rss_bytes
from benchmarks.results import Form, Result, Row
from benchmarks.series import timeline
from benchmarks.stage import Measured, measure, running_servers, running_stage

SECONDS = {"quick": 3.0, "full": 20.0, "long": 60.0}
WARM_SECONDS = 1.0
CONNECTIONS = 3000


def run(form: Form) -> Result:
    """One row: capacity, goodput and refusals."""
    with running_servers() as servers, running_stage(servers) as stage:
        drive(stage.plan("inventory", WARM_SECONDS))
        usual = measure(stage, stage.plan("inventory", SECONDS[form]))
        held = [rss_bytes(*stage.gateways) / 1e6]
        plan = stage.plan("inventory", SECONDS[form], rate=usual.load.rate * 2, connections=CONNECTIONS)
        twice = measure(stage, plan, lambda: held.append(rss_bytes(*stage.gateways) / 1e6))
    lines = {"capacity, closed loop": usual.load.timeline, "goodput at twice that": twice.load.timeline}
    row = _describe(usual.load, twice.load) | _describe_gateway(usual, twice, held)
    return Result([row], {"goodput": timeline("declarations acknowledged a second", lines)})


def _describe_gateway(usual: Measured, twice: Measured, held: list[float]) -> Row:
    """Memory, and what a refusal costs once what was taken is paid for as usual."""
    left = twice.cpu["gateway"] * 1e6 - twice.load.taken * usual.micros("gateway")
    return {
        "gateway MB before": held[0],
        "gateway MB at most": max(held),
        "gateway µs a declaration": usual.micros("gateway"),
        "gateway µs a refusal": left / max(twice.load.refused, 1),
    }


def _describe(capacity: Load, load: Load) -> Row:
    in_time = sum(load.timeline[: int(load.seconds)])
    return {
        "capacity/s": capacity.rate,
        "sent/s": load.sent / load.seconds,
        "goodput/s": in_time / load.seconds,
        "goodput ÷ capacity": in_time / load.seconds / capacity.rate,
        "taken p99 ms": load.percentile_ms(99),
        "refused": load.refused,
        "refused p50 ms": percentile(load.refusals, 50) * 1e3,
        "refused p99 ms": percentile(load.refusals, 99) * 1e3,
        "refused with Retry-After": load.retry_after,
        "unanswered": load.unanswered,
        **describe_driver([load]),
    }
