from __future__ import annotations

from pathlib import Path

import pytest

from singlewindow.errors import AgencyError
from singlewindow.messages.judgement import JoinValue, ResponseUnit
from singlewindow.messages.lifecycle import STATES
from singlewindow.xsd.catalogue import Catalogue, load_catalogue
from singlewindow.xsd.response_reading import state_of
from singlewindow.xsd.responses import read_response
from singlewindow.xsd.writing import build
from tests.unit.ceb_messages import SETS

CEB = "http://www.chinaport.gov.cn/ceb"
FILLER = "0" * 18


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


def inventory_return(status: str, info: str = "", **more: str) -> bytes:
    unit = {"agentCode": "A1", "copNo": "C1", "preNo": "P1", "invtNo": FILLER, "returnStatus": status,
            "returnTime": "20180507153001001", "returnInfo": info, **more}  # fmt: skip
    return build(CEB, "CEB604Message", {"InventoryReturn": unit}, {"guid": "g", "version": "1.0"})


def read(catalogue: Catalogue, document: bytes) -> ResponseUnit:
    (said,) = read_response(catalogue, document)
    return said


def test_every_published_response_is_read(shared_samples: Path, catalogue: Catalogue) -> None:
    for number in (304, 404, 506, 508, 510, 604, 606, 608, 702, 792):
        said = read_response(catalogue, (shared_samples / "ceb-2018" / f"CEB{number}Message.xml").read_bytes())
        assert len(said) == 10
        for unit in said:
            assert unit.state == ("closed" if number == 792 else "submitted")
            assert unit.time is not None
            assert all(unit.key.values())


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("1", "saved"), ("2", "submitted"), ("3", "submitted"), ("120", "registered"), ("300", "under_control"),
        ("500", "under_control"), ("399", "accepted"), ("400", "accepted"), ("501", "detained"), ("599", "detained"),
        ("600", "suspended"), ("700", "returned"), ("800", "released"), ("899", "closed"), ("430", "cancelled"),
        ("100", "rejected"), ("-601001", "rejected"), ("-301014", None), ("-304001", None), ("4", "retry"),
        ("3001", "retry"), ("3003", "retry"), ("777", None),
    ],
)  # fmt: skip
def test_an_authoritys_status_is_our_state_or_a_retry_or_recorded_only(
    status: str, state: str | None, catalogue: Catalogue
) -> None:
    said = read(catalogue, inventory_return(status))
    assert (said.code, said.state) == (status, state)


@pytest.mark.parametrize("status", ["--01001", "²²", "9" * 5000, "-", "١٢٠"])
def test_a_status_that_only_looks_like_a_number_is_recorded(status: str, catalogue: Catalogue) -> None:
    said = read(catalogue, inventory_return(status, f"[Code:{status.lstrip('-')};Desc:x]"))
    assert (said.code, said.state) == (status, None)


@pytest.mark.parametrize("info", ["清单数据已存在", "重复发送"])
def test_a_repeat_that_the_authority_knows_already_changes_nothing(info: str, catalogue: Catalogue) -> None:
    assert read(catalogue, inventory_return("-601001", info)).state is None


def test_the_authoritys_time_is_told_in_utc(catalogue: Catalogue) -> None:
    assert read(catalogue, inventory_return("2")).time == "2018-05-07T07:30:01.001000Z"
    assert read(catalogue, inventory_return("2", returnTime="yesterday")).time is None


@pytest.mark.parametrize("time", ["00010101000000000", "00010101000000"])
def test_a_time_that_in_utc_is_before_the_first_year_is_none(time: str, catalogue: Catalogue) -> None:
    said = read(catalogue, inventory_return("120", returnTime=time))
    assert (said.state, said.time) == ("registered", None)


def test_an_inventory_number_before_acceptance_is_a_filler(catalogue: Catalogue) -> None:
    assert read(catalogue, inventory_return("120")).numbers == {"preNo": "P1"}
    assert read(catalogue, inventory_return("399")).numbers == {"preNo": "P1", "invtNo": FILLER}


def test_a_rejection_carries_its_second_code_and_words(catalogue: Catalogue) -> None:
    said = read(catalogue, inventory_return("100", "[Code:1300;Desc:人工退单，毛重不符合要求]"))
    (problem,) = said.errors
    assert (problem.code, problem.message_zh) == ("agency.ceb-2018.100.1300", "人工退单，毛重不符合要求")


def test_a_response_without_what_its_schema_demands_is_read_all_the_same(catalogue: Catalogue) -> None:
    document = build(CEB, "CEB604Message", {"InventoryReturn": {"guid": "x", "returnStatus": "-621001"}})
    said = read(catalogue, document)
    assert (said.code, said.state, said.key, said.time) == ("-621001", "rejected", {}, None)


def test_a_summary_result_names_its_number_and_its_inventories(catalogue: Catalogue) -> None:
    lines = [{"invtNo": "I1", "logisticsNo": "L1"}, {"invtNo": "I2", "logisticsNo": "L2"}]
    head = {"sumNo": "S1", "entryId": "E1", "opDate": "20180508101112012", "decState": "10"}
    unit = {"SummaryResultHead": head, "SummaryResultList": lines}
    said = read(catalogue, build(CEB, "CEB792Message", {"SummaryResult": unit}))
    assert (said.kind, said.code, said.state) == ("summary_application", "792", "closed")
    assert said.numbers == {"sumNo": "S1", "entryId": "E1"}
    assert said.joins == (JoinValue("invtNo", ("I1",)), JoinValue("invtNo", ("I2",)))


def test_a_response_of_export_1_gives_state_time_references_and_errors(catalogue: Catalogue) -> None:
    released = read(catalogue, (SETS / "export-1/samples/response/released.xml").read_bytes())
    assert released.state == released.code == "released"
    assert released.time is not None
    assert {"MRN", "inspection-certificate"} <= released.numbers.keys()
    rejected = read(catalogue, (SETS / "export-1/samples/response/rejected.xml").read_bytes())
    assert [problem.severity for problem in rejected.errors] == ["error", "warning"]
    assert rejected.errors[0].pointer is not None


def test_every_state_that_export_1_says_is_a_state_of_ours(catalogue: Catalogue) -> None:
    message_set = catalogue.manifests["export-1"]
    assert {state_of(code, "", message_set) for code in message_set.statuses} <= STATES.keys()


@pytest.mark.parametrize("document", [b"", b"<html>", b"<!DOCTYPE a><a/>", b'<a xmlns="urn:x"/>'])
def test_an_unreadable_document_is_the_agencys_fault_and_its_outcome_unknown(
    document: bytes, catalogue: Catalogue
) -> None:
    with pytest.raises(AgencyError) as caught:
        read_response(catalogue, document)
    assert caught.value.temporary
    assert caught.value.outcome_unknown


def test_a_request_is_no_response(catalogue: Catalogue) -> None:
    with pytest.raises(AgencyError):
        read_response(catalogue, (SETS / "ceb-2018/samples/valid/order.xml").read_bytes())


def test_what_is_written_is_escaped_and_what_is_none_left_out() -> None:
    document = build("urn:x", "a", {"b": '<&>"', "c": None, "d": ["1", "2"], "e": {"f": ""}}, {"g": '"'})
    assert document == (
        b"<?xml version='1.0' encoding='UTF-8'?>\n"
        b'<a xmlns="urn:x" g="&quot;"><b>&lt;&amp;&gt;"</b><d>1</d><d>2</d><e><f></f></e></a>'
    )
