"""The gateway's pure pieces: which form is wanted, what a message is refused with, and problems as XML."""

from __future__ import annotations

import gzip
import tracemalloc
from pathlib import Path
from uuid import uuid4
from xml.etree import ElementTree as ET

import pytest
from aiohttp.test_utils import make_mocked_request

from singlewindow.errors import OutcomeUnknown, SingleWindowError, TraderMistake, Unavailable
from singlewindow.gateway.body import declared_encoding, gunzip
from singlewindow.gateway.negotiation import preferred_form
from singlewindow.gateway.problems import describe, status_of
from singlewindow.gateway.refusals import HttpRefusal, MessageRefused
from singlewindow.gateway.verdicts import find_foreign, refuse_untakable
from singlewindow.gateway.waiting import read_patience
from singlewindow.gateway.xml_view import write_problem
from singlewindow.ledger.traders import Trader
from singlewindow.messages.judgement import Judgement, Problem, Unit
from singlewindow.messages.manifest import Holding, MessageSet, Root


def message_set(*, issuer: tuple[str, ...] = ("code",), on_error: str = "declaration") -> MessageSet:
    root = Root("Message", "request", "order", issuer=issuer)
    return MessageSet("s", "S", "urn:s", "s", "s.xsd", Path(), {"Message": root}, {}, (), {}, Holding(), on_error)


def trader(*codes: str, all_codes: bool = False) -> Trader:
    return Trader(uuid4(), "T", all_codes, frozenset(codes), frozenset({"submit"}), uuid4())


def judged(*units: Unit, problems: tuple[Problem, ...] = (), signed: bool = False) -> Judgement:
    return Judgement("s", "Message", "request", units, problems, signed)


def own(ordinal: int) -> Unit:
    return Unit(ordinal, "order", issuers=("1",))


def bad(ordinal: int, *codes: str) -> Unit:
    return Unit(ordinal, "order", problems=tuple(Problem(code, "no", ordinal=ordinal) for code in codes))


def refusal_of(judgement: Judgement, sender: Trader, found: MessageSet) -> MessageRefused:
    with pytest.raises(MessageRefused) as refused:
        refuse_untakable(judgement, find_foreign(judgement, sender, found), found)
    return refused.value


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        (None, "json"),
        ("*/*", "json"),
        ("application/xml", "xml"),
        ("text/html, application/xml;q=0.9, */*;q=0.8", "xml"),
        ("application/xml;q=0.1, application/json", "json"),
        ("application/json;q=0, text/xml", "xml"),
        ("text/csv", None),
        ("application/json;q=nonsense", None),
    ],
)
def test_the_form_is_the_one_the_client_weighs_highest(accept: str | None, form: str | None) -> None:
    headers = {} if accept is None else {"Accept": accept}
    assert preferred_form(make_mocked_request("GET", "/", headers=headers)) == form


@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [
        ("wait=5", 5),
        ("respond-async, wait=10", 10),
        ('Wait = "7"; x=y', 7),
        ("wait=3600", 30),
        ("wait=-1", None),
        ("wait=soon", None),
        ("wait=9999999999", None),
        ("await=5", None),
    ],
)
def test_the_wait_is_read_from_prefer(prefer: str, seconds: int | None) -> None:
    assert read_patience(make_mocked_request("POST", "/", headers={"Prefer": prefer})) == seconds


def test_a_message_with_something_to_take_is_not_refused() -> None:
    refuse_untakable(judged(own(1), bad(2, "xsd.length")), {}, message_set())


def test_a_refusal_counts_errors_and_declarations() -> None:
    refused = refusal_of(judged(bad(1, "xsd.a", "xsd.b"), bad(2, "xsd.c")), trader("1"), message_set())
    assert (refused.status, refused.code) == (422, "schema-invalid")
    assert refused.detail == "3 errors in 2 of 2 declarations"


def test_only_broken_rules_are_named_so() -> None:
    assert refusal_of(judged(bad(1, "rule.X1")), trader("1"), message_set()).code == "rule-violated"


def test_an_error_outside_the_declarations_refuses_valid_ones_too() -> None:
    outside = (Problem("xsd.missing", "no transfer"),)
    assert refusal_of(judged(own(1), problems=outside), trader("1"), message_set()).detail.startswith("1 error outside")


@pytest.mark.parametrize(("signed", "on_error"), [(True, "declaration"), (False, "message")])
def test_a_signed_message_and_a_set_that_wants_it_stand_or_fall_whole(*, signed: bool, on_error: str) -> None:
    judgement = judged(own(1), bad(2, "xsd.length"), signed=signed)
    assert refusal_of(judgement, trader("1"), message_set(on_error=on_error)).status == 422


def test_a_message_of_strangers_only_is_forbidden() -> None:
    assert refusal_of(judged(own(1), own(2)), trader("2"), message_set()).status == 403


def test_a_declaration_that_names_no_company_belongs_to_nobody_registered() -> None:
    nameless = judged(Unit(1, "order"))
    assert list(find_foreign(nameless, trader("1"), message_set())) == [1]
    assert find_foreign(nameless, trader("1"), message_set(issuer=())) == {}
    assert find_foreign(nameless, trader(all_codes=True), message_set()) == {}


def test_at_most_200_errors_are_shown_and_the_rest_is_said() -> None:
    refused = refusal_of(judged(bad(1, *["xsd.a"] * 250)), trader("1"), message_set())
    problem = describe(refused)
    assert (len(problem["errors"]), problem["truncated"]) == (200, True)
    assert refused.detail.startswith("250 errors")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (TraderMistake("x"), 400),
        (HttpRefusal(431, "header-too-large", "x"), 431),
        (Unavailable("x"), 503),
        (OutcomeUnknown("x"), 503),
        (SingleWindowError("x"), 500),
    ],
)
def test_an_errors_branch_decides_its_status(error: SingleWindowError, status: int) -> None:
    assert status_of(error) == status


def test_a_problem_in_xml_survives_what_xml_cannot_hold() -> None:
    problem = {"code": "x", "detail": "a\x00b\ud800<&", "errors": [{"line": 1, "hint": None}], "truncated": True}
    read = ET.fromstring(write_problem(problem))
    name = "{urn:ietf:rfc:7807}"
    assert read.findtext(f"{name}detail") == "a\ufffdb\ufffd<&"
    assert read.findtext(f"{name}errors/{name}i/{name}line") == "1"
    assert read.findtext(f"{name}truncated") == "true"


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (b"<a/>", "utf-8"),
        (b"\xef\xbb\xbf<?xml version='1.0' encoding='GBK'?><a/>", "gbk"),
        (b'<?xml version="1.0" encoding = "UTF-8"?><a/>', "utf-8"),
        ("<a/>".encode("utf-16"), "utf-16"),
        (b"", "utf-8"),
    ],
)
def test_the_encoding_is_read_from_mark_or_declaration(body: bytes, encoding: str) -> None:
    assert declared_encoding(body) == encoding


def test_gunzip_takes_several_members_up_to_the_limit() -> None:
    members = gzip.compress(b"a" * 50) + gzip.compress(b"b" * 50)
    assert gunzip(members, 100) == b"a" * 50 + b"b" * 50
    with pytest.raises(HttpRefusal) as refused:
        gunzip(members, 99)
    assert refused.value.status == 413


def test_a_gzip_bomb_is_given_up_at_the_limit_and_never_held_in_memory() -> None:
    bomb, limit = gzip.compress(bytes(50_000_000)), 100_000
    tracemalloc.start()
    with pytest.raises(HttpRefusal):
        gunzip(bomb, limit)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 * limit
