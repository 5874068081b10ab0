"""Reports, what is certified under which name, and what is left alone off this machine."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from lxml import etree, html

from singlewindow.adapters.certification.builtin_subject import describe_builtin, open_builtin
from singlewindow.adapters.certification.evidence import LONGEST_TEXT, Redactor
from singlewindow.adapters.certification.finding import describe_folder, open_subject
from singlewindow.adapters.certification.network import NETWORK
from singlewindow.adapters.certification.reporting import WRITERS
from singlewindow.adapters.certification.robot import SCENARIOS, Report, certify, is_local
from singlewindow.adapters.certification.scenario import Scenario, Trial
from singlewindow.adapters.fault_proxy import Observed
from singlewindow.adapters.faults import HttpMessage
from singlewindow.errors import ConfigurationError
from singlewindow.settings import Settings
from tests.contract.broken_adapters import SwallowsFaults
from tests.contract.declared_stage import AGENCIES, WSDLS, consignments, receipts
from tests.contract.test_certification import break_with, verdicts
from tests.contract.wsdl_stub import Asked, WsdlStub

CHOSEN = tuple(one for one in SCENARIOS if one.id in {"secrets-kept", "valid-submission", "fault-client", "reply-html"})


@pytest.fixture
async def report() -> Report:
    """One of each verdict, with an HTML page among the evidence."""
    async with open_builtin("customs") as subject:
        left_out = [one for one in SCENARIOS if one.id == "notices-again"]
        return await certify(break_with(subject, SwallowsFaults), scenarios=(*CHOSEN, *left_out))


async def test_the_html_report_escapes_its_evidence_and_runs_nothing(report: Report) -> None:
    page = WRITERS["html"](report)
    tree = html.document_fromstring(page.decode())
    assert b"75 %" in page
    assert "Please log in" in "".join(pre.text or "" for pre in tree.iter("pre"))
    assert not [element for element in tree.iter() if element.tag in {"script", "link", "img", "iframe"}]
    assert {one.get("id") for one in tree.iter("article")} == {"valid-submission", "fault-client", "reply-html"}


async def test_the_json_report_has_score_counts_and_evidence(report: Report) -> None:
    told = json.loads(WRITERS["json"](report))
    assert (told["adapter"], told["score"], told["passed"]) == ("customs", 75, False)
    assert told["counts"] == {"passed": 3, "failed": 1, "not-applicable": 1}
    (failed,) = [one for one in told["results"] if one["verdict"] == "failed"]
    assert failed["id"] == "fault-client"
    assert failed["exchanges"][0]["fault"] == "SoapFaultReply"
    assert "planted-fault" not in failed["exchanges"][0]["request"]
    assert "a fault planted by the proxy" in failed["exchanges"][0]["reply"]


async def test_the_junit_report_counts_failures_and_skips(report: Report) -> None:
    suite = etree.fromstring(WRITERS["junit"](report)).find("testsuite")
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("5", "1", "1")
    assert [case.get("name") for case in suite.iterfind("testcase[failure]")] == ["fault-client"]
    assert [case.get("name") for case in suite.iterfind("testcase[skipped]")] == ["notices-again"]


async def test_no_report_shows_the_credentials() -> None:
    async with open_builtin("customs") as subject:
        report = await certify(subject, scenarios=CHOSEN)
    (secret,) = subject.secrets
    for write in WRITERS.values():
        written = write(report).decode()
        assert secret not in written
        assert "Authorization: [redacted]" in written


def test_evidence_is_short_and_can_be_written_as_xml() -> None:
    request = HttpMessage("POST / HTTP/1.1", (("Cookie", "a=hidden"),), b"<w:Password Type='t'>hidden</w:Password>")
    shown = Redactor(("hush",)).show(Observed("Pass", request, b"hush aHVzaA== \x00\xff" + b"Q" * 9000 + b"!x" * 9000))
    assert "hidden" not in shown.request
    assert shown.reply.startswith("[redacted] [redacted] \ufffd\ufffd[9,000 characters of Base64]")
    assert len(shown.reply) < LONGEST_TEXT + 100


async def test_off_this_machine_only_harmless_scenarios_run_without_live() -> None:
    sent: list[str] = []

    async def note(trial: Trial) -> None:
        sent.append(trial.subject.name)

    harmless = Scenario("a", "a", "a", note, needs_live=False)
    risky = Scenario("b", "b", "b", note)
    subject = describe_builtin("customs", "http://192.0.2.1:9")
    report = await certify(subject, scenarios=(harmless, risky))
    assert [result.verdict for result in report.results] == ["passed", "not-applicable"]
    assert "--live" in report.results[1].reason
    assert (await certify(subject, live=True, scenarios=(risky,))).passed
    assert sent == ["customs"] * 2
    assert all(one.needs_live for one in NETWORK)


def test_local_means_loopback() -> None:
    assert all(map(is_local, ["http://127.0.0.1:1/x", "http://localhost", "https://[::1]:9/"]))
    assert not any(map(is_local, ["http://192.0.2.1", "https://customs.example", "http://"]))


async def test_a_description_that_is_wrong_fails_the_scenario_and_says_why() -> None:
    def refuse(base_url: str, *, deadline_seconds: float) -> Any:
        raise ConfigurationError(f"no such WSDL for {base_url} in {deadline_seconds} s")

    subject = replace(describe_builtin("customs", "http://127.0.0.1:9"), connect=refuse)
    (result,) = (await certify(subject, scenarios=SCENARIOS[:1])).results
    assert result.verdict == "failed"
    assert "no such WSDL" in result.reason


async def test_the_url_of_a_built_in_service_is_certified_as_that_agency() -> None:
    async with (
        open_builtin("road") as running,
        open_subject(f"{running.service_url}/road/", Settings()) as subject,
    ):
        report = await certify(subject)
    assert report.passed
    assert "notices-late" in verdicts(report, "not-applicable")


@pytest.mark.parametrize("name", ["nobody", "http://127.0.0.1:9/nobody"])
async def test_a_name_that_nothing_answers_to_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match=r"is no agency|no built-in agency"):
        async with open_subject(name, Settings()):
            pass


class Harbour:
    """The stub's harbour: remembers what it took."""

    def __init__(self) -> None:
        self.taken: list[str] = []

    def answer(self, asked: Asked) -> dict[str, Any]:
        match asked.operation:
            case "register":
                return receipts(*(self.take(entry.reference) for entry in asked.values.cargo.entry))
            case "ask":
                ids = asked.values.id if isinstance(asked.values.id, list) else [asked.values.id]
                return receipts(*({"id": one, "status": self.status(one)} for one in ids))
        return receipts(upTo=asked.values.since or "0")

    def take(self, reference: str) -> dict[str, str]:
        self.taken.append(reference)
        return {"id": reference, "status": "TAKEN"}

    def status(self, reference: str) -> str:
        return "TAKEN" if reference in self.taken else "UNKNOWN"


