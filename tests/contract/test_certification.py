"""The robot gives good adapters full marks, and finds what is wrong with each that was broken on purpose."""

from __future__ import annotations

from dataclasses import replace

import pytest

from singlewindow.adapters.certification.builtin_subject import open_builtin
from singlewindow.adapters.certification.robot import SCENARIOS, Report, certify
from singlewindow.adapters.certification.subject import Subject
from singlewindow.adapters.declared.adapter import DeclaredAdapter
from singlewindow.adapters.port import Adapter
from singlewindow.adapters.profiles import AGENCIES
from tests.contract import broken_adapters as broken
from tests.contract import broken_notices, broken_wires

FOUND_BY: dict[type[broken.Wrapped], set[str]] = {
    broken.TakesFaultsUnder200: {"fault-under-200"},
    broken.SwallowsFaults: {"fault-client", "fault-server", "fault-under-200"},
    broken.RetriesClientFaults: {"fault-client", "fault-under-200"},
    broken.NewIdEachAttempt: {"request-repeats", "same-id-twice", "status-query", "reply-lost", "resent-after-loss"},
    broken.IgnoresRetryAfter: {"retry-after"},
    broken.TakesCutReplies: {"reply-cut"},
    broken.SearchesForWords: {"reply-truncated", "reply-namespace", "reply-doctype", "reply-huge"},
    broken.Believes200: {
        "reply-html", "reply-empty", "reply-truncated", "reply-namespace", "reply-doctype", "reply-huge",
        "reply-gzip-bomb",
    },
    broken_wires.FollowsRedirects: {"redirect"},
    broken_wires.NoTotalDeadline: {"slow-drip"},
    broken.MisreadsRejection: {"invalid-submission", "mixed-batch"},
    broken.LosesAnItem: {"batch-of-100"},
    broken.OneVerdictForAll: {"mixed-batch"},
    broken.CallsDoubtFailure: {
        "reset-after-request", "half-closed", "reply-cut", "no-answer", "slow-drip", "sent-once", "reply-lost",
    },
    broken.RecordsThePassword: {"secrets-kept"},
    broken.TellsThePassword: {"credentials-refused"},
    broken.TakesOtherTasks: {"reply-other-tasks", "mixed-batch"},
    broken.TakesOtherCalls: {"reply-other-call"},
    broken.RetriesWrongCredentials: {"credentials-refused"},
    broken.StopsForOneDocument: {"too-large"},
    broken.GivesUpWhenNobodyListens: {"unreachable"},
    broken.SendsAgainByItself: {"sent-once"},
    broken.RaisesAnything: {"reply-html"},
    broken.ForgetsStatus: {"status-query", "reply-lost"},
    broken_notices.NamesNoticesAnew: {"notices-twice", "notices-again", "notices-lost"},
    broken_notices.SkipsLostPages: {"notices-late", "notices-lost"},
    broken_notices.DropsRepeatedNotices: {"notices-again", "notices-lost"},
    broken_notices.DropsOlderNotices: {"notices-disordered"},
    broken.NamesNoContentType: {"wsdl-sanity"},
    broken.Calls500Failure: {"http-500"},
    broken.DoubtsEverything: {
        "valid-submission", "mixed-batch", "batch-of-100", "same-id-twice", "duplicated-in-transit", "status-query",
        "unreachable", "resent-after-loss", "notices-twice", "notices-disordered", "notices-late", "notices-again",
    },
}  # fmt: skip


def break_with(subject: Subject, fault: type[broken.Wrapped]) -> Subject:
    def connect(base_url: str, *, deadline_seconds: float) -> Adapter:
        good = subject.connect(base_url, deadline_seconds=deadline_seconds)
        assert isinstance(good, DeclaredAdapter)
        return fault(good)

    return replace(subject, connect=connect)


def verdicts(report: Report, verdict: str) -> dict[str, str]:
    return {result.id: result.reason for result in report.results if result.verdict == verdict}


@pytest.mark.parametrize("agency", AGENCIES)
async def test_a_built_in_adapter_gets_full_marks(agency: str) -> None:
    async with open_builtin(agency) as subject:
        report = await certify(subject)
    assert verdicts(report, "failed") == {}
    assert (report.score, report.passed) == (100, True)
    # what applies only to an agency whose notices are fetched
    left_out = set() if agency == "inspection" else {"notices-again", "notices-lost"}
    assert verdicts(report, "not-applicable").keys() == left_out


@pytest.mark.parametrize("fault", FOUND_BY, ids=lambda fault: fault.__name__)
async def test_a_broken_adapter_is_found_by_its_scenarios_and_no_others(fault: type[broken.Wrapped]) -> None:
    async with open_builtin("inspection") as subject:
        report = await certify(break_with(subject, fault))
    assert verdicts(report, "failed").keys() == FOUND_BY[fault]
    assert not report.passed


def test_every_scenario_has_caught_a_broken_adapter() -> None:
    assert {scenario.id for scenario in SCENARIOS} == set().union(*FOUND_BY.values())
