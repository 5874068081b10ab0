"""What `adapter check` stands before: the stub of a folder, the agency itself, or nothing at all."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest
import trustme

from singlewindow.adapters.certification.finding import open_stubbed, open_subject
from singlewindow.adapters.certification.reaching import is_example
from singlewindow.adapters.certification.reporting import WRITERS
from singlewindow.adapters.certification.robot import SCENARIOS, Report, certify
from singlewindow.adapters.declared.scaffolding import scaffold
from singlewindow.adapters.stub.serving import open_stub
from singlewindow.errors import ConfigurationError, Unavailable
from singlewindow.settings import Settings
from tests.conftest import CHECKOUT
from tests.contract.declared_stage import AGENCIES
from tests.contract.secured_agency import basic, secured, serve_tls, write_identity
from tests.contract.signed_replies import Identity
from tests.contract.test_certification import verdicts

PERMITS = CHECKOUT / "docs" / "examples" / "permits"
QUICK = [one for one in SCENARIOS if one.id not in {"no-answer", "slow-drip"}]
PASSWORD = "correct horse battery"
UNREADABLE = b"<not-soap/>"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "permits").mkdir()
    for name in ("agency.toml", "permits.wsdl"):
        shutil.copy(PERMITS / name, tmp_path / "permits")
    return tmp_path / "permits"


def change(folder: Path, edit: Callable[[str], str]) -> None:
    path = folder / "agency.toml"
    path.write_text(edit(path.read_text("utf-8")), "utf-8")


async def stubbed(folder: Path) -> Report:
    async with open_stubbed(folder) as subject:
        return await certify(subject, scenarios=QUICK)


async def test_the_stub_takes_attachments(folder: Path) -> None:
    change(folder, lambda text: text.replace('body = "base64"', 'body = "mtom"'))
    report = await stubbed(folder)
    assert verdicts(report, "failed") == {}
    assert "same-id-twice" in verdicts(report, "passed")


async def test_the_stub_is_tried_with_security_whose_proof_only_the_agency_can_give(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERMITS_PASSWORD", PASSWORD)
    write_identity(folder, "signer", Identity.make())
    (folder / "agency.pem").write_bytes(Identity.make().certificate)
    security = """
[security.basic]
username = "window"
password = "env:PERMITS_PASSWORD"
[security.signature]
certificate = "signer.pem"
key = "file:signer.key"
reply_certificate = "agency.pem"
[security.addressing]
require_relates_to = true
"""
    change(folder, lambda text: text + security)
    report = await stubbed(folder)
    assert verdicts(report, "failed") == {}
    assert "secrets-kept" in verdicts(report, "passed")
    assert PASSWORD.encode() not in WRITERS["json"](report)


async def test_a_secret_that_is_missing_is_told_once_and_nothing_is_tried(folder: Path) -> None:
    change(folder, lambda text: text + '[security.basic]\nusername = "u"\npassword = "env:NOT_SET_ANYWHERE"\n')
    with pytest.raises(ConfigurationError, match=r"security\.basic\.password: env:NOT_SET_ANYWHERE"):
        await stubbed(folder)


async def test_every_report_says_that_it_was_a_stub(folder: Path) -> None:
    async with open_stubbed(folder) as subject:
        report = await certify(subject, scenarios=SCENARIOS[:1])
    assert b"a stub of its own description; the authority was not asked" in WRITERS["html"](report)
    assert json.loads(WRITERS["json"](report))["stub"] is True
    assert b"adapter.permits.stub" in WRITERS["junit"](report)


async def test_a_folder_at_an_example_s_address_has_its_stub(tmp_path: Path) -> None:
    scaffold(AGENCIES / "revenue" / "revenue.wsdl", "new", tmp_path / "new")
    async with open_subject(str(tmp_path / "new"), Settings()) as subject:
        report = await certify(subject, scenarios=QUICK)
    assert report.stub
    assert report.passed


@pytest.mark.parametrize("by_name", [True, False], ids=["name", "folder"])
async def test_an_agency_that_is_away_is_not_certified_by_its_stub(folder: Path, *, by_name: bool) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        change(folder, lambda text: text.replace(":8091", f":{probe.getsockname()[1]}"))
        name, settings = ("permits", Settings(agencies=folder.parent)) if by_name else (str(folder), Settings())
        with pytest.raises(Unavailable, match=r"nothing can be reached .* Connection refused; --stub tries"):
            async with open_subject(name, settings):
                pass


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://agency.example/soap", True),
        ("http://www.example.com", True),
        ("http://x.invalid:8080/", True),
        ("http://customs.gov", False),
        ("http://myexample.com", False),
        ("http://127.0.0.1:1", False),
    ],
)
def test_an_example_is_an_address_at_which_nobody_can_be(url: str, expected: bool) -> None:  # noqa: FBT001
    assert is_example(url) is expected


async def test_an_agency_behind_tls_is_reached_as_its_description_says(tmp_path: Path) -> None:
    ca, clients = trustme.CA(), trustme.CA()
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    client = clients.issue_cert("window.example")
    write_identity(tmp_path, "client", Identity(client.cert_chain_pems[0].bytes(), client.private_key_pem.bytes()))
    (tmp_path / "password").write_text(PASSWORD)
    (tmp_path / "password").chmod(0o600)
    security = """
[security.tls]
ca = "ca.pem"
client_certificate = "client.pem"
client_key = "file:client.key"
[security.basic]
username = "window"
password = "file:password"
"""
    chosen = [one for one in SCENARIOS if one.id in {"valid-submission", "secrets-kept"}]
    tls, check = serve_tls(ca, clients=clients), basic("window", PASSWORD)
    async with secured(tmp_path, security, check=check, tls=tls) as (_, agency):
        async with open_subject(str(tmp_path), Settings(agencies_url=agency.url)) as subject:
            report = await certify(subject, scenarios=chosen)
        assert verdicts(report, "failed") == {}
        assert report.count("passed") == len(chosen)
        assert not report.stub


@pytest.mark.parametrize(
    ("content_type", "status", "namespace"),
    [
        ("text/xml", 500, b"http://schemas.xmlsoap.org/soap/envelope/"),
        ('application/soap+xml; action="x"', 400, b"http://www.w3.org/2003/05/soap-envelope"),
    ],
)
async def test_the_stub_refuses_in_the_version_it_was_asked_in(
    content_type: str, status: int, namespace: bytes
) -> None:
    async with (
        open_stub(AGENCIES / "fiscal") as (url, _),
        aiohttp.ClientSession() as session,
        session.post(url, data=UNREADABLE, headers={"Content-Type": content_type}) as reply,
    ):
        assert reply.status == status
        assert namespace in await reply.read()
