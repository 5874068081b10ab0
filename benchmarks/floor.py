"""The floor: what nobody can leave out, as processor time of the serving side for one declaration.

(a) libxml2 parses the bytes and judges them by the XSD; (b) a bare aiohttp handler reads the body and answers 202;
(c) a client of the same PostgreSQL stores the same bytes durably, in groups (`unnest`, `synchronous_commit` on).
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from uuid import uuid4

import asyncpg
import uvloop
from lxml import etree

from benchmarks.documents import RECIPES, Recipe
from benchmarks.load import Plan, drive, new_mark
from benchmarks.processes import cpu_seconds, read_port, started
from benchmarks.results import Form, Result
from benchmarks.stage import Servers, running_servers
from singlewindow.xsd.catalogue import load_catalogue
from singlewindow.xsd.parser import new_parser

CONNECTIONS = {"inventory": 64, "inventories": 8}
GROUP = {"inventory": 64, "inventories": 8}
"""Messages in one insert: as many as connections send at a time."""

ROUNDS = {"quick": 2, "full": 5, "long": 9}
SECONDS = {"quick": 0.5, "full": 2.0, "long": 4.0}

STEPS = ("libxml2 parse + XSD", "bare aiohttp", "PostgreSQL client")


@dataclass(frozen=True, slots=True)
class Floor:
    """Microseconds a declaration of each step, one value a round."""

    steps: dict[str, list[float]] = field(default_factory=lambda: {step: [] for step in STEPS})

    @property
    def micros(self) -> float:
        """The sum of the steps' medians."""
        return sum(map(statistics.median, self.steps.values()))

    @property
    def rounds(self) -> list[float]:
        """The sum of the steps of each round."""
        return [sum(times) for times in zip(*self.steps.values(), strict=True)]

    def add(self, recipe: str, servers: Servers, bare: Bare, *, seconds: float) -> None:
        """One more round: every step for so many seconds."""
        values = judge(RECIPES[recipe](), seconds), bare.take(recipe, seconds), store(servers, recipe, seconds)
        for step, value in zip(STEPS, values, strict=True):
            self.steps[step].append(value)


def run(form: Form) -> Result:
    """Median microseconds of each step for a single declaration and in messages of 100."""
    floors = {recipe: Floor() for recipe in CONNECTIONS}
    with running_servers() as servers, bare_server() as bare:
        for _ in range(ROUNDS[form]):
            for recipe, floor in floors.items():
                floor.add(recipe, servers, bare, seconds=SECONDS[form])
    rows = [
        {"messages": recipe, "step": step, "µs a declaration": statistics.median(times), "spread": spread(times)}
        for recipe, floor in floors.items()
        for step, times in floor.steps.items()
    ]
    return Result(rows)


def judge(recipe: Recipe, seconds: float) -> float:
    """(a), in this process."""
    schema, mark, number = _schema(), new_mark(), 0
    before, until = time.process_time(), time.perf_counter() + seconds
    while time.perf_counter() < until:
        if not schema.validate(etree.fromstring(recipe.document(number, mark), new_parser())):
            raise RuntimeError("the document of the floor is not valid")
        number += 1
    return (time.process_time() - before) / number / recipe.declarations * 1e6


@cache
def _schema() -> etree.XMLSchema:
    return load_catalogue().sets["ceb-2018"].schema_for("CEB603Message")


@dataclass(frozen=True, slots=True)
class Bare:
    """A running bare server."""

    url: str
    pid: int

    def take(self, recipe: str, seconds: float) -> float:
        """(b), in the server's process."""
        before = cpu_seconds(self.pid)
        load = drive(Plan(self.url, recipe, seconds, connections=CONNECTIONS[recipe]))
        return (cpu_seconds(self.pid) - before) / load.declarations * 1e6


@contextmanager
def bare_server() -> Iterator[Bare]:
    """A bare aiohttp server for the length of a block."""
    with started(["benchmarks.bare_server"]) as process:
        yield Bare(f"http://127.0.0.1:{read_port(process)}", process.pid)


def store(servers: Servers, recipe: str, seconds: float) -> float:
    """(c), the client's part, in this process."""
    made = RECIPES[recipe]()
    return uvloop.run(_store(servers.urls.database_url, made, GROUP[recipe], seconds)) / made.declarations * 1e6


async def _store(database_url: str, recipe: Recipe, group: int, seconds: float) -> float:
    """Processor seconds a message."""
    connection = await asyncpg.connect(database_url)
    mark, stored = new_mark(), 0
    try:
        await connection.execute("CREATE TABLE IF NOT EXISTS floor (id uuid PRIMARY KEY, content bytea NOT NULL)")
        before, until = time.process_time(), time.perf_counter() + seconds
        while time.perf_counter() < until:
            bodies = [recipe.document(stored + place, mark) for place in range(group)]
            await _insert(connection, bodies)
            stored += group
        return (time.process_time() - before) / stored
    finally:
        await connection.close()


async def _insert(connection: asyncpg.Connection[Any], bodies: list[bytes]) -> None:
    async with connection.transaction():
        await connection.execute(
            "INSERT INTO floor SELECT * FROM unnest($1::uuid[], $2::bytea[])", [uuid4() for _ in bodies], bodies
        )


def spread(values: list[float]) -> str:
    """The least and the largest of a few values."""
    return f"{min(values):,.0f} to {max(values):,.0f}"
