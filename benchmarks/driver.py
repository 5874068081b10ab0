"""The load driver, a process of its own: reads a Plan from its standard input and writes a Load to its output.

Requests are bytes made beforehand around a running number; a connection parses no more of an answer than it must, so
that one core drives many thousands a second. It tells what it needed of its core, and how late it was.
"""

from __future__ import annotations

import asyncio
import gc
import json
import math
import sys
import time
from array import array
from collections import Counter, deque
from dataclasses import asdict
from urllib.parse import urlsplit

import uvloop

from benchmarks.connection import Answer, Connection
from benchmarks.documents import RECIPES
from benchmarks.load import GRACE_SECONDS, Load, Plan, percentile

TAKEN = frozenset({200, 202})
BUSY = frozenset({429, 503})
TICK_SECONDS = 0.001
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class Tally:
    """What has come back so far."""

    def __init__(self, expect: str) -> None:
        self._expect = expect.encode()
        self.counts: Counter[str] = Counter()
        self.latencies, self.refusals = array("d"), array("d")
        self.timeline: Counter[int] = Counter()
        self.first_surprise = ""

    def add(self, answer: Answer, latency: float, second: int) -> None:
        """Count one answer."""
        if answer.status in TAKEN and self._expect in answer.body:
            self.counts["taken"] += 1
            self.latencies.append(latency)
            self.timeline[second] += 1
        elif answer.status in BUSY:
            self.counts["refused"] += 1
            self.counts["retry_after"] += b"\r\nretry-after:" in answer.head
            self.refusals.append(latency)
        else:
            self.surprise(f"{answer.status} {answer.body[:400]!r}")

    def surprise(self, what: str) -> None:
        """Count something that was not expected; the first is remembered."""
        self.counts["unexpected"] += 1
        self.first_surprise = self.first_surprise or what


class Run:
    """One run: its connections, what is due, and the tally."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._loop = asyncio.get_running_loop()
        self._recipe = RECIPES[plan.recipe]()
        target = urlsplit(plan.url)
        if target.hostname not in LOOPBACK:
            raise ValueError(f"the driver loads servers of this machine only, not {plan.url}")
        self._address = (target.hostname, target.port or 80)
        self._head = _request_head(plan, len(self._recipe.document(plan.first, plan.mark)))
        self.tally = Tally(plan.expect)
        self._idle: list[Connection] = []
        self._overdue: deque[float] = deque()
        self._connecting: set[asyncio.Task[Connection]] = set()
        self._open = self._waiting = self.sent = 0
        self.lateness = array("d")
        self.started = self.ended = time.perf_counter()

    async def closed(self) -> None:
        """Every connection sends as soon as it was answered."""
        self._open = self._plan.connections
        for _ in range(self._plan.connections):
            self._idle.append(await self._connect())
        self.started = time.perf_counter()
        while self._idle and self._more():
            self._send(self._idle.pop(), time.perf_counter())
        await asyncio.sleep(self._plan.seconds if self._plan.documents is None else 0)
        await self._settle(until_sent=self._plan.documents is not None)

    async def open(self, rate: float) -> None:
        """Documents leave at their times, whatever came back; those that find no connection wait, and it counts."""
        self.started = time.perf_counter()
        due, last = self.started, self.started + self._plan.seconds
        while due < last and self.sent + len(self._overdue) < (self._plan.documents or math.inf):
            now = time.perf_counter()
            while due <= now and due < last:
                self._dispatch(due, now)
                due += 1 / rate
            await asyncio.sleep(TICK_SECONDS)
        await self._settle(until_sent=False)

    def load(self, cpu_seconds: float) -> Load:
        """What it came to; the window ends with the plan's time, or with the last answer where that came earlier."""
        counts, plan = self.tally.counts, self._plan
        seconds = max(self.ended - self.started, 1e-9)
        return Load(
            sent=self.sent,
            taken=counts["taken"],
            declarations=counts["taken"] * self._recipe.declarations,
            refused=counts["refused"],
            unexpected=counts["unexpected"],
            unanswered=self._waiting + len(self._overdue),
            retry_after=counts["retry_after"],
            seconds=seconds if plan.rate is None else max(plan.seconds, 1e-9),
            latencies=sorted(self.tally.latencies),
            refusals=sorted(self.tally.refusals),
            timeline=[self.tally.timeline[second] for second in range(int(seconds) + 1)],
            cpu_seconds=cpu_seconds,
            lateness_seconds=percentile(sorted(self.lateness), 99),
            first_surprise=self.tally.first_surprise,
        )

    def _more(self) -> bool:
        if self._plan.documents is not None and self.sent >= self._plan.documents:
            return False
        return time.perf_counter() < self.started + self._plan.seconds

    def _send(self, connection: Connection, intended: float) -> None:
        document = self._recipe.document(self._plan.first + self.sent, self._plan.mark)
        self.sent += 1
        self._waiting += 1
        connection.send(self._head + document, intended)

    def _dispatch(self, due: float, now: float) -> None:
        self.lateness.append(now - due)
        if self._idle:
            self._send(self._idle.pop(), due)
            return
        self._overdue.append(due)
        if self._open < self._plan.connections:
            self._open += 1
            connecting = asyncio.create_task(self._connect())
            self._connecting.add(connecting)
            connecting.add_done_callback(self._connected)

    def _connected(self, connecting: asyncio.Task[Connection]) -> None:
        self._connecting.discard(connecting)
        if connecting.exception() is None:
            self._free(connecting.result())
        else:
            self._open -= 1
            self.tally.surprise(f"cannot connect: {connecting.exception()}")

    async def _connect(self) -> Connection:
        host, port = self._address
        _, connection = await self._loop.create_connection(lambda: Connection(self._answered, self._lost), host, port)
        return connection

    def _answered(self, connection: Connection, answer: Answer) -> None:
        now = time.perf_counter()
        self._waiting -= 1
        self.ended = now
        self.tally.add(answer, now - connection.intended, int(now - self.started))
        self._free(connection)

    def _free(self, connection: Connection) -> None:
        if self._overdue:
            self._send(connection, self._overdue.popleft())
        elif self._plan.rate is None and self._more():
            self._send(connection, time.perf_counter())
        else:
            self._idle.append(connection)

    def _lost(self, connection: Connection) -> None:
        self._open -= 1
        if connection.waiting:
            self._waiting -= 1
            self.tally.surprise("a connection closed instead of an answer")
        elif connection in self._idle:
            self._idle.remove(connection)

    async def _settle(self, *, until_sent: bool) -> None:
        limit = time.perf_counter() + GRACE_SECONDS + (self._plan.seconds if until_sent else 0)
        while (self._waiting or self._overdue) and time.perf_counter() < limit:  # noqa: ASYNC110 - at the very end
            await asyncio.sleep(0.005)


def _request_head(plan: Plan, length: int) -> bytes:
    target = urlsplit(plan.url)
    named = {"Host": target.netloc, "Content-Type": "application/xml", **plan.headers, "Content-Length": str(length)}
    lines = [f"POST {plan.path} HTTP/1.1", *(f"{name}: {value}" for name, value in named.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def run(plan: Plan) -> Load:
    """Carry out a plan."""
    driven = Run(plan)
    gc.disable()  # a pause of ours must not look like one of the server's
    before = time.process_time()
    await (driven.closed() if plan.rate is None else driven.open(plan.rate))
    return driven.load(time.process_time() - before)


if __name__ == "__main__":
    load = uvloop.run(run(Plan(**json.load(sys.stdin))))
    json.dump(asdict(load), sys.stdout)