@asynccontextmanager
async def harbour(folder: Path) -> AsyncIterator[str]:
    """The harbour's folder with a specimen, and its service's base URL."""
    for path in (AGENCIES / "harbour").iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "specimen.toml").write_text(
        'message_set = "consignments"\nroot = "Consignments"\naction = "declare"\noriginal = "specimen.xml"\n'
    )
    (folder / "specimen.xml").write_bytes(consignments("{reference}"))
    stub = WsdlStub(folder / WSDLS["harbour"], Harbour().answer, "/harbour")
    try:
        yield await stub.start()
    finally:
        await stub.stop()


async def test_a_folder_is_certified_against_the_service_it_is_given(tmp_path: Path) -> None:
    async with harbour(tmp_path) as url, open_subject(str(tmp_path), Settings(agencies_url=url)) as subject:
        quick = [one for one in SCENARIOS if one.id not in {"no-answer", "slow-drip"}]
        report = await certify(subject, scenarios=quick)
    assert verdicts(report, "failed") == {}
    assert verdicts(report, "not-applicable").keys() >= {"invalid-submission", "notices-late"}
    assert report.count("passed") > 20


async def test_an_agency_of_the_installations_folder_is_certified_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "harbour").mkdir()
    async with harbour(tmp_path / "harbour") as url:
        settings = Settings(agencies=tmp_path, agencies_url=url)
        async with open_subject("harbour", settings) as subject:
            report = await certify(subject, scenarios=CHOSEN)
    assert verdicts(report, "passed").keys() == {"valid-submission", "fault-client", "reply-html"}


def test_a_folder_with_services_at_several_hosts_is_refused(tmp_path: Path) -> None:
    for path in (AGENCIES / "harbour").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes().replace(b"{agencies_url}", b"http://harbour.example"))
    with (tmp_path / "agency.toml").open("a") as file:
        file.write('[services.other]\nwsdl = "harbour.wsdl"\nurl = "http://other.example/"\n')
    with pytest.raises(ConfigurationError, match="several hosts"):
        describe_folder(tmp_path, "http://127.0.0.1:1")


def test_the_command_writes_the_report_and_exits_by_its_verdict(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "singlewindow", "adapter", "check", "air", "--report", "json"]
    done = subprocess.run(command, capture_output=True, check=False, timeout=100, cwd=tmp_path)
    assert done.returncode == 0, done.stderr.decode()
    assert json.loads(done.stdout)["score"] == 100


def test_a_specimen_is_new_each_time() -> None:
    specimen = describe_builtin("customs", "http://127.0.0.1:9").specimen
    call = specimen.make_call("customs", documents=3, words=("REJECT",))
    references = specimen.references_of(call)
    assert len({*references}) == 3
    assert all(reference.startswith("REJECT-") for reference in references)
    ids = {task.task_id for item in call.items for task in item.tasks}
    assert len(ids | {uuid4()}) == 4
    assert all(isinstance(one, UUID) for one in ids)
