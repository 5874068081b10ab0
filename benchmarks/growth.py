"""Does acknowledging become slower as the ledger grows?

Old declarations are loaded by COPY: clones of the rows of one that was really filed, in every table that intake reads
or writes, each under ids, keys and hashes of its own and long closed. Their documents, receipts and facts are left
empty, for what grows with the ledger are the indexes. At each size the same open loop runs, at 30 % of the first
capacity; the processor time of gateway and PostgreSQL tells the same with less noise.
"""

from __future__ import annotations

import asyncio
import statistics
from dataclasses import dataclass

from benchmarks.clones import Cloner, read_original
from benchmarks.load import drive
from benchmarks.results import Form, Result, Row
from benchmarks.series import bars
from benchmarks.stage import Measured, Stage, ask, measure, running_servers, running_stage

SIZES = {"quick": (10**4, 3 * 10**4), "full": (10**4, 10**5, 10**6), "long": (10**4, 10**5, 10**6, 10**7)}
ROUNDS = {"quick": 1, "full": 3, "long": 5}
SECONDS = {"quick": 3.0, "full": 15.0, "long": 30.0}
SHARE = 0.3


@dataclass(frozen=True, slots=True)
class Grown:
    """A size of the ledger and the rounds at it."""

    declarations: int
    rounds: list[Measured]

    def percentile_ms(self, percent: float) -> float:
        """Median over the rounds."""
        return statistics.median(one.load.percentile_ms(percent) for one in self.rounds)

    def micros(self, role: str) -> float:
        """Median over the rounds."""
        return statistics.median(one.micros(role) for one in self.rounds)


def run(form: Form) -> Result:
    """A row for each size."""
    with running_servers() as servers, running_stage(servers) as stage:
        capacity = drive(stage.plan("inventory", SECONDS[form])).rate
        original = asyncio.run(read_original(stage.database_url))
        cloner = Cloner(original)
        grown = [_grow(stage, cloner, size, rate=capacity * SHARE, form=form) for size in SIZES[form]]
    rows = [_describe(one, grown[0]) for one in grown]
    return Result(rows, {"p99": bars("p99 ms", {f"{one.declarations:,}": one.percentile_ms(99) for one in grown})})


def _grow(stage: Stage, cloner: Cloner, size: int, *, rate: float, form: Form) -> Grown:
    asyncio.run(cloner.load(stage.database_url, size))
    asyncio.run(ask(stage.database_url, "VACUUM ANALYZE"))
    asyncio.run(ask(stage.database_url, "CHECKPOINT"))
    plans = [stage.plan("inventory", SECONDS[form], rate=rate) for _ in range(ROUNDS[form])]
    return Grown(size, [measure(stage, plan) for plan in plans])


def _describe(grown: Grown, first: Grown) -> Row:
    return {
        "declarations": grown.declarations,
        "p50 ms": grown.percentile_ms(50),
        "p99 ms": grown.percentile_ms(99),
        "p99 ÷ the first": grown.percentile_ms(99) / first.percentile_ms(99),
        "gateway µs": grown.micros("gateway"),
        "PostgreSQL µs": grown.micros("PostgreSQL"),
    }
