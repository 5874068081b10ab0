"""What Prometheus scrapes. Each process has its own registry; the label `process` keeps their series apart."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter as Counted
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Bucket borders of the latency histogram."""

FRESH_SECONDS = 1.0
"""So long what the ledger counted is told again: nobody needs a key to ask, and its queue is counted row by row."""


class Metrics:
    """Counts of one process. Labels never hold what a trader wrote: routes by pattern, verdicts and lanes by name."""

    def __init__(self) -> None:
        self.reading = asyncio.Lock()
        self._fresh_until = 0.0
        self._registry = CollectorRegistry()
        labels, registry = ["process", "method", "route"], self._registry
        self._process = str(os.getpid())
        self._known: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._turned_away: dict[str, Counter] = {}
        self._requests = Counter(
            "singlewindow_requests", "HTTP requests answered", [*labels, "status"], registry=registry
        )
        self._seconds = Histogram(
            "singlewindow_request_seconds", "Time to the answer", labels, buckets=SECONDS, registry=registry
        )
        self._declarations = Counter(
            "singlewindow_declarations", "Declarations by verdict", ["process", "verdict"], registry=registry
        )
        self._log_ins = Counter("singlewindow_log_ins_refused", "Refused log-ins", ["process"], registry=registry)
        self._depth = Gauge("singlewindow_queue_depth", "Tasks in a lane", ["lane"], registry=registry)
        self._dead = Gauge(
            "singlewindow_dead_letters", "Tasks that wait for an operator", ["agency", "state"], registry=registry
        )
        self._away = Gauge(
            "singlewindow_agency_away", "1 while nothing is sent to an agency", ["agency"], registry=registry
        )
        self._age = Gauge("singlewindow_queue_age_seconds", "Age of a lane's oldest task", ["lane"], registry=registry)

        self._refused = Counter(
            "singlewindow_turned_away", "Submissions and connections refused unread", ["process", "code"],
            registry=registry,
        )  # fmt: skip
        self._intake_open = Gauge(
            "singlewindow_intake_open", "0 while everybody's submissions are refused", ["process"], registry=registry
        )
        self._admitted = Gauge("singlewindow_intake_in_work", "Submissions in work", ["process"], registry=registry)
        self._connections = Gauge("singlewindow_connections", "Open connections", ["process"], registry=registry)

    def count_request(self, method: str, route: str, *, status: int, seconds: float) -> None:
        """One request answered."""
        answered, took = self._series(method, route, status)
        answered.inc()
        took.observe(seconds)

    def _series(self, method: str, route: str, status: int) -> tuple[Counter, Histogram]:
        """What counts such requests; looking it up by labels every time costs ten times as much."""
        named = method, route, status
        if named not in self._known:
            answered = self._requests.labels(self._process, method, route, str(status))
            self._known[named] = answered, self._seconds.labels(self._process, method, route)
        return self._known[named]

    def count_verdicts(self, verdicts: Iterable[str]) -> None:
        """Declarations of one message."""
        for verdict, count in Counted(verdicts).items():
            self._declarations.labels(self._process, verdict).inc(count)

    def count_refused_log_in(self) -> None:
        """A request without a valid key or password."""
        self._log_ins.labels(self._process).inc()

    def count_turned_away(self, code: str) -> None:
        """A submission or a connection refused before anything of it was read, by its problem code."""
        if code not in self._turned_away:
            self._turned_away[code] = self._refused.labels(self._process, code)
        self._turned_away[code].inc()

    def show_intake(self, *, is_open: bool, in_work: int, connections: int) -> None:
        """How this process's intake stands."""
        self._intake_open.labels(self._process).set(is_open)
        self._admitted.labels(self._process).set(in_work)
        self._connections.labels(self._process).set(connections)

    @property
    def is_fresh(self) -> bool:
        """Whether what was shown of the ledger need not be read again; ask while `reading` is held."""
        return time.monotonic() < self._fresh_until

    def show_queue(self, lanes: Iterable[Mapping[str, Any]]) -> None:
        """The lanes as the ledger counts them: `lane`, `depth` and `oldest` (a time)."""
        self._depth.clear()
        self._age.clear()
        now = datetime.now(UTC)
        for lane in lanes:
            self._depth.labels(lane["lane"]).set(lane["depth"])
            self._age.labels(lane["lane"]).set(max(0.0, (now - lane["oldest"]).total_seconds()))

    def show_agencies(self, away: Mapping[str, bool], dead_letters: Iterable[Mapping[str, Any]]) -> None:
        """Whether each agency is away or held, and the dead letters by `agency`, `state` and `count`."""
        self._away.clear()
        self._dead.clear()
        for agency, is_away in away.items():
            self._away.labels(agency).set(is_away)
        for letters in dead_letters:
            self._dead.labels(letters["agency"], letters["state"]).set(letters["count"])
        self._fresh_until = time.monotonic() + FRESH_SECONDS

    def render(self) -> bytes:
        """Everything in the text format."""
        return generate_latest(self._registry)
