"""What answers a push, by the WSDL of the operation that is pushed, and descriptions of pushes that are refused."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest
from lxml import etree

from singlewindow.adapters.declared.adapter import DeclaredAdapter
from singlewindow.adapters.declared.credentials import push_credential
from singlewindow.adapters.declared.replies import _time
from singlewindow.adapters.push_doors import open_push_doors
from singlewindow.adapters.soap import ServiceDescription
from singlewindow.errors import AgencyError, ConfigurationError
from singlewindow.keys import make_agency_password
from singlewindow.settings import Settings
from singlewindow.xsd.soap_envelope import MalformedSoap, write
from tests.contract.declared_stage import AGENCIES
from tests.contract.pushing_stage import ENVIRONMENT, PASSWORD, SOAP, USER, news, pushing_harbour

PUSH = 'service = "tower"\noperation = "tell"\nanswer = { number = "$accepted", thanks = "\'thank you\'" }'
TIME = "2026-11-23T10:00:00Z"


def read(tmp_path: Path, **replace: str) -> DeclaredAdapter:
    folder = pushing_harbour(tmp_path / "agencies", replace={PUSH: replace["push"]} if replace else None)
    return DeclaredAdapter(folder, agencies_url="http://127.0.0.1:9")


def test_a_push_is_answered_by_the_operations_reply(tmp_path: Path) -> None:
    answer = read(tmp_path).answer_push(7)
    envelope = etree.fromstring(answer.body)
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("application/soap+xml")
    (content,) = envelope.iterfind(f"{{{SOAP}}}Body/*")
    assert content.tag == "{urn:example:tower}NewsTaken"
    assert [child.text for child in content] == ["7", "thank you"]


def test_a_one_way_operation_is_answered_without_a_body(tmp_path: Path) -> None:
    answer = read(tmp_path, push='service = "tower"\noperation = "hint"').answer_push(1)
    assert (answer.status, answer.body) == (202, b"")


def test_without_an_operation_the_answer_is_an_empty_envelope(tmp_path: Path) -> None:
    folder = pushing_harbour(tmp_path / "agencies", replace={f"[notifications.push]\n{PUSH}\n": ""})
    answer = DeclaredAdapter(folder, agencies_url="http://127.0.0.1:9").answer_push(1)
    (body,) = etree.fromstring(answer.body)
    assert (etree.QName(body).localname, len(body)) == ("Body", 0)


def test_an_rpc_operation_is_answered_under_its_own_name(tmp_path: Path) -> None:
    push = 'service = "harbour"\noperation = "news"\nanswer = { upTo = "$accepted", "receipts/receipt/id" = "\'x\'", '
    push += '"receipts/receipt/status" = "\'y\'" }'
    answer = read(tmp_path, push=push).answer_push(3)
    (content,) = etree.fromstring(answer.body).iterfind("{*}Body/*")
    assert content.tag == "{urn:example:harbour}newsResponse"
    assert content.findtext("upTo") == "3"


@pytest.mark.parametrize(
    ("push", "why"),
    [
        ('service = "tower"\noperation = "tells"', "no operation tells"),
        ('service = "towers"\noperation = "tell"', "towers"),
        ('service = "tower"\noperation = "tell"', "number"),
        ('service = "tower"\noperation = "tell"\nanswer = { numbers = "1" }', "holds no numbers"),
        ('service = "tower"\noperation = "tell"\nanswer = { number = "$cursor" }', r"\$accepted"),
        ('service = "tower"\noperation = "hint"\nanswer = { number = "1" }', "no reply"),
    ],
)
def test_a_push_that_the_wsdl_does_not_have_so_is_refused_with_its_place(tmp_path: Path, push: str, why: str) -> None:
    with pytest.raises(ConfigurationError, match=why) as refused:
        read(tmp_path, push=push)
    assert "notifications.push" in refused.value.detail


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ('"env:HARBOUR_PUSH_PASSWORD"', '"hunter2"', "by reference"),
        ('mode = "pushed"', 'mode = "none"', "need mode"),
        ('task_id = "t:id"\n', "", "whose notice"),
    ],
)
def test_a_description_of_pushes_that_is_unsound_is_refused(tmp_path: Path, before: str, after: str, why: str) -> None:
    pushing = pushing_harbour(tmp_path / "agencies", replace={before: after})
    with pytest.raises(ConfigurationError, match=why) as refused:
        DeclaredAdapter(pushing, agencies_url="http://127.0.0.1:9")
    assert "hunter2" not in refused.value.detail


def test_an_address_is_wanted_only_of_services_that_are_called(tmp_path: Path) -> None:
    folder = pushing_harbour(tmp_path / "agencies", replace={'url = "{agencies_url}/harbour"': 'url = "none"'})
    with pytest.raises(ConfigurationError, match="no HTTP address"):
        DeclaredAdapter(folder, agencies_url="http://127.0.0.1:9")


def test_a_secret_is_read_when_it_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    adapter = read(tmp_path)
    monkeypatch.setenv(ENVIRONMENT, PASSWORD)
    assert push_credential(adapter.configuration, adapter.folder, tmp_path) == (USER, PASSWORD)
    monkeypatch.delenv(ENVIRONMENT)
    with pytest.raises(ConfigurationError, match=ENVIRONMENT):
        push_credential(adapter.configuration, adapter.folder, tmp_path)


def test_a_file_that_all_may_read_is_no_secret(tmp_path: Path) -> None:
    folder = pushing_harbour(tmp_path / "agencies", replace={'"env:HARBOUR_PUSH_PASSWORD"': '"file:secret"'})
    adapter = DeclaredAdapter(folder, agencies_url="http://127.0.0.1:9")
    (folder / "secret").write_text(f"{PASSWORD}\n")
    (folder / "secret").chmod(0o600)
    assert push_credential(adapter.configuration, folder, tmp_path) == (USER, PASSWORD)
    (folder / "secret").chmod(0o644)
    with pytest.raises(ConfigurationError, match="chmod") as refused:
        push_credential(adapter.configuration, folder, tmp_path)
    assert PASSWORD not in refused.value.detail


async def test_doors_follow_a_changed_description(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENVIRONMENT, PASSWORD)
    folder = pushing_harbour(tmp_path / "agencies")
    password = make_agency_password(tmp_path, "customs")
    doors, names = open_push_doors(Settings(agencies=tmp_path / "agencies"), tmp_path)
    assert set(names.values()) == {"harbour", "fiscal", "revenue"}
    assert doors.credential("harbour") == (USER, PASSWORD)
    assert doors.credential("customs") == ("customs", password)
    assert doors.credential("fiscal") is None
    assert doors.credential("..") is None
    assert doors.reader("harbour") is not None
    assert doors.reader("customs") is None
    await doors.take(DeclaredAdapter(AGENCIES / folder.name, agencies_url="http://127.0.0.1:9"))
    assert (doors.credential("harbour"), doors.reader("harbour")) == (None, None)


def test_a_push_without_a_notice_and_one_to_an_agency_that_does_not_push_are_refused(tmp_path: Path) -> None:
    adapter = read(tmp_path)
    with pytest.raises(MalformedSoap, match="no notice"):
        adapter.read_pushed(news())
    pulled = DeclaredAdapter(AGENCIES / "harbour", agencies_url="http://127.0.0.1:9")
    with pytest.raises(AgencyError, match="does not push"):
        pulled.read_pushed(news((uuid4(), "1", "BERTHED", TIME)))


def test_a_notice_id_too_long_for_an_index_is_told_by_its_hash(tmp_path: Path) -> None:
    task, adapter = uuid4(), read(tmp_path)
    rows = [(task, serial * 6000, "BERTHED", TIME) for serial in "112"] + [(task, "7" * 100, "BERTHED", TIME)]
    first, again, other, usual = [notice.notice_id for notice in adapter.read_pushed(news(*rows))]
    assert first == again != other
    assert (len(first), usual) == (64, "7" * 100)


def test_times_compare_as_texts_whatever_their_zone_and_form() -> None:
    assert _time("2026-11-23T10:00:00+01:00") == "2026-11-23T09:00:00.000000Z"
    assert _time("20261123090000123") == "2026-11-23T09:00:00.123000Z"
    assert _time("20261123090000") == "2026-11-23T09:00:00.000000Z"
    assert _time("99999999999999") is None
    assert _time("soon") is None


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+08:00", "9999-12-31T23:59:59-08:00"])
def test_a_time_that_in_utc_is_outside_the_calendar_is_none(text: str) -> None:
    assert _time(text) is None


def test_an_encoded_reply_names_its_types() -> None:
    service = ServiceDescription.read(AGENCIES / "revenue" / "revenue.wsdl")
    values = {"decision": {"code": 0, "reason": "words", "entry": "E-1"}}
    envelope = etree.fromstring(write(service.draft_reply("file", values)))
    (content,) = envelope.iterfind("{*}Body/*")
    assert etree.QName(content).localname == "fileResponse"
    assert any(str(name).endswith("}encodingStyle") for name in content.attrib)
    assert content[0].get("{http://www.w3.org/2001/XMLSchema-instance}type", "").endswith(":Decision")
