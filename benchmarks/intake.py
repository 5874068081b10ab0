"""How many durable single declarations a second are acknowledged, and how long until one is released?

A closed loop of 32 connections against a chain of its own, all on this machine; the driver is this process.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.end_to_end.chain import Client, client_of, running_chain
from tests.end_to_end.documents import Parcel, fresh, sample, set_text

CONNECTIONS = 32


def run(*, quick: bool) -> list[dict[str, Any]]:
    """Acknowledged orders a second, and milliseconds from POST to released for the four-leg sample."""
    with tempfile.TemporaryDirectory(prefix="sw-bench-") as folder:
        Path(folder).chmod(0o711)
        with running_chain(Path(folder) / "data", sandbox_delay_ms="0-0") as chain:
            return asyncio.run(_measure(chain, 500 if quick else 5000))


async def _measure(chain: Any, count: int) -> list[dict[str, Any]]:
    async with client_of(chain) as client:
        releases = [await _released(client) for _ in range(10)]
        documents = [Parcel().order().encode() for _ in range(count)]
        started = time.perf_counter()
        times = await _file_all(client, documents)
        seconds = time.perf_counter() - started
    ordered = sorted(times)
    return [
        {"figure": "acknowledged declarations/s, lanes running", "value": count / seconds},
        {"figure": "acknowledgement p50 ms", "value": statistics.median(ordered) * 1e3},
        {"figure": "acknowledgement p99 ms", "value": ordered[int(len(ordered) * 0.99)] * 1e3},
        {"figure": "four legs, POST to released, median ms", "value": statistics.median(releases) * 1e3},
    ]


async def _file_all(client: Client, documents: list[bytes]) -> list[float]:
    left, times = iter(documents), []

    async def connection() -> None:
        for document in left:
            started = time.perf_counter()
            await client.file(document)
            times.append(time.perf_counter() - started)

    await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))
    return times


async def _released(client: Client) -> float:
    document = set_text(sample("export-1", "four_legs"), "LRN", f"BENCH-{fresh()}")
    document = set_text(document, "MessageIdentification", f"MSG-{fresh()}")
    started = time.perf_counter()
    await client.file(document, Prefer="wait=30")
    return time.perf_counter() - started
