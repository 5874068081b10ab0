"""The servers that are measured, each with a known process id: engines, gateways, and on request lanes and agencies.

`singlewindow up` runs the same processes; started one by one here so that lanes can be left out, and that peers get
the very same PostgreSQL server.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg

from benchmarks.load import Load, Plan, drive
from benchmarks.processes import cpu_seconds, find_child, started
from singlewindow.engines.embedded import EngineUrls, engines
from singlewindow.keys import load_keys
from singlewindow.ledger.migrating import migrate
from singlewindow.settings import PREFIX, Settings
from singlewindow.wiring import open_ledger

READY_SECONDS = 60
RECEIVED = '"verdict":"received"'


@dataclass(frozen=True, slots=True)
class Servers:
    """Running PostgreSQL and Valkey, and a folder for what else is started."""

    folder: Path
    urls: EngineUrls
    postgres: int
    valkey: int

    def new_database(self) -> str:
        """A fresh, empty database; its DSN."""
        name = f"bench_{secrets.token_hex(4)}"
        asyncio.run(ask(self.urls.database_url, f"CREATE DATABASE {name} TEMPLATE template0"))
        return self.urls.database_url.replace("/singlewindow?", f"/{name}?")


@dataclass(frozen=True, slots=True)
class Stage:
    """A running single window: where it is, a key to file with, and its processes by role."""

    servers: Servers
    database_url: str
    url: str
    api_key: str
    trader: str
    gateways: tuple[int, ...]
    lanes: tuple[int, ...] = ()
    sandbox: tuple[int, ...] = ()

    def rows(self, statement: str, *arguments: Any) -> list[Any]:
        """The rows of one statement of its ledger."""
        return asyncio.run(ask(self.database_url, statement, *arguments))

    def plan(self, recipe: str, seconds: float, **more: Any) -> Plan:
        """A plan of the driver against it, filing as its trader."""
        headers = {"Authorization": f"Bearer {self.api_key}", **more.pop("headers", {})}
        return Plan(self.url, recipe, seconds, headers=headers, expect=more.pop("expect", RECEIVED), **more)

    def costs(self) -> dict[str, float]:
        """Processor seconds so far, by role; judge children count to the gateway."""
        return {
            "gateway": cpu_seconds(*self.gateways),
            "lanes": cpu_seconds(*self.lanes),
            "sandbox agencies": cpu_seconds(*self.sandbox),
            "PostgreSQL": cpu_seconds(self.servers.postgres),
            "Valkey": cpu_seconds(self.servers.valkey),
        }


@dataclass(frozen=True, slots=True)
class Measured:
    """A run of the driver, and what each role's processes needed meanwhile."""

    load: Load
    cpu: dict[str, float] = field(default_factory=dict)

    def micros(self, role: str) -> float:
        """Processor time of a role for one declaration, in microseconds."""
        return self.cpu[role] / max(self.load.declarations, 1) * 1e6


def measure(stage: Stage, plan: Plan, sample: Callable[[], None] | None = None) -> Measured:
    """Drive a plan and take the costs of the whole of it; meanwhile call `sample` now and then."""
    before = stage.costs()
    load = drive(plan, sample)
    after = stage.costs()
    cpu = {role: after[role] - before[role] for role in after}
    return Measured(load, {**cpu, "load driver": load.cpu_seconds})


async def ask(database_url: str, statement: str, *arguments: Any) -> list[Any]:
    """The rows of one statement."""
    connection = await asyncpg.connect(database_url)
    try:
        return list(await connection.fetch(statement, *arguments))
    finally:
        await connection.close()


@contextmanager
def running_servers() -> Iterator[Servers]:
    """Fresh engines in a folder of their own, which goes with them. Call it from the main thread."""
    with tempfile.TemporaryDirectory(prefix="sw-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        with engines(folder / "data") as urls:
            yield Servers(folder, urls, find_child(os.getpid(), "postgres"), find_child(os.getpid(), "valkey"))


@contextmanager
def running_stage(
    servers: Servers, *, gateways: int = 1, lanes: bool = False, environment: Mapping[str, str] | None = None
) -> Iterator[Stage]:
    """A single window with a ledger of its own; without lanes it takes in and stores, and nothing moves on."""
    port, agencies, database = free_port(), free_port(), servers.new_database()
    own = _environment(servers, database, port, agencies)
    own |= {f"{PREFIX}{name}": value for name, value in (environment or {}).items()}
    api_key, trader = asyncio.run(_prepare(servers, database))
    url = f"http://127.0.0.1:{port}"
    with ExitStack() as stack:
        start = _Starter(stack, servers.folder, own)
        sandbox = (start("sandbox"),) if lanes else ()
        if lanes:
            await_answer(f"http://127.0.0.1:{agencies}/sandbox/magic")
        serving = tuple(start("serve") for _ in range(gateways))
        working = (start("work"),) if lanes else ()
        _await_all(f"{url}/health/ready", serving)
        yield Stage(servers, database, url, api_key, trader, serving, working, sandbox)


class _Starter:
    def __init__(self, stack: ExitStack, folder: Path, environment: Mapping[str, str]) -> None:
        self._stack, self._folder, self._environment = stack, folder, environment

    def __call__(self, command: str) -> int:
        log = self._folder / f"{command}.log"
        return self._stack.enter_context(started(["singlewindow", command], self._environment, log)).pid


def _environment(servers: Servers, database_url: str, port: int, agencies: int) -> dict[str, str]:
    own = {
        "DATABASE_URL": database_url,
        "REDIS_URL": servers.urls.redis_url,
        "DATA_DIR": str(servers.folder / "data"),
        "LISTEN": f"127.0.0.1:{port}",
        "URL": f"http://127.0.0.1:{port}",
        "AGENCIES_URL": f"http://127.0.0.1:{agencies}",
        "SANDBOX_DELAY_MS": "0-0",
        # the driver stands for many clients, who would not all come from one address
        "CONNECTIONS_PER_ADDRESS": "0",
        "LOG_LEVEL": "warning",
    }
    return {f"{PREFIX}{name}": value for name, value in own.items()}


async def _prepare(servers: Servers, database_url: str) -> tuple[str, str]:
    """Migrate, and register a trader that may file for every company; its key and id."""
    await migrate(database_url)
    settings = Settings(database_url=database_url, redis_url=servers.urls.redis_url, data_dir=servers.folder / "data")
    load_keys(servers.folder / "data" / "keys")
    async with open_ledger(settings) as ledger:
        trader = await ledger.traders.create(f"Bench {secrets.token_hex(4)}", [], all_codes=True)
        return await ledger.traders.create_key(trader, ["submit", "read"]), str(trader)


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def await_answer(url: str, holds: bytes = b"") -> None:
    """Wait until a URL answers 200 with these bytes. Raises TimeoutError."""
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        with suppress(urllib.error.URLError, OSError), urllib.request.urlopen(url, timeout=2) as response:
            if holds in response.read():
                return
        time.sleep(0.02)
    raise TimeoutError(f"{url} did not answer within {READY_SECONDS} s")


def _await_all(url: str, pids: tuple[int, ...]) -> None:
    """Each process on the port says that it is ready; which one answers is the kernel's choice."""
    for pid in pids:
        await_answer(url, b'"process":%d' % pid)
