"""What is sent to an agency over SOAP, and what is refused before anything is."""

from __future__ import annotations

import hashlib
import socket
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from singlewindow.adapters.declared.adapter import DeclaredAdapter
from singlewindow.adapters.installed import builtin_adapters
from singlewindow.adapters.port import Adapter
from singlewindow.adapters.profiles import AGENCIES
from singlewindow.adapters.soap import LocalFiles, ServiceDescription
from singlewindow.adapters.wire import Credentials
from singlewindow.errors import AgencyError, ConfigurationError
from singlewindow.settings import Settings
from singlewindow.xsd.soap_descriptions import DESCRIPTIONS
from singlewindow.xsd.wsdl_catalogue import gather
from tests.contract.agency_server import AgencyServer
from tests.contract.customs import make_customs
from tests.contract.test_adapters import make_call, submit


def describe_customs(folder: Path, *, actions: str) -> Path:
    """A folder that describes customs with other actions."""
    text = f"""extends = "singlewindow:exchange"
name = "customs"
[services.customs]
wsdl = "singlewindow:customs.wsdl"
[actions]
{actions}
"""
    (folder / "agency.toml").write_text(text, "utf-8")
    return folder


async def test_the_request_carries_the_original_unchanged_and_the_record_only_its_hash(
    server: AgencyServer, adapter: Adapter
) -> None:
    call = make_call(2)
    envelope = adapter.prepare(call)
    await adapter.send(envelope, call)
    (submission,) = server.submissions
    (item,) = submission.items
    assert item.original == call.items[0].original
    assert item.tasks[0].references == {"certificate": "C<1>"}
    assert (submission.call_id, submission.sender, submission.action) == (call.call_id, "trader-1", "declare")
    assert f"sha256:{call.items[0].sha256}".encode() in envelope.record
    assert envelope.record.count(b"<") == envelope.body.count(b"<")
    headers, _ = server.requests[0]
    assert headers["SOAPAction"] == '"urn:singlewindow:exchange:1/Declare"'


async def test_an_original_of_several_megabytes_travels(server: AgencyServer) -> None:
    adapter = make_customs(await server.start(), deadline_seconds=20)
    call = make_call()
    original = b"x" * 6_000_000
    (item,) = call.items
    large = replace(item, original=original, sha256=hashlib.sha256(original).hexdigest())
    answers = await submit(adapter, replace(call, items=(large,)))
    await adapter.close()
    assert [answer.verdict for answer in answers] == ["acknowledged"]


async def test_credentials_are_sent_and_never_shown(server: AgencyServer) -> None:
    credentials = Credentials("gate", "s3cret")
    adapter = make_customs(await server.start(), credentials=credentials)
    await submit(adapter, make_call())
    await adapter.close()
    headers, _ = server.requests[0]
    assert headers["Authorization"] == "Basic Z2F0ZTpzM2NyZXQ="
    assert "s3cret" not in repr(credentials)


def test_an_action_without_an_operation_is_never_sent(tmp_path: Path) -> None:
    adapter = DeclaredAdapter(describe_customs(tmp_path, actions='amend = { operation = "Amend" }'))
    with pytest.raises(AgencyError, match="declare") as raised:
        adapter.prepare(make_call())
    assert not raised.value.temporary


def test_a_reference_that_xml_cannot_carry_is_never_sent() -> None:
    call = make_call()
    (item,) = call.items
    unwritable = replace(item, tasks=(replace(item.tasks[0], references={"certificate": "\x00"}),))
    with pytest.raises(AgencyError) as raised:
        make_customs("http://x").prepare(replace(call, items=(unwritable,)))
    assert not raised.value.temporary


def test_an_agency_that_names_an_operation_the_wsdl_lacks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="Teleport"):
        DeclaredAdapter(describe_customs(tmp_path, actions='"*" = { operation = "Teleport" }'))


def test_loading_every_wsdl_opens_no_connection(unused_tcp_port: int) -> None:
    seen: list[str] = []

    def watch(event: str, _arguments: tuple[object, ...]) -> None:
        if event in {"socket.connect", "socket.getaddrinfo", "urllib.Request"}:
            seen.append(event)

    sys.addaudithook(watch)
    adapters = builtin_adapters(Settings())
    assert seen == []
    assert tuple(adapters) == AGENCIES
    assert [name for name, adapter in adapters.items() if adapter.pulls] == ["inspection"]
    with pytest.raises(ConnectionRefusedError):  # the hook does see connections
        socket.create_connection(("127.0.0.1", unused_tcp_port), timeout=1)
    assert "socket.connect" in seen


@pytest.mark.parametrize("location", ["http://127.0.0.1:9/x.xsd", "https://example.org/x.xsd", "file:///etc/passwd"])
def test_a_wsdl_that_names_a_place_elsewhere_is_refused(tmp_path: Path, location: str) -> None:
    text = (DESCRIPTIONS / "customs.wsdl").read_text().replace('"exchange.xsd"', f'"{location}"')
    (tmp_path / "customs.wsdl").write_text(text)
    with pytest.raises(ConfigurationError):
        ServiceDescription.read(tmp_path / "customs.wsdl")


def test_only_files_gathered_beforehand_are_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="beside it"):
        LocalFiles(gather(DESCRIPTIONS / "customs.wsdl")).load(str(tmp_path / ".." / "secret.xsd"))
