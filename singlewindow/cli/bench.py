"""`singlewindow bench`: how many declarations a second a running gateway acknowledges, and how soon."""

from __future__ import annotations

import asyncio
import re
import secrets
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console
from rich.table import Table

from singlewindow.cli.client import Gateway
from singlewindow.errors import ConfigurationError, Unavailable
from singlewindow.settings import load_settings

SAMPLE = Path(__file__).parent.parent / "xsd" / "sets" / "ceb-2018" / "samples" / "valid" / "order.xml"
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
BUSY = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})


@dataclass(slots=True)
class Tally:
    """What came back: answers by kind, and the seconds that each declaration taken took, from when it was due."""

    counts: Counter[str] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)

    def add(self, status: int, seconds: float) -> None:
        """Count an answer."""
        if status in {HTTPStatus.OK, HTTPStatus.ACCEPTED}:
            self.counts["taken"] += 1
            self.latencies.append(seconds)
        else:
            self.counts["busy" if status in BUSY else "refused"] += 1

    def percentile_ms(self, percent: int) -> float:
        """What this many of a hundred did not exceed, 0 where nothing was taken."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) * percent // 100, len(ordered) - 1)] * 1e3 if ordered else 0.0


def bench(
    url: str | None = None,
    *,
    seconds: float = 10.0,
    connections: int = 32,
    rate: float | None = None,
    live: bool = False,
    key: str | None = None,
) -> None:
    """File orders of its own for some seconds and tell how many were acknowledged a second, and how soon.

    This process and the network are part of the figures; `scripts/bench` measures the gateway by itself. Exit code 0:
    everything was taken. 1: something was not. 3: the gateway could not be reached.

    Parameters
    ----------
    url
        The gateway; default SINGLEWINDOW_URL.
    seconds
        How long to file.
    connections
        How many declarations may be under way at a time.
    rate
        Declarations a second; latency then counts from when each was due. Default: each when one before was answered.
    live
        Allow a gateway that is not on this machine. What is filed there goes to real agencies.
    key
        The API key; default SINGLEWINDOW_API_KEY, or the sandbox's own.
    """
    host = urlsplit(url or load_settings().url).hostname
    if host not in LOOPBACK and not live:
        raise ConfigurationError(f"{host} is another machine, whose agencies may be real; pass --live if you mean it")
    began = time.perf_counter()
    tally = asyncio.run(_file(url, key, seconds, connections=connections, rate=rate))
    _show(tally, time.perf_counter() - began)
    sys.exit(0 if set(tally.counts) == {"taken"} else 1)


async def _file(url: str | None, key: str | None, seconds: float, *, connections: int, rate: float | None) -> Tally:
    tally, document = Tally(), _documents()
    until = time.perf_counter() + seconds
    due = _due(rate)

    async def file_on(gateway: Gateway) -> None:
        while (intended := due()) < until:
            await asyncio.sleep(intended - time.perf_counter())
            status, _ = await gateway.post("/v1/declarations", document(), {})
            tally.add(status, time.perf_counter() - intended)

    async with Gateway(url, key) as gateway:
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(connections):
                    group.create_task(file_on(gateway))
        except* Unavailable as away:
            raise away.exceptions[0] from None
    return tally


def _due(rate: float | None) -> Callable[[], float]:
    """When the next declaration is due: at its turn of the rate, or at once."""
    if rate is None:
        return time.perf_counter
    began, number = time.perf_counter(), iter(range(sys.maxsize))
    return lambda: began + next(number) / rate


def _documents() -> Callable[[], bytes]:
    """Makes orders that nobody filed before: the shipped sample under numbers of its own."""
    sample, mark, number = SAMPLE.read_text("utf-8"), secrets.token_hex(4), iter(range(sys.maxsize))
    before, after = re.split(r"(?<=<orderNo>)[^<]*(?=</orderNo>)", sample)

    def next_document() -> bytes:
        return f"{before}BENCH{mark}{next(number):08d}{after}".encode()

    return next_document


def _show(tally: Tally, seconds: float) -> None:
    table = Table("declarations", "figure")
    table.add_row("acknowledged a second", f"{len(tally.latencies) / seconds:,.0f}")
    for percent in (50, 90, 99):
        table.add_row(f"{percent} of 100 within", f"{tally.percentile_ms(percent):,.1f} ms")
    for kind, count in sorted(tally.counts.items()):
        table.add_row(kind, f"{count:,}")
    Console(highlight=False).print(table)
