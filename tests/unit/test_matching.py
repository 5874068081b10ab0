"""Matching without a ledger: the difference report, what is waited for, and what happens past the limit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from singlewindow.errors import ConfigurationError
from singlewindow.messages.comparing import differences
from singlewindow.messages.dossier import Dossier
from singlewindow.messages.filing import is_older
from singlewindow.messages.judgement import Unit
from singlewindow.messages.manifest import Holding, Kind, Matching, Partner
from singlewindow.messages.matching import (
    MOST_AWAITED,
    Linked,
    awaited,
    call_for_attention,
    next_move,
)
from singlewindow.messages.rule import Rule
from singlewindow.messages.series import Series, is_complete, series_of, series_problems

RECEIVED = datetime(2026, 1, 1, tzinfo=UTC)
CENT = Matching(amount_tolerance="0.01", weight_tolerance="0.01")


def line(number: str, **fields: str) -> dict[str, str]:
    return {"number": number, "quantity": "2", "unit": "011", "total": "10.00", "currency": "142", **fields}


def found(anchor: dict[str, Any], partner: dict[str, Any], matching: Matching = CENT) -> list[tuple[str, str]]:
    return [(one.code, one.field) for one in differences(anchor, partner, matching)]


def dossier(kind: str = "inventory", **facts: Any) -> Dossier:
    identity = UUID(int=1)
    return Dossier(
        identity, identity, "set", kind, "new", "received", RECEIVED, facts, {}, [], None, False, None, []
    )  # fmt: skip


def linked(kind: str, state: str, **keys: dict[str, str]) -> Linked:
    return Linked(UUID(int=2), UUID(int=3), kind, state, keys)


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("quantity", "3", "match.quantity"),
        ("unit", "007", "match.unit"),
        ("total", "10.02", "match.amount"),
        ("currency", "502", "match.currency"),
    ],
)
def test_a_goods_line_that_differs_is_named_by_its_number(field: str, value: str, code: str) -> None:
    order = {"lines": [line("1"), line("2", **{field: value})], "total": "20", "currency": "142"}
    inventory = {"lines": [line("1"), line("2")], "total": "20", "currency": "142"}
    assert found(inventory, order) == [(code, f"lines[2].{field}")]


@pytest.mark.parametrize(
    ("field", "ours", "theirs", "code"),
    [
        ("gross_weight", "1.50", "1.52", "match.weight"),
        ("packages", "1", "2", "match.packages"),
        ("total", "100", "100.02", "match.total"),
        ("currency", "142", "502", "match.currency"),
    ],
)
def test_a_head_that_differs_has_its_own_code(field: str, ours: str, theirs: str, code: str) -> None:
    assert found({field: ours}, {field: theirs}) == [(code, field)]


def test_numbers_within_the_tolerance_are_equal_however_they_are_written() -> None:
    inventory = {"gross_weight": "1.5", "packages": "01", "lines": [line("1", total="10.00", quantity="2.0")]}
    waybill = {"gross_weight": "1.510", "packages": "1", "lines": [line("01", total="10.01", quantity="2")]}
    assert found(inventory, waybill) == []
    assert found(inventory, waybill, Matching()) == [
        ("match.total", "total"), ("match.weight", "gross_weight"), ("match.amount", "lines[1].total"),
    ]  # fmt: skip


def test_a_line_missing_on_either_side_is_reported() -> None:
    order = {"lines": [line("1"), line("3")], "total": "20"}
    inventory = {"lines": [line("1"), line("2")]}
    report = differences(inventory, order, CENT)
    assert [(one.code, one.field, one.anchor, one.partner) for one in report] == [
        ("match.line-missing", "lines[2]", "present", "absent"),
        ("match.line-missing", "lines[3]", "absent", "present"),
    ]


def test_the_orders_value_is_compared_with_the_sum_of_the_inventorys_lines() -> None:
    report = differences({"lines": [line("1"), line("2")]}, {"total": "2000", "currency": "aaa"}, CENT)
    assert [(one.code, one.anchor, one.partner) for one in report] == [
        ("match.total", "20.00", "2000"),
        ("match.currency", "142", "aaa"),
    ]


def test_lines_in_several_currencies_have_no_sum() -> None:
    inventory = {"lines": [line("1"), line("2", currency="502")]}
    assert found(inventory, {"total": "99", "currency": "142"}) == []


def test_quantities_in_other_units_are_not_compared() -> None:
    inventory, order = {"lines": [line("1")]}, {"lines": [line("1", unit="120", quantity="1")]}
    assert found(inventory, order) == [("match.unit", "lines[1].unit")]


def test_what_one_document_does_not_state_is_not_compared() -> None:
    assert found({"gross_weight": "1", "lines": [line("1")]}, {"packages": "3", "charge": "5"}) == []


def test_a_difference_speaks_english_and_chinese_and_names_no_value() -> None:
    report = differences({"gross_weight": "123.4"}, {"gross_weight": "567.8"}, CENT)[0].as_json()
    assert (report["severity"], report["code"]) == ("warning", "match.weight")
    assert "毛重" in report["message_zh"]
    assert not any("123" in text or "567" in text for text in report.values())


@pytest.mark.parametrize("tolerance", ["-1", "many", "", "1e3", "NaN"])
def test_a_tolerance_that_is_no_number_is_refused(tolerance: str) -> None:
    with pytest.raises(ConfigurationError):
        Matching(amount_tolerance=tolerance)


INVENTORY = Kind(
    "inventory",
    ("closed",),
    anchor=True,
    partners=(Partner("order", "order", required=True), Partner("payment_receipt", "order")),
)


def test_the_missing_document_is_named_with_its_key_and_a_watched_one_is_not_waited_for() -> None:
    key = {"ebcCode": "E1", "orderNo": "O1"}
    subject = dossier(join_keys={"order": key})
    assert awaited(subject, INVENTORY, []) == [{"kind": "order", "key": key}]
    assert awaited(subject, INVENTORY, [linked("order", "rejected")]) == [{"kind": "order", "key": key}]
    assert awaited(subject, INVENTORY, [linked("order", "received")]) == []


def test_a_return_can_wait_for_its_inventory_by_the_number_customs_gave() -> None:
    kind = Kind("return", ("accepted",), partners=(Partner("inventory", "invtNo", required=True),))
    subject = dossier("return", join_keys={"invtNo": {"invtNo": "I-1"}})
    assert awaited(subject, kind, []) == [{"kind": "inventory", "key": {"invtNo": "I-1"}}]
    assert awaited(subject, kind, [linked("inventory", "released")]) == []


def test_a_consolidation_names_the_inventories_it_waits_for_by_the_shared_key() -> None:
    kind = Kind("consolidation", ("accepted",), waits_until="accepted")
    subject = dossier("consolidation", join_keys={"waybill": {"logisticsNo": "last"}})
    anchor = linked("inventory", "received", order={"orderNo": "secret"}, waybill={"logisticsNo": "L1"})
    assert awaited(subject, kind, [anchor]) == [
        {"kind": "inventory", "key": {"logisticsNo": "L1"}, "state": "received", "until": "accepted"}
    ]
    many = awaited(subject, kind, [anchor] * (MOST_AWAITED + 5))
    assert (len(many), many[-1]) == (MOST_AWAITED + 1, {"kind": "inventory", "more": 5})


def test_a_change_waits_for_nobody() -> None:
    subject = dossier()
    subject.action = "change"
    assert awaited(subject, INVENTORY, []) == []


@pytest.mark.parametrize(
    ("policy", "seconds", "move"),
    [
        ("timeout", 599, "hold"), ("timeout", 600, "send_incomplete"), ("until-complete", 599, "hold"),
        ("until-complete", 600, "call_for_attention"), ("off", 0, "send_incomplete"),
    ],
)  # fmt: skip
def test_what_is_held_past_its_limit_is_sent_or_calls_for_a_person(policy: str, seconds: int, move: str) -> None:
    now = RECEIVED + timedelta(seconds=seconds)
    assert next_move(dossier(), [{"kind": "order"}], Holding(policy, 600.0), now) == move
    assert next_move(dossier(), [], Holding(policy, 600.0), now) == "send"


def test_a_person_is_called_once() -> None:
    subject, waiting, late = dossier(), [{"kind": "order"}], RECEIVED + timedelta(hours=1)
    call_for_attention(subject, waiting)
    assert subject.attention == "incomplete: waits for order"
    assert next_move(subject, waiting, Holding("until-complete", 600.0), late) == "hold"


@pytest.mark.parametrize(
    ("filed", "newest", "older"),
    [
        ("20260101000000", "20260101000001", True), ("20260101000001", "20260101000001", False),
        ("20260101000002", "20260101000001", False), ("", "20260101000001", False), ("2026", "20260101000001", False),
    ],
)  # fmt: skip
def test_only_a_strictly_earlier_time_of_fourteen_digits_is_older(filed: str, newest: str, *, older: bool) -> None:
    assert is_older(filed, newest) is older


def part(number: int, count: int) -> Series:
    return Series(b"same", number, count)


def texts(own: Series, *others: Series) -> list[str]:
    found = series_problems(own, others, Rule("CEB-R93", "warning", "parts", "分批", "source"), ordinal=1)
    assert {problem.rule for problem in found} <= {"CEB-R93"}
    assert all(problem.severity == "warning" and problem.message_zh for problem in found)
    return [f"{problem.element} {problem.value}" for problem in found]


def test_parts_without_gaps_raise_no_warning() -> None:
    assert texts(part(1, 1)) == []
    assert texts(part(2, 2), part(1, 2)) == []


def test_missing_parts_are_named_as_ranges() -> None:
    assert texts(part(9, 9)) == ["msgSeqNo 1–8"]
    assert texts(part(2, 6), part(4, 6)) == ["msgSeqNo 1, 3, 5–6"]
    assert texts(part(1, 2)) == ["msgSeqNo 2"]
    assert texts(part(1, 999_999_999)) == ["msgSeqNo 2–999999999"]


def test_a_number_beyond_the_count_and_other_counts_are_named() -> None:
    assert texts(part(3, 2), part(1, 2), part(2, 2)) == ["msgSeqNo 3"]
    assert texts(part(2, 2), part(1, 3)) == ["msgCount 2, 3"]


def test_a_document_is_complete_when_every_number_is_there_and_all_agree() -> None:
    assert is_complete([part(1, 2), part(2, 2)])
    assert not is_complete([part(1, 2)])
    assert not is_complete([part(1, 2), part(2, 3)])
    assert not is_complete([])


def test_parts_of_one_document_share_a_hash_and_deletions_belong_to_none() -> None:
    def split(number: str, **more: Any) -> Unit:
        facts = {"msgCount": "3", "msgSeqNo": number}
        return Unit(1, "arrival", {"copNo": "C", "msgSeqNo": number}, facts=facts, **more)

    first, second = (series_of("ceb", split(number), str) for number in ("1", "2"))
    assert first is not None
    assert second is not None
    assert (first.digest, first.number, first.count) == (second.digest, 1, 3)
    assert series_of("ceb", split("1", action="delete"), str) is None
    assert series_of("ceb", split("one"), str) is None
