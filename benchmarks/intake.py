"""How many declarations a second are acknowledged durably, and what does one cost beside the floor? Lanes paused.

Closed loop: single declarations of 2.6 kB over 64 connections, messages of 100 over 8. The cost is the processor time
of the gateway and its judge children, which machines that others load leave alone; `overhead` is that cost divided by
the floor's (benchmarks/floor.py) of the same round. Costs are those of one gateway process; what the machine takes in
is measured with a process for each of its cores, too (`singlewindow up --workers N`). Rounds are interleaved, medians
and extremes given.
"""

from __future__ import annotations

import os
import statistics
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from benchmarks.documents import RECIPES
from benchmarks.floor import CALLED, CONNECTIONS, ROUNDS, Bare, Floor, bare_server, spread
from benchmarks.judged import judging_micros
from benchmarks.load import describe_driver
from benchmarks.results import Form, Result
from benchmarks.series import stack, timeline
from benchmarks.stage import Measured, Servers, Stage, measure, running_servers, running_stage

SECONDS = {"quick": 1.2, "full": 8.0, "long": 20.0}
WARM_SECONDS = 1.0
CORES = os.cpu_count() or 1
ALL_CORES = "declarations/s on all cores"


@dataclass(frozen=True, slots=True)
class Rounds:
    """The rounds of one kind of message: ours, the floor's, and what judging alone takes in microseconds.

    `on_all_cores` are those with a gateway process for each core.
    """

    recipe: str
    ours: list[Measured] = field(default_factory=list)
    on_all_cores: list[Measured] = field(default_factory=list)
    floor: Floor = field(default_factory=Floor)
    judging: list[float] = field(default_factory=list)

    @property
    def rates(self) -> list[float]:
        """Declarations acknowledged a second."""
        return [one.load.rate for one in self.ours]

    @property
    def gateway_micros(self) -> list[float]:
        """Processor time of the gateway for one declaration."""
        return [one.micros("gateway") for one in self.ours]

    @property
    def overheads(self) -> list[float]:
        """Ours over the floor, round by round."""
        return [ours / least for ours, least in zip(self.gateway_micros, self.floor.rounds, strict=True)]

    @property
    def last_timeline(self) -> list[int]:
        """Declarations acknowledged in each second of the last round."""
        return [count * RECIPES[self.recipe]().declarations for count in self.ours[-1].load.timeline]


def run(form: Form) -> Result:
    """Rates, costs and overheads of both kinds."""
    kinds = measure_intake(form)
    bars = {name: steps for one in kinds.values() for name, steps in cost_bars(one).items()}
    lines = {CALLED[name]: one.last_timeline for name, one in kinds.items()}
    series = {"cost": stack("µs a declaration", bars), "throughput": timeline("declarations a second", lines)}
    return Result([describe(one) for one in kinds.values()], series)


def measure_intake(form: Form) -> dict[str, Rounds]:
    """All rounds of both kinds, interleaved with the floor's."""
    kinds = {recipe: Rounds(recipe) for recipe in CONNECTIONS}
    with ExitStack() as stack:
        servers, bare = stack.enter_context(running_servers()), stack.enter_context(bare_server())
        one, all_cores = (stack.enter_context(running_stage(servers, gateways=count)) for count in (1, CORES))
        for recipe in kinds:
            for stage in (one, all_cores):
                _drive(stage, recipe, WARM_SECONDS)
        for _ in range(ROUNDS[form]):
            for kind in kinds.values():
                kind.ours.append(_drive(one, kind.recipe, SECONDS[form]))
                kind.on_all_cores.append(_drive(all_cores, kind.recipe, SECONDS[form]))
                _add_floor(kind, servers, bare, seconds=SECONDS[form] / 4)
    return kinds


def _drive(stage: Stage, recipe: str, seconds: float) -> Measured:
    return measure(stage, stage.plan(recipe, seconds, connections=CONNECTIONS[recipe]))


def _add_floor(kind: Rounds, servers: Servers, bare: Bare, *, seconds: float) -> None:
    kind.floor.add(kind.recipe, servers, bare, seconds=seconds)
    kind.judging.append(judging_micros(RECIPES[kind.recipe](), seconds=seconds))


def cost_bars(rounds: Rounds) -> dict[str, dict[str, float]]:
    """The floor's steps, and ours beside it by the same steps; the rest is what the floor knows nothing of."""
    parse, http, client = (statistics.median(times) for times in rounds.floor.steps.values())
    whole, judging = statistics.median(rounds.gateway_micros), statistics.median(rounds.judging)
    steps = {"parse + XSD": parse, "bare HTTP": http, "bare PostgreSQL client": client}
    more = {"reading, hashes, rules": max(judging - parse, 0.0)}
    rest = max(whole - sum(steps.values()) - sum(more.values()), 0.0)
    return {
        f"{CALLED[rounds.recipe]}: floor": steps,
        f"{CALLED[rounds.recipe]}: ours": {**steps, **more, "receipt, ledger rows, the rest": rest},
    }


def describe(rounds: Rounds) -> dict[str, Any]:
    """One row: the figures, and the cost by step."""
    floor = {f"floor: {step}": statistics.median(times) for step, times in rounds.floor.steps.items()}
    roles = {role: statistics.median(one.micros(role) for one in rounds.ours) for role in rounds.ours[0].cpu}
    return {
        "messages": CALLED[rounds.recipe],
        "declarations/s": statistics.median(rounds.rates),
        "rates": spread(rounds.rates),
        ALL_CORES: statistics.median(one.load.rate for one in rounds.on_all_cores),
        "gateway processes then": CORES,
        "rates then": spread([one.load.rate for one in rounds.on_all_cores]),
        "p50 ms": statistics.median(one.load.percentile_ms(50) for one in rounds.ours),
        "p99 ms": statistics.median(one.load.percentile_ms(99) for one in rounds.ours),
        "gateway µs": statistics.median(rounds.gateway_micros),
        "floor µs": rounds.floor.micros,
        "overhead": statistics.median(rounds.overheads),
        "overheads": f"{min(rounds.overheads):.2f} to {max(rounds.overheads):.2f}",
        "judging µs": statistics.median(rounds.judging),
        **floor,
        **{f"{role} µs": micros for role, micros in roles.items() if micros and role != "gateway"},
        **describe_driver([one.load for one in (*rounds.ours, *rounds.on_all_cores)]),
    }
