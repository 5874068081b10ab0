"""The load: files documents at a steady rate, whatever happens, and writes down what it sent and what it was told.

As in Jepsen an answer that does not come is *unknown*, never failed. A careful client sends again under the same key;
some give up at once, so that unknowns remain for the verifier.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus

import aiohttp

from tests.faults.proof.documents import Document
from tests.faults.proof.ledgers import Ledgers, now

CLIENT_SECONDS = 12.0
"""A client waits longer than the gateway may take, so that a late answer is seen as one."""

IN_FLIGHT = 300
GIVES_UP = 0.2
"""Part of the clients that do not ask again after an unknown outcome."""

PAUSE_SECONDS = (0.1, 1.0)
LATER = {HTTPStatus.TOO_MANY_REQUESTS}


@dataclass
class Load:
    """One trader's clients. `run` until told to stop; `acknowledged` counts the first 2xx of each key."""

    url: str
    api_key: str
    ledgers: Ledgers
    documents: Iterator[Document]
    dice: random.Random
    rate: float
    trader: str
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    acknowledged: Counter[int] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)

    async def run(self) -> None:
        """File at `rate` messages a second until `stopping`; waits for what is under way."""
        connector = aiohttp.TCPConnector(limit=0)
        timeout = aiohttp.ClientTimeout(total=CLIENT_SECONDS)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session, asyncio.TaskGroup() as group:
            running: set[asyncio.Task[None]] = set()
            due = now()
            while not self.stopping.is_set():
                due += 1.0 / self.rate
                await asyncio.sleep(max(due - now(), 0.0))
                if len(running) >= IN_FLIGHT:
                    self.outcomes["not offered"] += 1
                    continue
                task = group.create_task(self._file(session, next(self.documents)))
                running.add(task)
                task.add_done_callback(running.discard)

    async def _file(self, session: aiohttp.ClientSession, document: Document) -> None:
        """Until the outcome is known, or the client gives up."""
        sent = {"kind": "sent", "key": document.key, "sha256": document.sha256, "trader": self.trader,
                "units": document.units, "lawful": document.lawful, "at": now()}  # fmt: skip
        await self.ledgers.load.append([sent])
        patient = self.dice.random() >= GIVES_UP
        while True:
            outcome = await self._ask(session, document)
            if outcome != "unknown" or self.stopping.is_set() or not patient:
                break
            await asyncio.sleep(self.dice.uniform(*PAUSE_SECONDS))
        self.outcomes[outcome] += 1

    async def _ask(self, session: aiohttp.ClientSession, document: Document) -> str:
        started = now()
        headers = {"Authorization": f"Bearer {self.api_key}", "Content-Type": "application/xml",
                   "Idempotency-Key": document.key}  # fmt: skip
        status, text, retry_after = 0, "", ""
        try:
            async with session.post(f"{self.url}/v1/declarations", data=document.body, headers=headers) as response:
                text = (await response.read()).decode()
                status, retry_after = response.status, response.headers.get("Retry-After", "")
        except (aiohttp.ClientError, OSError, TimeoutError):
            status = 0
        outcome = judge(status, text)
        line = {"kind": "answer", "key": document.key, "outcome": outcome, "status": status, "at": now(),
                "seconds": now() - started, "retry_after": retry_after,
                "body": text if outcome != "unknown" else ""}  # fmt: skip
        await self.ledgers.load.append([line])
        if outcome == "ok":
            self.acknowledged[int(now())] += 1
        return outcome


def judge(status: int, text: str) -> str:
    """`ok` for a receipt, `fail` for a refusal, `unknown` for everything that leaves the outcome open."""
    if status in {HTTPStatus.OK, HTTPStatus.ACCEPTED}:
        return "ok"
    refused = HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR
    return "fail" if refused and status not in LATER and "in-progress" not in text else "unknown"


async def steady_rate(load: Load, *, seconds: int, patience_seconds: float, part: float) -> float | None:
    """How long until `part` of the offered rate is acknowledged again in `seconds` whole ones; None when never."""
    started = now()
    while now() - started < patience_seconds:
        await asyncio.sleep(0.5)
        last = int(now())
        counted = sum(load.acknowledged[second] for second in range(last - seconds, last))
        if last - seconds > started and counted >= part * expected_rate(load) * seconds:
            return last - seconds - started
    return None


def expected_rate(load: Load) -> float:
    """Acknowledgements a second when nothing is wrong: broken documents are refused."""
    return load.rate * LAWFUL_PART


def _lawful_part() -> float:
    messages = {"parcel": 5 * 3, "export": 1, "orders": 2, "broken": 1}
    return 1 - messages["broken"] / sum(messages.values())


LAWFUL_PART = _lawful_part()
