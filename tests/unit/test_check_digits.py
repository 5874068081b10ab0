"""Check digits: published numbers pass; a wrong digit is found where the scheme promises that."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from singlewindow.messages import check_digits
from singlewindow.messages.check_digits import (
    is_air_waybill_number,
    is_container_number,
    is_eni_number,
    is_imo_number,
    is_mrn,
    is_uscc,
    is_wagon_number,
    mrn_check_digit,
)

CHECKS: tuple[Callable[[str], bool], ...] = (
    is_air_waybill_number,
    is_container_number,
    is_eni_number,
    is_imo_number,
    is_mrn,
    is_uscc,
    is_wagon_number,
)

GOOD = [
    (is_uscc, "91110000600037341L"),
    (is_container_number, "CSQU3054383"),
    (is_imo_number, "9074729"),
    (is_eni_number, "02312345"),
    (is_wagon_number, "218124712173"),
    (is_wagon_number, "21-81-2471217-3"),
    (is_air_waybill_number, "12312345675"),
    (is_air_waybill_number, "123-1234 5675"),
    (is_mrn, "10NL5663962BE1E825"),
    (is_mrn, "23DKEVWF3PN9XZGXB1"),
    (is_mrn, "26ES009999Z0000056"),
]

BAD = [
    (is_uscc, "91110000600037341M"),
    (is_uscc, "9111000060003734"),
    (is_uscc, "91110000600037341l"),
    (is_container_number, "CSQU3054384"),
    (is_container_number, "CSQ3054383"),
    (is_container_number, "csqu3054383"),
    (is_imo_number, "9074728"),
    (is_imo_number, "IMO9074729"),
    (is_imo_number, "９０７４７２９"),
    (is_eni_number, "2312345"),
    (is_eni_number, "0231234A"),
    (is_wagon_number, "218124712174"),
    (is_wagon_number, "21812471217"),
    (is_air_waybill_number, "12312345676"),
    (is_air_waybill_number, "1231234567"),
    (is_mrn, "10NL5663962BE1E826"),
    (is_mrn, "10nl5663962BE1E825"),
    (is_mrn, "10NL5663962BE1E8255"),
]


@pytest.mark.parametrize(("check", "number"), GOOD)
def test_a_published_number_passes(check: Callable[[str], bool], number: str) -> None:
    assert check(number)


@pytest.mark.parametrize(("check", "number"), BAD)
def test_a_wrong_digit_length_or_letter_is_found(check: Callable[[str], bool], number: str) -> None:
    assert not check(number)


@pytest.mark.parametrize(
    ("check", "number"),
    [(is_uscc, "91110000600037341L"), (is_wagon_number, "218124712173"), (is_imo_number, "9074729")],
)
def test_any_single_wrong_digit_is_found(check: Callable[[str], bool], number: str) -> None:
    for place, letter in enumerate(number):
        if letter.isdigit():
            wrong = str((int(letter) + 1) % 10)
            assert not check(f"{number[:place]}{wrong}{number[place + 1 :]}")


def test_the_check_digit_of_an_mrn_follows_from_its_first_seventeen_characters() -> None:
    assert mrn_check_digit("10NL5663962BE1E82") == "5"


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.text(max_size=24), st.text("0123456789ABCXYZ-", min_size=7, max_size=18)))
def test_every_check_answers_yes_or_no_to_any_text(text: str) -> None:
    for check in CHECKS:
        assert check(text) in {True, False}


def test_every_public_check_is_tried_here() -> None:
    public = {name for name in vars(check_digits) if name.startswith("is_")}
    assert public == {check.__name__ for check in CHECKS}
