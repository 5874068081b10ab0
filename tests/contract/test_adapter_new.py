"""`adapter new`: a folder made of any WSDL passes the robot before the stub of that WSDL, or is refused."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from singlewindow.adapters.certification.finding import describe_folder, open_stubbed
from singlewindow.adapters.certification.robot import Report, certify
from singlewindow.adapters.declared.scaffolding import scaffold
from singlewindow.adapters.stub.agency import StubAgency
from singlewindow.errors import ConfigurationError
from singlewindow.xsd.soap_envelope import MalformedSoap
from tests.contract.declared_stage import AGENCIES, WSDLS

REFUSED = {
    "hello_world_recursive_import.wsdl": "no port with a SOAP binding",
    "recursive_schema_main.wsdl": "no operations",
    "test_http_post.wsdl": "bound to plain HTTP",
    "http.wsdl": "bound to plain HTTP",
    "soap_import_2.wsdl": "no port with a SOAP binding",
}
"""Samples by which nothing can be filed, and why."""


async def certified(folder: Path) -> Report:
    async with open_stubbed(folder) as subject:
        return await certify(subject)


def failed(report: Report) -> dict[str, str]:
    return {result.id: result.reason for result in report.results if result.verdict == "failed"}


@pytest.mark.parametrize("agency", sorted(WSDLS))
async def test_a_scaffolded_folder_passes_before_the_stub_of_its_wsdl(agency: str, tmp_path: Path) -> None:
    folder = tmp_path / "new"
    files = scaffold(AGENCIES / agency / WSDLS[agency], "new", folder)
    assert {folder / "agency.toml", folder / "README.md", folder / WSDLS[agency]} <= set(files)
    report = await certified(folder)
    assert failed(report) == {}
    assert report.passed


async def test_every_published_sample_is_scaffolded_and_passes_or_is_refused(
    shared_samples: Path, tmp_path: Path
) -> None:
    for number, wsdl in enumerate(sorted((shared_samples / "wsdl").rglob("*.wsdl"))):
        folder = tmp_path / f"a{number}"
        if wsdl.name in REFUSED:
            with pytest.raises(ConfigurationError, match=REFUSED[wsdl.name]):
                scaffold(wsdl, f"a{number}", folder)
            assert list(tmp_path.glob(f"*a{number}*")) == []
            continue
        scaffold(wsdl, f"a{number}", folder)
        assert failed(await certified(folder)) == {}, wsdl


@pytest.mark.parametrize("agency", ["fiscal", "harbour"])
async def test_an_agency_described_by_hand_passes_before_its_stub(agency: str) -> None:
    report = await certified(AGENCIES / agency)
    assert failed(report) == {}
    ran = {result.id for result in report.results if result.verdict == "passed"}
    assert {"same-id-twice", "duplicated-in-transit", "resent-after-loss", "invalid-submission"} <= ran


async def test_the_stub_finds_an_adapter_that_reads_the_wrong_element(tmp_path: Path) -> None:
    folder = tmp_path / "harbour"
    shutil.copytree(AGENCIES / "harbour", folder)
    written = (folder / "agency.toml").read_text("utf-8")
    (folder / "agency.toml").write_text(written.replace('reference = "$task_id"', "reference = \"'all'\""), "utf-8")
    assert "batch-of-100" in failed(await certified(folder))


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    with pytest.raises(ConfigurationError, match="there already"):
        scaffold(AGENCIES / "harbour" / "harbour.wsdl", "new", tmp_path / "new")
    assert list((tmp_path / "new").iterdir()) == []


def test_nothing_is_left_of_a_folder_that_would_not_be_sound(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="name"):
        scaffold(AGENCIES / "harbour" / "harbour.wsdl", "No Name", tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


def test_a_request_that_no_operation_takes_is_not_understood() -> None:
    envelope = b'<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><other/></e:Body></e:Envelope>'
    with pytest.raises(MalformedSoap, match="no operation"):
        StubAgency(AGENCIES / "fiscal").answer(envelope)


def test_a_folder_with_fixed_addresses_is_certified_where_these_are(tmp_path: Path) -> None:
    scaffold(AGENCIES / "revenue" / "revenue.wsdl", "new", tmp_path / "new")
    subject = describe_folder(tmp_path / "new", "http://127.0.0.1:1")
    assert subject.service_url == "http://revenue.example"
    adapter = subject.connect("http://127.0.0.1:7", deadline_seconds=1)
    assert adapter.prepare(subject.specimen.make_call("new")).url == "http://127.0.0.1:7/rpc"


async def test_the_stub_repeats_its_first_answer_whenever_it_is_asked() -> None:
    async with open_stubbed(AGENCIES / "fiscal") as subject:
        adapter, call = subject.connect(subject.service_url, deadline_seconds=5), subject.specimen.make_call("fiscal")
        first = await adapter.send(adapter.prepare(call), call)
        await asyncio.sleep(1.1)  # its times are in whole seconds: another one has begun
        later = await adapter.send(adapter.prepare(call), call)
        await adapter.close()
    assert later.answers == first.answers
    assert first.answers[0].notice is not None
    assert first.answers[0].notice.said[0].time is not None
