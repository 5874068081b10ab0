"""The goals, and where in the results their measured values stand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.intake import ALL_CORES
from benchmarks.results import Row

Rows = list[Row]


@dataclass(frozen=True, slots=True)
class Measure:
    """A measured value in words, and whether it meets its goal (None: not judged here)."""

    words: str
    met: bool | None


@dataclass(frozen=True, slots=True)
class Goal:
    """One line of the table: what is asked, what is wanted, which question answers, and how it is read."""

    asked: str
    wanted: str
    question: str
    read: Callable[[Rows], Measure]


def _row(rows: Rows, **named: Any) -> Row:
    """The row with these values."""
    return next(row for row in rows if all(row[name] == value for name, value in named.items()))


def at_least(figure: str, least: float, unit: str = "", /, **named: Any) -> Callable[[Rows], Measure]:
    """A figure that must not be less."""
    return lambda rows: _one(_row(rows, **named)[figure], unit, lambda value: value >= least)


def at_most(figure: str, most: float, unit: str = "", /, **named: Any) -> Callable[[Rows], Measure]:
    """A figure that must not be more."""
    return lambda rows: _one(_row(rows, **named)[figure], unit, lambda value: value <= most)


def _one(value: float, unit: str, meets: Callable[[float], bool]) -> Measure:
    words = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"
    return Measure(f"{words}{unit}", meets(value))


def _both(*reads: Callable[[Rows], Measure], names: tuple[str, ...]) -> Callable[[Rows], Measure]:
    def read(rows: Rows) -> Measure:
        found = [one(rows) for one in reads]
        words = ", ".join(f"{name} {one.words}" for name, one in zip(names, found, strict=True))
        return Measure(words, all(one.met for one in found))

    return read


def _latency(rows: Rows) -> Measure:
    return _both(at_most("p50 ms", 10, " ms"), at_most("p99 ms", 50, " ms"), names=("p50", "p99"))(
        [row for row in rows if row["load"].startswith("70 %")]
    )


def _overload(rows: Rows) -> Measure:
    reads = (
        at_least("goodput ÷ capacity", 0.9),
        at_most("refused p99 ms", 100, " ms"),
        lambda found: Measure(f"{found[0]['refused']:,}", found[0]["refused"] == found[0]["refused with Retry-After"]),
    )
    return _both(*reads, names=("goodput ÷ capacity", "refusals p99", "refused"))(rows)


def _released(rows: Rows) -> Measure:
    reads = [at_most(f"p{percent} ms", most, " ms", figure="POST to released at 200/s") for percent, most in LIMITS]
    found = _both(*reads, names=("p50", "p99"))(rows)
    refused = _row(rows, figure="POST to released at 200/s").get("refused", 0)
    return found if not refused else Measure(f"{found.words}, refused {refused:,}", met=False)


LIMITS = ((50, 200.0), (99, 1000.0))


def _forwarder(rows: Rows) -> Measure:
    reads = at_least("declarations/s", 5000, "/s"), at_most("gateway MB above rest", 300, " MB")
    # the last row has a gateway process for each core
    return _both(*reads, names=("rate", "above rest"))(rows[-1:])


def _growth(rows: Rows) -> Measure:
    last = rows[-1]
    return Measure(
        f"{last['p99 ÷ the first'] - 1:+.0%} at {last['declarations']:,}",
        last["p99 ÷ the first"] <= 1.2 if last["declarations"] >= 10**7 else None,
    )


def _memory(rows: Rows) -> Measure:
    reads = at_most("at rest MB", 120, " MB"), at_most("MB for 100,000 messages", 2, " MB per 100,000 messages")
    return _both(*reads, names=("at rest", "slope"))(rows)


def _scale(rows: Rows) -> Measure:
    two = _row(rows, processes=2)
    return Measure(f"{two['× one']:.2f} ×", two["× one"] >= 1.7 if two["judged here"] else None)


GOALS = (
    Goal(
        "intake capacity, lanes paused: acknowledged durable single declarations, closed loop, 64 connections, "
        "a gateway process for each core",
        "≥ 3,000/s", "intake", at_least(ALL_CORES, 3000, "/s", messages="single"),
    ),
    Goal(
        "the same in messages of 100", "≥ 6,000 declarations/s", "intake",
        at_least(ALL_CORES, 6000, "/s", messages="of 100"),
    ),
    Goal(
        "cost beside the floor, single declarations", "≤ 2.0 ×", "intake",
        at_most("overhead", 2.0, " ×", messages="single"),
    ),
    Goal(
        "cost beside the floor, messages of 100", "≤ 2.5 ×", "intake",
        at_most("overhead", 2.5, " ×", messages="of 100"),
    ),
    Goal(
        "rate beside FastAPI + lxml + asyncpg", "≥ 2 ×", "peers",
        at_least("ours × the peer", 2.0, " ×", who="FastAPI + lxml + asyncpg"),
    ),
    Goal(
        "rate beside FastAPI + xmlschema + asyncpg", "≥ 10 ×", "peers",
        at_least("ours × the peer", 10.0, " ×", who="FastAPI + xmlschema + asyncpg"),
    ),
    Goal(
        "acknowledgement with all lanes running, open loop at 70 % of the cleared rate",
        "p50 ≤ 10 ms, p99 ≤ 50 ms", "latency", _latency,
    ),
    Goal(
        "overload at 2 × capacity", "goodput ≥ 90 % of capacity, the rest 429/503 + Retry-After within 100 ms",
        "overload", _overload,
    ),
    Goal(
        "POST to released through customs, inspection and one leg over SOAP, open loop 200/s, sandbox delays 0",
        "p50 ≤ 200 ms, p99 ≤ 1 s", "clearance", _released,
    ),
    Goal(
        "cleared capacity: declarations filed, sent to their agencies and released", "≥ 500/s", "clearance",
        at_least("declarations/s", 500, "/s", figure="cleared capacity"),
    ),
    Goal(
        "1,000 messages of 100 by `singlewindow submit`, a gateway process for each core",
        "≥ 5,000/s, gateway ≤ 300 MB above rest", "forwarder",
        _forwarder,
    ),
    Goal(
        "acknowledgement p99 as the ledger grows from 10⁴ to 10⁷ declarations", "grows ≤ 20 %", "growth", _growth,
    ),
    Goal(
        "memory of a gateway process", "≤ 120 MB at rest, slope ≈ 0", "memory", _memory,
    ),
    Goal("`singlewindow up` ready on a prepared machine", "≤ 5 s", "start", at_most("start s", 5, " s")),
    Goal("2 gateway processes beside one (judged on ≥ 4 cores)", "≥ 1.7 ×", "scale", _scale),
)  # fmt: skip


def measured(goal: Goal, results: Mapping[str, Mapping[str, Any]]) -> Measure:
    """What the kept results say of a goal; where the driver was the bottleneck, that a goal is missed means nothing."""
    told = results.get(goal.question)
    if told is None:
        return Measure("not measured", None)
    found = goal.read(told["rows"])
    if any(row.get("driver was the bottleneck") for row in told["rows"]):
        return Measure(f"{found.words} (the load driver was the bottleneck)", found.met or None)
    return found
