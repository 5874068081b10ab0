"""The system under test with everything around it: traders, webhooks, ledgers, and what is noted while it runs."""

from __future__ import annotations

import asyncio
import json
import random
import string
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
from aiohttp.test_utils import unused_port

from singlewindow.cli.client import SANDBOX_KEYS
from singlewindow.keys import PUBLIC, load_public_key
from tests.end_to_end.chain import Chain, client_of, running_chain
from tests.faults.proof.books import at_rest, read_books
from tests.faults.proof.documents import compose, compose_parcels
from tests.faults.proof.hooks import Hooks, hook_receiver
from tests.faults.proof.invariants import Case
from tests.faults.proof.ledgers import Ledgers, open_ledgers, read_evidence
from tests.faults.proof.load import Load
from tests.faults.proof.nemesis import Target
from tests.faults.proof.network import HOST, INNER, Network
from tests.faults.proof.processes import Weight, environment_of, weigh

SECOND_TRADER = "999988000"
"""How the company codes of the second trader begin."""

SECOND_SHARE = 0.2
LOOPBACK = "127.0.0.1"
ENVIRONMENT = {"SINGLEWINDOW_SANDBOX_DELAY_MS": "0-50"}
NOTE_SECONDS = 5.0
REST_SECONDS = 420.0
"""A webhook that fails twice waits for five minutes."""


