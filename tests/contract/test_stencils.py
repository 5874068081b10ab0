"""A request made by stencil is the one that zeep makes, element by element; what cannot be cut is left to zeep."""

from __future__ import annotations

import hashlib
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from singlewindow.adapters.declared.plans import AgencyPlans, Compiler, Exchange
from singlewindow.adapters.declared.reading import read_agency
from singlewindow.adapters.declared.scopes import MessageScopes, Scope, scope_call, scope_messages, scope_questions
from singlewindow.adapters.port import Call, OriginalItem, TaskItem
from singlewindow.adapters.profiles import AGENCIES, FOLDERS
from singlewindow.errors import ConfigurationError
from tests.contract.declared_stage import consignments

WRITTEN = Path(__file__).parent / "agencies"
FOLDER_OF = {name: FOLDERS / name for name in AGENCIES} | {one.name: one for one in sorted(WRITTEN.iterdir())}
BY_STENCIL = {*AGENCIES, "fiscal"}

texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"]), min_size=1, max_size=20).map(
    lambda text: f"a{text}z"  # white space at the ends is no part of a value
)


def compiled(agency: str) -> AgencyPlans:
    return Compiler(read_agency(FOLDER_OF[agency]), "http://127.0.0.1:1").compile()


PLANS = {agency: compiled(agency) for agency in FOLDER_OF}


@st.composite
def calls(draw: st.DrawFn) -> Call:
    items = []
    for _ in range(draw(st.integers(1, 3))):
        names = draw(st.lists(texts, min_size=1, max_size=3))
        original = consignments(*(f"R{number}" for number, _ in enumerate(names)))
        tasks = tuple(
            TaskItem(uuid4(), ordinal, draw(st.dictionaries(st.from_regex(r"[a-z]{1,8}", fullmatch=True), texts)), leg)
            for ordinal, leg in enumerate(draw(st.lists(st.sampled_from([None, 1, 2]), min_size=1, max_size=2)), 1)
            if ordinal <= len(names)
        )
        sha256 = hashlib.sha256(original).hexdigest()
        items.append(OriginalItem(uuid4(), "consignments", "Consignments", sha256, original, tasks))
    return Call(uuid4(), "agency", "declare", draw(texts), tuple(items))


def canonical(document: bytes) -> bytes:
    return etree.tostring(etree.fromstring(document), method="c14n")


def assert_same(exchange: Exchange, outer: Scope, messages: tuple[MessageScopes, ...]) -> None:
    by_stencil, by_zeep = exchange.request.make(outer, messages), exchange.request.make_by_zeep(outer, messages)
    assert by_stencil.headers == by_zeep.headers
    assert canonical(by_stencil.body) == canonical(by_zeep.body)
    assert canonical(by_stencil.record) == canonical(by_zeep.record)


@pytest.mark.parametrize("agency", sorted(BY_STENCIL))
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(call=calls())
def test_a_request_by_stencil_is_that_of_zeep(agency: str, call: Call) -> None:
    plans = PLANS[agency]
    exchange = plans.for_action("declare") or next(iter(plans.actions.values()))
    assert exchange.request.stencil is not None
    outer = scope_call(call, "test")
    assert_same(exchange, outer, scope_messages(call, outer, plans.units))


@pytest.mark.parametrize("agency", AGENCIES)
def test_questions_and_pulls_are_by_stencil_too(agency: str) -> None:
    plans, outer = PLANS[agency], Scope({"call_id": str(uuid4()), "environment": "test", "count": "2"})
    assert plans.status is not None
    assert plans.pull is not None
    assert_same(plans.status, outer, (scope_questions((UUID(int=1), UUID(int=2)), outer),))
    for cursor in ("", "41"):
        assert_same(plans.pull, Scope(outer.variables | {"cursor": cursor, "limit": "100"}), ())
    assert plans.status.request.stencil is not None
    assert plans.pull.request.stencil is not None


def test_a_character_that_xml_cannot_carry_gives_no_request() -> None:
    plans = PLANS["customs"]
    exchange = plans.for_action("declare")
    assert exchange is not None
    item = OriginalItem(uuid4(), "s", "r", "0" * 64, b"<a/>", (TaskItem(uuid4(), 1),))
    call = Call(uuid4(), "customs", "declare", "bell\x07", (item,))
    outer = scope_call(call, "test")
    with pytest.raises(ConfigurationError, match="cannot carry"):
        exchange.request.make(outer, scope_messages(call, outer, {}))


def test_what_is_not_plain_is_left_to_zeep() -> None:
    whole = {agency for agency in FOLDER_OF if any(not one.request.stencil for one in PLANS[agency].actions.values())}
    assert whole == set(FOLDER_OF) - BY_STENCIL
