"""How does the gateway compare with what a user would write instead, given the same machine, PostgreSQL and XSD?

Single declarations in a closed loop over 64 connections, in interleaved rounds; the peers run in one uvicorn process
with uvloop and httptools. `× the peer` compares acknowledged declarations a second; `cost` compares processor time of
the serving process, which tells the same where others load the machine too.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from benchmarks.floor import spread
from benchmarks.load import Load, Plan, describe_driver, drive
from benchmarks.processes import cpu_seconds, started
from benchmarks.results import Form, Result, Row
from benchmarks.series import bars
from benchmarks.stage import RECEIVED, Servers, await_answer, free_port, running_servers, running_stage

ROUNDS = {"quick": 2, "full": 5, "long": 9}
SECONDS = {"quick": 2.0, "full": 6.0, "long": 10.0}
WARM_SECONDS = 1.0
SERVICES = {"FastAPI + lxml + asyncpg": "lxml_service", "FastAPI + xmlschema + asyncpg": "xmlschema_service"}
OURS = "singlewindow"


@dataclass(frozen=True, slots=True)
class Contestant:
    """A server to be driven, and its rounds: loads, and the serving process's microseconds a declaration."""

    plan: Plan
    pid: int
    loads: list[Load] = field(default_factory=list)
    micros: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Median declarations a second."""
        return statistics.median(load.rate for load in self.loads)

    @property
    def cost(self) -> float:
        """Median microseconds a declaration."""
        return statistics.median(self.micros)

    def run(self, seconds: float) -> None:
        """One round."""
        before = cpu_seconds(self.pid)
        load = drive(Plan(self.plan.url, "inventory", seconds, headers=self.plan.headers, expect=RECEIVED))
        self.loads.append(load)
        self.micros.append((cpu_seconds(self.pid) - before) / max(load.declarations, 1) * 1e6)


def run(form: Form) -> Result:
    """A row for each contestant, ours first."""
    contestants = measure_peers(form)
    ours = contestants[OURS]
    rows = [_describe(name, one, ours) for name, one in contestants.items()]
    return Result(rows, {"rates": bars("declarations/s", {name: one.rate for name, one in contestants.items()})})


def measure_peers(form: Form) -> dict[str, Contestant]:
    """All contestants after their rounds."""
    with running_servers() as servers, ExitStack() as stack:
        stage = stack.enter_context(running_stage(servers))
        contestants = {OURS: Contestant(stage.plan("inventory", 0), stage.gateways[0])}
        for name, service in SERVICES.items():
            contestants[name] = stack.enter_context(running_peer(servers, service))
        for one in contestants.values():
            drive(Plan(one.plan.url, "inventory", WARM_SECONDS, headers=one.plan.headers))
        for _ in range(ROUNDS[form]):
            for one in contestants.values():
                one.run(SECONDS[form])
    return contestants


@contextmanager
def running_peer(servers: Servers, service: str) -> Iterator[Contestant]:
    """A peer on a database of its own in the same PostgreSQL server."""
    port = free_port()
    arguments = [
        "uvicorn", f"benchmarks.peers.application:{service}", "--factory", "--port", str(port), "--workers", "1",
        "--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning",
    ]  # fmt: skip
    environment = {"PEER_DATABASE_URL": servers.new_database()}
    with started(arguments, environment, servers.folder / f"{service}.log") as process:
        await_answer(f"http://127.0.0.1:{port}/openapi.json")
        yield Contestant(Plan(f"http://127.0.0.1:{port}", "inventory", 0), process.pid)


def _describe(name: str, one: Contestant, ours: Contestant) -> Row:
    return {
        "who": name,
        "declarations/s": one.rate,
        "rates": spread([load.rate for load in one.loads]),
        "p99 ms": statistics.median(load.percentile_ms(99) for load in one.loads),
        "process µs": one.cost,
        "ours × the peer": ours.rate / one.rate,
        "its cost ÷ ours": one.cost / ours.cost,
        **describe_driver(one.loads),
    }
