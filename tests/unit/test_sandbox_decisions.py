"""The sandbox's decisions without wire or disk: order makes no difference, and a replay decides the same."""

from __future__ import annotations

import itertools
from collections import defaultdict
from datetime import UTC, datetime

import pytest

from singlewindow.adapters.sandbox.delays import read_range, spread_ms
from singlewindow.adapters.sandbox.documents import write_document
from singlewindow.adapters.sandbox.magic import MAGIC, WORDS, read_magic
from singlewindow.adapters.sandbox.numbers import Numbers, ceb_time, check_digit
from singlewindow.adapters.sandbox.papers import PAPERS
from singlewindow.adapters.sandbox.parcels import Parcels
from singlewindow.adapters.sandbox.records import Decision, Request, describe, recall
from singlewindow.adapters.sandbox.register import Register
from singlewindow.adapters.sandbox.scenario import Scenario
from singlewindow.adapters.sandbox.story import Story
from singlewindow.errors import ConfigurationError

START_MS = 1_770_000_000_000


def request(root: str, task_id: str, at_ms: int, *lines: dict[str, str], **fields: str) -> Request:
    lists = {name: list(lines) for name, _ in PAPERS[root].lists}
    reference = fields.get("copNo") or fields.get("orderNo", "")
    return Request("customs", "declare", task_id, "Trader", at_ms, root, reference, fields, lists)


def inventory(at_ms: int, *, copNo: str = "INV-1") -> Request:  # noqa: N803 - the element's name
    goods = {"gnum": "1", "gcode": "6912001000"}
    fields = {"logisticsCode": "L", "logisticsNo": "W1", "statisticsFlag": "B", "customsCode": "4600"}
    return request("CEB603Message", f"inventory-{copNo}", at_ms, goods, agentCode="A", copNo=copNo, **fields)


def departure(at_ms: int) -> Request:
    fields = {"logisticsCode": "L", "copNo": "DEP-1", "msgSeqNo": "1"}
    return request("CEB509Message", "departure", at_ms, {"logisticsNo": "W1"}, **fields)


def arrival(at_ms: int) -> Request:
    fields = {"operatorCode": "O", "copNo": "ARR-1", "msgSeqNo": "1", "logisticsCode": "L"}
    return request("CEB507Message", "arrival", at_ms, **fields)


def order(at_ms: int) -> Request:
    return request("CEB303Message", "order", at_ms, ebpCode="P", ebcCode="E", orderNo="ORD-1")


def desk() -> Register:
    return Register({"customs": Parcels(Numbers())})


def statuses(decisions: list[Decision]) -> dict[str, list[str]]:
    """What each task hears, in the order in which it is sent."""
    said = defaultdict(list)
    notices = sorted((notice for one in decisions for notice in one.notices), key=lambda notice: notice.due_ms)
    for notice in notices:
        said[notice.task_id].append(notice.statement.values["returnStatus"])
    return said


@pytest.mark.parametrize("makers", list(itertools.permutations([inventory, departure, arrival, order])))
def test_the_order_of_documents_makes_no_difference(makers: tuple[type, ...]) -> None:
    register = desk()
    decisions = [register.take(make(START_MS + 7 * place)) for place, make in enumerate(makers)]
    assert statuses(decisions) == {
        "inventory-INV-1": ["120", "399", "800", "899"],
        "departure": ["120", "399"],
        "arrival": ["120", "399"],
        "order": ["120"],
    }


def test_a_replay_from_the_journal_says_the_same() -> None:
    first, second = desk(), desk()
    for number in range(20):
        for make in (departure, inventory, order):
            asked = make(START_MS + number)
            decision = first.take(asked)
            again = second.take(recall(describe(asked, decision)))
            assert again == decision
            assert [write_document(one) for one in again.notices] == [write_document(one) for one in decision.notices]


def test_decisions_take_their_time_within_the_range() -> None:
    story = Story(Scenario(), read_range("50-300"))
    for number in range(500):
        asked = story.cast(inventory(START_MS, copNo=f"INV-{number}"))
        offsets = spread_ms(asked, 3)
        assert offsets == sorted(offsets)
        assert 50 <= offsets[-1] <= 300
        assert spread_ms(story.cast(inventory(START_MS + 1, copNo=f"INV-{number}")), 3) == offsets
    assert spread_ms(order(START_MS), 2) == [0, 0]
    assert spread_ms(order(START_MS), 0) == []


@pytest.mark.parametrize("range_ms", ["", "fast", "300-50", "50"])
def test_a_range_that_is_none_is_refused(range_ms: str) -> None:
    with pytest.raises(ConfigurationError, match="50-300"):
        read_range(range_ms)


def test_return_times_rise_even_when_nothing_takes_time() -> None:
    register = Register({"customs": Parcels(Numbers())})
    decision = register.take(inventory(START_MS))
    times = [one.statement.values["returnTime"] for one in (decision.answer, *decision.notices)]
    assert times == sorted(set(times))


def test_return_time_is_that_of_beijing() -> None:
    moment = datetime(2026, 3, 1, 23, 59, 59, 123_000, UTC)
    assert ceb_time(round(moment.timestamp() * 1000)) == "20260302075959123"


@pytest.mark.parametrize("mrn", ["10NL5663962BE1E825", "23DKEVWF3PN9XZGXB1", "26ES009999Z0000056"])
def test_the_check_digit_agrees_with_published_numbers(mrn: str) -> None:
    assert check_digit(mrn[:17]) == mrn[17]


def test_numbers_have_their_lawful_length() -> None:
    numbers = Numbers()
    made = [
        numbers.pre_entry_number(START_MS),
        numbers.inventory_number("4600", START_MS),
        numbers.summary_number("4600", START_MS),
        numbers.entry_number("4600", START_MS),
        numbers.declaration_number("4600", START_MS),
        numbers.movement_reference_number(START_MS),
    ]
    assert [len(number) for number in made] == [18] * 6
    assert numbers.inventory_number("4600", START_MS) != made[1]


@pytest.mark.parametrize("word", sorted(WORDS))
def test_every_word_is_found_anywhere_in_a_reference(word: str) -> None:
    assert read_magic(f"2026-{word}-0001", "customs") == {word}
    assert read_magic(f"X{word}7", "sea") == {word}


def test_a_word_may_be_kept_to_one_agency() -> None:
    assert read_magic("ROAD-REJECT-1", "road") == {"REJECT"}
    assert read_magic("ROAD-REJECT-1", "customs") == frozenset()
    assert read_magic("INSPECTION-REJECT-1", "inspection") == {"REJECT"}
    assert read_magic("INSPECTION-1", "inspection") == frozenset(), "an agency's name is not the word INSPECT"


def test_words_may_be_combined() -> None:
    assert read_magic("INSPECT.SLOW.DUPLICATE", "customs") == {"INSPECT", "SLOW", "DUPLICATE"}


def test_lower_case_and_ordinary_references_are_accepted() -> None:
    for reference in ("reject-1", "AMENDMENT-1", "EX-20260302-0001", "4CDE1CFD-EDED-46B1-946C-B8022E42FC94"):
        assert read_magic(reference, "customs") == frozenset()


def test_every_word_says_what_it_does() -> None:
    assert all(magic.meaning.endswith(".") and magic.changes in {"decision", "transport", "notices"} for magic in MAGIC)
    assert len(WORDS) == len(MAGIC)
