"""Runs every scenario against an adapter, all through one proxy, and gives the verdict."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Literal
from urllib.parse import urlsplit

from singlewindow.adapters.certification.evidence import Evidence, Redactor
from singlewindow.adapters.certification.network import NETWORK
from singlewindow.adapters.certification.notices import NOTICES
from singlewindow.adapters.certification.replies import REPLIES
from singlewindow.adapters.certification.scenario import NotApplicable, RequirementBroken, Scenario, Trial
from singlewindow.adapters.certification.subject import Subject
from singlewindow.adapters.certification.submissions import SUBMISSIONS
from singlewindow.adapters.fault_proxy import FaultProxy
from singlewindow.errors import AgencyError, ConfigurationError

Verdict = Literal["passed", "failed", "not-applicable"]

SCENARIOS: tuple[Scenario, ...] = (*SUBMISSIONS, *NETWORK, *REPLIES, *NOTICES)
_MOST_EXCHANGES = 6
_HTTPS_PORT, _HTTP_PORT = 443, 80


@dataclass(frozen=True, slots=True)
class Result:
    """One scenario's verdict with its evidence. `said` is what the adapter made of each exchange."""

    id: str
    title: str
    must: str
    verdict: Verdict
    reason: str
    seconds: float
    said: tuple[str, ...]
    exchanges: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """The verdict over an adapter; `stub`: before a stub of its own description, not the agency."""

    adapter: str
    service_url: str
    started_at: datetime
    live: bool
    stub: bool
    results: tuple[Result, ...]

    def count(self, verdict: Verdict) -> int:
        """How many scenarios ended so."""
        return sum(result.verdict == verdict for result in self.results)

    @property
    def score(self) -> int:
        """Scenarios passed in whole percent of those that applied; 100 only when none failed."""
        passed, failed = self.count("passed"), self.count("failed")
        return 100 * passed // (passed + failed) if passed + failed else 0

    @property
    def passed(self) -> bool:
        """True when at least one scenario applied and none failed."""
        return self.score == 100  # noqa: PLR2004 - per cent


async def certify(subject: Subject, *, live: bool = False, scenarios: Iterable[Scenario] = SCENARIOS) -> Report:
    """Run the scenarios one after the other. `live` allows all of them against a service off this machine."""
    started_at = datetime.now(UTC)
    allowed = live or is_local(subject.service_url)
    async with open_proxy(subject.service_url, subject.tls) as proxy:
        results = [
            await run_scenario(subject, scenario, proxy) if allowed or not scenario.needs_live else _leave_out(scenario)
            for scenario in scenarios
        ]
    return Report(subject.name, subject.service_url, started_at, live, subject.stub, tuple(results))


async def run_scenario(subject: Subject, scenario: Scenario, proxy: FaultProxy) -> Result:
    """Run one scenario through a proxy before the service. Raises nothing for whatever the adapter does."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    proxy.observed.clear()
    said: list[str] = []
    verdict: Verdict = "passed"
    reason = ""
    try:
        await _try(subject, scenario, proxy, said)
    except NotApplicable as why:
        verdict, reason = "not-applicable", str(why)
    except (RequirementBroken, AgencyError, ConfigurationError) as why:
        verdict, reason = "failed", str(why)
    redactor = Redactor(subject.secrets)
    return Result(
        scenario.id,
        scenario.title,
        scenario.must,
        verdict,
        redactor.clean(reason),
        round(loop.time() - started, 3),
        tuple(map(redactor.clean, said)),
        tuple(map(redactor.show, islice(proxy.observed, _MOST_EXCHANGES))),
    )


async def _try(subject: Subject, scenario: Scenario, proxy: FaultProxy, said: list[str]) -> None:
    """An adapter made anew, so that no scenario meets what another left behind."""
    base_url = f"http://127.0.0.1:{proxy.port}{urlsplit(subject.service_url).path.rstrip('/')}"
    adapter = subject.connect(base_url, deadline_seconds=scenario.deadline_seconds)
    try:
        await scenario.run(Trial(subject, adapter, proxy, said))
    finally:
        await adapter.close()


def open_proxy(url: str, tls: ssl.SSLContext | None = None) -> FaultProxy:
    """A proxy before the service at a URL, to be entered as a context. `tls`: how to reach one with https."""
    where = urlsplit(url)
    secure = where.scheme == "https"
    port = where.port or (_HTTPS_PORT if secure else _HTTP_PORT)
    return FaultProxy(where.hostname or "", port, tls=(tls or ssl.create_default_context()) if secure else None)


def is_local(url: str) -> bool:
    """True for a URL on this machine's loopback."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _leave_out(scenario: Scenario) -> Result:
    reason = "not run: the service is not on this machine, and only --live sends it this"
    return Result(scenario.id, scenario.title, scenario.must, "not-applicable", reason, 0.0, (), ())