@dataclass
class Proof:
    """One run: the folder of its ledgers, its dice, and what it knows of the traders."""

    folder: Path
    ledgers: Ledgers
    dice: random.Random
    hooks: Hooks
    rate: float
    host: str
    environment: dict[str, str]
    network: Network | None = None
    keys: dict[str, str] = field(default_factory=dict)
    hooks_of: dict[str, int] = field(default_factory=dict)
    weights: list[tuple[float, Weight]] = field(default_factory=list)
    loads: list[Load] = field(default_factory=list)
    run: str = ""
    port: int = field(default_factory=unused_port)

    @property
    def data(self) -> Path:
        """The chain's data folder."""
        return self.folder / "data"

    @asynccontextmanager
    async def chain(self, environment: Mapping[str, str] | None = None) -> AsyncIterator[Target]:
        """The chain running on the data of this proof, with these variables of the environment besides its own."""
        running = running_chain(
            self.data,
            listen=f"{self.host}:{self.port}",
            environment={**self.environment, **(environment or {})},
            prefix=self.network.prefix if self.network else (),
        )
        chain = await asyncio.to_thread(running.__enter__)
        try:
            target = Target(
                chain,
                await asyncio.to_thread(environment_of, chain, "SINGLEWINDOW_DATABASE_URL"),
                await asyncio.to_thread(environment_of, chain, "SINGLEWINDOW_REDIS_URL"),
                self.ledgers,
                self.dice,
                self.network,
            )
            await self._settle_in(chain)
            yield target
        finally:
            await asyncio.to_thread(running.__exit__, None, None, None)

    async def _settle_in(self, chain: Chain) -> None:
        """The first time: register the second trader and both webhooks."""
        if self.keys:
            return
        first = json.loads((self.data / "keys" / SANDBOX_KEYS).read_text("utf-8"))
        self.keys[first["trader"]] = chain.api_key
        async with client_of(chain, chain.operator_key) as operator:
            codes = [f"{SECOND_TRADER}{last}" for last in range(1, 6)]
            body = json.dumps({"name": "Second Trader", "codes": codes}).encode()
            made = (await operator.call("POST", "/v1/traders", body, Content_Type="application/json")).json
        self.keys[made["trader"]] = made["api_key"]
        for trader, key in self.keys.items():
            await self._register_hook(chain, trader, key)

    async def _register_hook(self, chain: Chain, trader: str, key: str) -> None:
        async with client_of(chain, key) as client:
            body = json.dumps({"url": f"{self.hooks.url}/{trader}"}).encode()
            made = (await client.call("POST", "/v1/webhooks", body, Content_Type="application/json")).json
        self.hooks.secrets[trader] = made["secret"]
        self.hooks_of[trader] = made["cursor"]

    @asynccontextmanager
    async def loaded(self, target: Target) -> AsyncIterator[Load]:
        """Both traders' load for the length of a block; yields the larger one."""
        first, second = self.keys
        self.run = "".join(self.dice.choice("BCDFGHJKMNPQVWXYZ" + string.digits) for _ in range(4))
        loads = [
            self._load(target, first, self.rate * (1 - SECOND_SHARE), compose(self.dice, self.run)),
            self._load(
                target, second, self.rate * SECOND_SHARE, compose_parcels(self.dice, self.run[::-1], SECOND_TRADER)
            ),
        ]
        self.loads += loads
        running = [asyncio.create_task(load.run()) for load in loads]
        noting = asyncio.create_task(self._note(target))
        try:
            yield loads[0]
        finally:
            for load in loads:
                load.stopping.set()
            await asyncio.gather(*running)
            noting.cancel()
            await asyncio.gather(noting, return_exceptions=True)

    def _load(self, target: Target, trader: str, rate: float, documents: Any) -> Load:
        return Load(target.chain.url, self.keys[trader], self.ledgers, documents, self.dice, rate, trader)

    async def _note(self, target: Target) -> None:
        """Now and then: what the processes weigh, and which checkpoints are published."""
        while True:
            await asyncio.sleep(NOTE_SECONDS)
            self.weights += [(asyncio.get_running_loop().time(), one) for one in weigh(target.chain)]
            with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
                await self._note_heads(target.database_url)

    async def _note_heads(self, database_url: str) -> None:
        connection = await asyncpg.connect(database_url, timeout=2, command_timeout=5)
        try:
            rows = await connection.fetch(
                "SELECT DISTINCT ON (trader) trader::text, size, root FROM checkpoint ORDER BY trader, size DESC"
            )
        finally:
            connection.terminate()
        lines = [{"trader": row["trader"], "size": row["size"], "root": row["root"].hex()} for row in rows]
        await self.ledgers.heads.append(lines)

    async def come_to_rest(self, target: Target, *, seconds: float = REST_SECONDS) -> str:
        """Wait until nothing is left to do; what is left after that, empty when nothing."""
        left = "unknown"
        async with asyncio.timeout(seconds + 30):
            for second in range(int(seconds)):
                with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
                    left = await at_rest(target.database_url) or await self._unheard(target)
                    if not left:
                        break
                if second % 10 == 9:
                    print(f"not at rest yet: {left}", flush=True)
                await asyncio.sleep(1)
        return left

    async def _unheard(self, target: Target) -> str:
        connection = await asyncpg.connect(target.database_url, timeout=5, command_timeout=30)
        try:
            count = await connection.fetchval("SELECT count(*) FROM delivery WHERE state = 'pending'")
        finally:
            connection.terminate()
        return f"{count} webhook deliveries" if count else ""

    async def case(self, target: Target, **more: Any) -> Case:
        """Everything for the verifier, read after `come_to_rest`."""
        books = await read_books(target.database_url)
        return Case(
            read_evidence(self.folder, self.data),
            books,
            load_public_key(self.data / "keys" / PUBLIC),
            self.data / "log",
            (*self.keys.values(), *self.hooks.secrets.values()),
            self.hooks_of,
            **more,
        )


@asynccontextmanager
async def proof(folder: Path, *, seed: int, rate: float, network: Network | None = None) -> AsyncIterator[Proof]:
    """A proof whose ledgers and data live in `folder`; with a `network` the chain lives inside it."""
    folder.mkdir(parents=True, exist_ok=True)
    dice = random.Random(seed)
    async with AsyncExitStack() as stack:
        ledgers = await stack.enter_async_context(open_ledgers(folder))
        hooks = await stack.enter_async_context(hook_receiver(ledgers, dice, HOST if network else LOOPBACK))
        yield Proof(folder, ledgers, dice, hooks, rate, INNER if network else LOOPBACK, ENVIRONMENT, network)
