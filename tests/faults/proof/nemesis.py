"""The faults that are done to a running chain, each for a bounded time, and the dice that choose among them."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import redis.asyncio as redis

from tests.end_to_end.chain import Chain
from tests.faults.proof.ledgers import Ledgers, now
from tests.faults.proof.network import Network
from tests.faults.proof.processes import children_of, family_of, pids_of, send_all

STORM_SECONDS = 2.0
FREEZE_SECONDS = (2.0, 8.0)
LONGER_THAN_A_CLAIM = 42.0
"""A built-in adapter's deadline of 20 s and ten more is how long a claim holds."""


@dataclass
class Target:
    """What the nemesis knows of the system under test."""

    chain: Chain
    database_url: str
    redis_url: str
    ledgers: Ledgers
    dice: random.Random
    network: Network | None = None
    done: dict[str, int] = field(default_factory=dict)

    async def note(self, fault: str, moment: str) -> None:
        """Write down that a fault begins or ends."""
        await self.ledgers.faults.append([{"fault": fault, "moment": moment, "at": now()}])


Fault = Callable[[Target], Awaitable[None]]


async def inflict(target: Target, name: str) -> None:
    """One fault, written down before and after; how often each was done is counted."""
    await target.note(name, "begin")
    await FAULTS[name](target)
    await target.note(name, "end")
    target.done[name] = target.done.get(name, 0) + 1


def killing(role: str) -> Fault:
    """SIGKILL to one process of a role, with everything below it."""

    async def fault(target: Target) -> None:
        pids = await _await_pids(target.chain, role)
        send_all(family_of(target.dice.choice(pids)), signal.SIGKILL)

    return fault


def freezing(role: str, seconds: tuple[float, float] = FREEZE_SECONDS) -> Fault:
    """SIGSTOP to a process and everything below it, SIGCONT after a while."""

    async def fault(target: Target) -> None:
        pids = family_of(target.dice.choice(await _await_pids(target.chain, role)))
        send_all(pids, signal.SIGSTOP)
        try:
            await asyncio.sleep(target.dice.uniform(*seconds))
        finally:
            send_all(pids, signal.SIGCONT)

    return fault


async def end_gateway(target: Target) -> None:
    """SIGTERM, and again at once, and SIGKILL in the middle of the drain."""
    pid = (await _await_pids(target.chain, "serve"))[0]
    send_all([pid], signal.SIGTERM)
    await asyncio.sleep(0.1)
    send_all([pid], signal.SIGTERM)
    await asyncio.sleep(target.dice.uniform(0.0, 1.0))
    send_all([pid] if pid in children_of(target.chain.pid) else [], signal.SIGKILL)


async def end_sessions(target: Target) -> None:
    """A storm of pg_terminate_backend."""
    until = now() + STORM_SECONDS
    while now() < until:
        await _on_database(target, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                                   " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()")  # fmt: skip
        await asyncio.sleep(0.1)


async def hold_all_connections(target: Target) -> None:
    """Take what connections PostgreSQL has left, for some seconds."""
    held: list[asyncpg.Connection[Any]] = []
    try:
        while len(held) < 200:
            connection = await asyncpg.connect(target.database_url, timeout=2)
            held.append(connection)
            await connection.execute("BEGIN")
    except (asyncpg.PostgresError, OSError, TimeoutError):
        await asyncio.sleep(STORM_SECONDS)
    finally:
        for connection in held:
            connection.terminate()


async def pin_old_rows(target: Target) -> None:
    """A session in REPEATABLE READ that keeps dead rows alive."""
    try:
        connection = await asyncpg.connect(target.database_url, timeout=2)
    except (asyncpg.PostgresError, OSError, TimeoutError):
        return
    try:
        await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM task")
        await asyncio.sleep(target.dice.uniform(5, 15))
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        return
    finally:
        connection.terminate()


async def wipe_valkey(target: Target) -> None:
    """FLUSHALL."""
    await _on_valkey(target, "FLUSHALL")


async def fill_valkey(target: Target) -> None:
    """A memory limit below what is there, and no eviction: every write fails."""
    await _on_valkey(target, "CONFIG", "SET", "maxmemory-policy", "noeviction")
    await _on_valkey(target, "CONFIG", "SET", "maxmemory", "1")
    await asyncio.sleep(target.dice.uniform(*FREEZE_SECONDS))
    await _on_valkey(target, "CONFIG", "SET", "maxmemory", "0")


async def demote_valkey(target: Target) -> None:
    """A replica of nobody: it refuses writes, and its data are what another has, nothing."""
    await _on_valkey(target, "REPLICAOF", "127.0.0.1", "1")
    await asyncio.sleep(target.dice.uniform(*FREEZE_SECONDS))
    await _on_valkey(target, "REPLICAOF", "NO", "ONE")


