"""The lifecycle table, the combination of parts, and what an authority's word does."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from singlewindow.errors import IllegalMove
from singlewindow.messages.dossier import Dossier, Part
from singlewindow.messages.judgement import ResponseUnit
from singlewindow.messages.lifecycle import AUTHORITY_STATES, OWN_MOVES, STATES, PartView, combine, move
from singlewindow.messages.responses import apply_response

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def dossier() -> tuple[Dossier, Part]:
    part = Part(uuid4(), "customs", "declare", None, True, True, ("closed",), state="submitted")
    return Dossier(
        uuid4(), uuid4(), "set", "inventory", "new", "submitted", NOW, {}, {}, [], None, False, None, [part]
    ), part  # fmt: skip


def said(state: str, second: int) -> ResponseUnit:
    return ResponseUnit("inventory", state, state, f"2026-01-01T00:00:{second:02d}.000000Z")


@pytest.mark.parametrize("current", STATES)
@pytest.mark.parametrize("new", STATES)
def test_only_the_tables_own_moves_are_made(current: str, new: str) -> None:
    if new in OWN_MOVES.get(current, frozenset()):
        assert move(current, new) == new
    else:
        with pytest.raises(IllegalMove):
            move(current, new)


def test_the_least_advanced_required_part_holds() -> None:
    parts = [PartView("released", True, True, False), PartView("submitted", True, False, False)]
    assert combine(parts, otherwise="received") == "submitted"


def test_a_done_part_holds_nothing_back() -> None:
    parts = [PartView("released", True, True, False), PartView("accepted", True, False, True)]
    assert combine(parts, otherwise="received") == "released"


def test_a_negative_end_dominates() -> None:
    parts = [PartView("released", True, True, False), PartView("rejected", True, False, False)]
    assert combine(parts, otherwise="received") == "rejected"


def test_a_part_that_is_not_required_never_holds() -> None:
    parts = [PartView("released", True, True, False), PartView("rejected", False, False, False)]
    assert combine(parts, otherwise="received") == "released"


@given(st.permutations([("registered", 1), ("accepted", 2), ("released", 3), ("closed", 4)]))
def test_words_in_any_order_end_in_the_newest(order: list[tuple[str, int]]) -> None:
    declaration, part = dossier()
    for state, second in order:
        apply_response(declaration, part, said(state, second), NOW)
    assert (declaration.state, declaration.anomaly) == ("closed", False)


@given(st.lists(st.tuples(st.sampled_from(sorted(AUTHORITY_STATES)), st.integers(0, 5)), max_size=6))
def test_the_same_word_twice_changes_nothing(words: list[tuple[str, int]]) -> None:
    declaration, part = dossier()
    for state, second in words:
        apply_response(declaration, part, said(state, second), NOW)
        before = (declaration.state, part.authority_time)
        apply_response(declaration, part, said(state, second), NOW)
        assert (declaration.state, part.authority_time) == before


def test_a_later_refusal_after_release_is_real_and_an_anomaly() -> None:
    declaration, part = dossier()
    apply_response(declaration, part, said("released", 1), NOW)
    apply_response(declaration, part, said("rejected", 2), NOW)
    assert (declaration.state, declaration.anomaly) == ("rejected", True)


def test_at_the_same_time_the_higher_rank_stands() -> None:
    declaration, part = dossier()
    apply_response(declaration, part, said("released", 1), NOW)
    apply_response(declaration, part, said("registered", 1), NOW)
    assert declaration.state == "released"


def test_a_recorded_only_word_moves_nothing() -> None:
    declaration, part = dossier()
    apply_response(declaration, part, ResponseUnit("inventory", "-301014", None, None, "old"), NOW)
    assert declaration.state == "submitted"
    assert declaration.events[-1].data["recorded_only"] is True


def test_an_authority_that_could_not_pass_it_on_gets_it_again() -> None:
    declaration, part = dossier()
    apply_response(declaration, part, ResponseUnit("inventory", "4", "retry", None), NOW)
    assert (part.state, declaration.again) == ("pending", [part])


def test_a_late_failure_to_pass_on_does_not_undo_a_decision() -> None:
    declaration, part = dossier()
    apply_response(declaration, part, said("released", 1), NOW)
    apply_response(declaration, part, ResponseUnit("inventory", "4", "retry", None), NOW)
    assert (declaration.state, declaration.again) == ("released", [])
