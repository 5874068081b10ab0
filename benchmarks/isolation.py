"""What does a slow or a dead agency cost the others? p99 from POST to customs' decision, beside calm, in one run.

Two flows run all the time: orders, which only customs decides, and declarations of four legs, which the railway must
take too. Round by round the railway is calm, answers every call three seconds late, or refuses everything.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.results import Form, Result
from tests.end_to_end.chain import Chain, Client, client_of, running_chain
from tests.end_to_end.documents import Parcel, fresh, sample, set_text

ORDERS_PER_SECOND = 20
DECLARATIONS_PER_SECOND = 2
AGENCY = "rail"
ROUNDS = {"quick": 2, "full": 5, "long": 9}
SECONDS = {"quick": 6.0, "full": 20.0, "long": 60.0}
WEATHERS: dict[str, dict[str, Any]] = {
    "calm": {},
    "slow": {"slow": 1.0, "slow_seconds": 3},
    "dead": {"outages": [{"from_seconds": 0, "for_seconds": 3600}]},
}


def run(form: Form) -> Result:
    """p50 and p99 of the orders under each weather, and their ratio to calm: medians over the rounds."""
    with tempfile.TemporaryDirectory(prefix="sw-bench-") as folder:
        Path(folder).chmod(0o711)
        with running_chain(Path(folder) / "data", sandbox_delay_ms="0-0") as chain:
            measured = asyncio.run(_measure(chain, rounds=ROUNDS[form], seconds=SECONDS[form]))
    calm = measured["calm"]
    rows = [
        {
            "weather at the railway": weather,
            "orders": float(sum(map(len, rounds))),
            "p50 ms": _median(rounds, 0.5),
            "p99 ms": _median(rounds, 0.99),
            "p99 to calm": _median(rounds, 0.99) / _median(calm, 0.99),
        }
        for weather, rounds in measured.items()
    ]
    return Result(rows)


async def _measure(chain: Chain, *, rounds: int, seconds: float) -> dict[str, list[list[float]]]:
    measured: dict[str, list[list[float]]] = {weather: [] for weather in WEATHERS}
    async with client_of(chain) as client:
        await _flow(client, 3)  # warm
        for _ in range(rounds):
            for weather, shares in WEATHERS.items():
                await _set_weather(chain, client, shares)
                measured[weather].append(await _flow(client, seconds))
            await _set_weather(chain, client, {})
    return measured


async def _flow(client: Client, seconds: float) -> list[float]:
    """Both flows at their rates, whatever the answers take; the seconds of each order."""
    async with asyncio.TaskGroup() as tasks:
        orders = tasks.create_task(_at_rate(lambda: _order(client), ORDERS_PER_SECOND, seconds))
        tasks.create_task(_at_rate(lambda: _declaration(client), DECLARATIONS_PER_SECOND, seconds))
    return orders.result()


async def _at_rate(act: Any, per_second: int, seconds: float) -> list[float]:
    started, running = time.perf_counter(), []
    for number in range(int(per_second * seconds)):
        await asyncio.sleep(max(0.0, started + number / per_second - time.perf_counter()))
        running.append(asyncio.create_task(act()))
    return list(await asyncio.gather(*running))


async def _order(client: Client) -> float:
    document, started = Parcel().order(), time.perf_counter()
    await client.file(document, Prefer="wait=30")
    return time.perf_counter() - started


async def _declaration(client: Client) -> float:
    document = set_text(sample("export-1", "four_legs"), "LRN", f"BENCH-{fresh()}")
    started = time.perf_counter()
    await client.file(set_text(document, "MessageIdentification", f"MSG-{fresh()}"))
    return time.perf_counter() - started


async def _set_weather(chain: Chain, client: Client, shares: dict[str, Any]) -> None:
    body = json.dumps({"seed": "isolation", "agencies": {AGENCY: shares}}).encode()
    async with client.session.put(f"{chain.sandbox_url}/sandbox/weather", data=body) as reply:
        reply.raise_for_status()


def _median(rounds: list[list[float]], share: float) -> float:
    """Milliseconds below which this share of a round's orders lies, in the middle of the rounds."""
    return statistics.median(sorted(times)[int(len(times) * share)] for times in rounds) * 1e3