async def fail_syncs(target: Target) -> None:
    """In every process of PostgreSQL the second fdatasync fails with EIO: it panics and recovers."""
    pids = family_of((await _await_pids(target.chain, "postgres"))[0])
    tracer = await asyncio.create_subprocess_exec(
        "strace", "-f", "-qq", "-o", os.devnull, "-e", "trace=fdatasync", "-e", "inject=fdatasync:error=EIO:when=2",
        *(word for pid in pids for word in ("-p", str(pid))),
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    await asyncio.sleep(STORM_SECONDS)
    if tracer.returncode is None:
        tracer.terminate()
    await tracer.wait()


async def fill_disk(target: Target) -> None:
    """Nothing is left on the data folder's disk for some seconds. Only where that disk is the proof's own."""
    filler = target.chain.data / "filler"
    if not target.chain.data.is_mount():
        raise ValueError("the data folder has no disk of its own")
    with filler.open("wb") as file, suppress(OSError):
        while True:
            file.write(bytes(1_000_000))
            file.flush()
    await asyncio.sleep(target.dice.uniform(*FREEZE_SECONDS))
    filler.unlink()


def on_network(begin: Callable[[Network], None], end: Callable[[Network], None]) -> Fault:
    """A fault of the chain's own network, for some seconds."""

    async def fault(target: Target) -> None:
        if target.network is None:
            raise ValueError("the chain has no network of its own")
        begin(target.network)
        try:
            await asyncio.sleep(target.dice.uniform(*FREEZE_SECONDS))
        finally:
            end(target.network)

    return fault


FAULTS: dict[str, Fault] = {
    "kill-gateway": killing("serve"),
    "kill-worker": killing("work"),
    "kill-agencies": killing("sandbox"),
    "kill-postgres": killing("postgres"),
    "kill-valkey": killing("valkey"),
    "wipe-valkey": wipe_valkey,
    "fill-valkey": fill_valkey,
    "demote-valkey": demote_valkey,
    "freeze-gateway": freezing("serve"),
    "freeze-worker": freezing("work"),
    "freeze-worker-long": freezing("work", (LONGER_THAN_A_CLAIM, LONGER_THAN_A_CLAIM + 3)),
    "freeze-agencies": freezing("sandbox"),
    "freeze-postgres": freezing("postgres"),
    "freeze-valkey": freezing("valkey"),
    "end-gateway": end_gateway,
    "end-sessions": end_sessions,
    "hold-connections": hold_all_connections,
    "pin-old-rows": pin_old_rows,
    "fail-syncs": fail_syncs,
    "fill-disk": fill_disk,
    "cut-agencies": on_network(Network.cut_agencies, Network.join_agencies),
    "cut-clients": on_network(Network.cut_clients, Network.join_clients),
    "throttle-agencies": on_network(Network.throttle, Network.unthrottle),
}

SHARES = {
    "kill-gateway": 11, "kill-worker": 8, "kill-agencies": 3, "kill-postgres": 4, "kill-valkey": 1, "wipe-valkey": 2,
    "fill-valkey": 1, "demote-valkey": 1, "freeze-gateway": 1, "freeze-worker": 1, "freeze-agencies": 1,
    "freeze-postgres": 1, "freeze-valkey": 1, "end-gateway": 2, "end-sessions": 1, "hold-connections": 1,
    "pin-old-rows": 1,
}  # fmt: skip
"""How often each comes in a random run; the long freeze comes once in every run, cuts need a network of their own."""

CUTS = {"cut-agencies": 2, "cut-clients": 1, "throttle-agencies": 1}


async def _await_pids(chain: Chain, role: str) -> list[int]:
    while not (pids := pids_of(chain, role)):
        await asyncio.sleep(0.05)
    return pids


async def _on_database(target: Target, statement: str) -> None:
    """One statement as superuser; nothing when PostgreSQL is away."""
    try:
        connection = await asyncpg.connect(target.database_url, timeout=2, command_timeout=5)
    except (asyncpg.PostgresError, OSError, TimeoutError):
        return
    try:
        await connection.execute(statement)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
        return
    finally:
        connection.terminate()


async def _on_valkey(target: Target, *command: str) -> None:
    """One command; nothing when Valkey is away."""
    client = redis.from_url(target.redis_url, socket_timeout=2, socket_connect_timeout=2)
    try:
        await client.execute_command(*command)  # type: ignore[no-untyped-call]
    except (redis.RedisError, OSError):
        return
    finally:
        await client.aclose()
