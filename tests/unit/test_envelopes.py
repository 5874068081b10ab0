"""The exchange envelope: opened, judged by what it carries, and its own mistakes told."""

from __future__ import annotations

import base64

import pytest

from singlewindow.messages.judgement import Problem
from singlewindow.xsd.catalogue import BUILT_IN, Catalogue, load_catalogue
from singlewindow.xsd.examining import examine
from singlewindow.xsd.judge_child import judge
from singlewindow.xsd.parser import Refused
from tests.unit.envelopes import enclose

INVENTORY = (BUILT_IN / "ceb-2018" / "samples" / "valid" / "inventory.xml").read_bytes()
SENDER = INVENTORY.partition(b"<dxpId>")[2].partition(b"</dxpId>")[0].decode()


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


def errors(problems: tuple[Problem, ...]) -> list[str]:
    return [problem.code for problem in problems if problem.severity == "error"]


def test_an_envelope_is_judged_by_what_it_carries(catalogue: Catalogue) -> None:
    judgement = examine(catalogue, enclose(INVENTORY, sender=SENDER))
    assert judgement is not None
    assert (judgement.message_set, judgement.root) == ("ceb-2018", "CEB603Message")
    assert judgement.envelope == {"CopMsgId": "MESSAGE-1", "SenderId": SENDER, "MsgType": "CEB603"}
    assert [problem.rule for problem in judgement.problems] == []


def test_each_declaration_is_found_by_the_envelopes_number(catalogue: Catalogue) -> None:
    judgement = judge(catalogue, enclose(INVENTORY, sender=SENDER))
    assert {unit.search["CopMsgId"] for unit in judgement.units} == {("MESSAGE-1",)}


def test_a_sender_other_than_the_messages_own_is_a_warning(catalogue: Catalogue) -> None:
    judgement = judge(catalogue, enclose(INVENTORY, sender="DXPSOMEBODYELSE"))
    (problem,) = judgement.problems
    assert (problem.rule, problem.severity, problem.value) == ("DXP-R01", "warning", "DXPSOMEBODYELSE")
    assert problem.allowed == SENDER


def test_a_mistake_in_the_message_is_told_with_its_place_in_the_message(catalogue: Catalogue) -> None:
    broken = INVENTORY.replace(b"<copNo>", b"<copNr>").replace(b"</copNo>", b"</copNr>")
    plain = judge(catalogue, broken).units[0].problems
    carried = judge(catalogue, enclose(broken, sender=SENDER)).units[0].problems
    assert errors(plain) == ["xsd.unexpected-element"]
    assert carried == plain


def test_a_mistake_in_the_envelope_is_told_of_the_envelope(catalogue: Catalogue) -> None:
    body = enclose(INVENTORY).replace(b"CopMsgId>", b"CopMessageId>")
    judgement = judge(catalogue, body)
    assert (judgement.message_set, judgement.root) == ("dxp", "DxpMsg")
    assert judgement.units[0].problems[0].pointer == "/DxpMsg/TransInfo/CopMessageId"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"no xml", "not-well-formed"),
        (b'<!DOCTYPE a []><CEB603Message xmlns="http://www.chinaport.gov.cn/ceb"/>', "dtd-forbidden"),
        (b'<Unheard xmlns="urn:of"/>', "unknown-root"),
        (enclose(INVENTORY), "nested-envelope"),
    ],
)
def test_what_an_envelope_carries_is_no_less_guarded_than_a_message(
    catalogue: Catalogue, content: bytes, code: str
) -> None:
    with pytest.raises(Refused) as refused:
        judge(catalogue, enclose(content))
    assert refused.value.code == code


def test_content_that_is_no_base64_is_refused(catalogue: Catalogue) -> None:
    body = enclose(INVENTORY).replace(base64.b64encode(INVENTORY), b"????")
    with pytest.raises(Refused) as refused:
        judge(catalogue, body)
    assert (refused.value.status, refused.value.code) == (400, "bad-base64")
