"""Check digits of the numbers that trade documents carry. Every function takes any text and answers yes or no."""

from __future__ import annotations

import re

from stdnum import imo, iso6346, luhn
from stdnum.cn import uscc

_MRN = re.compile(r"[0-9]{2}[A-Z]{2}[A-Z0-9]{13}[0-9]")
_LETTER_VALUES = dict(zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", (value for value in range(10, 39) if value % 11), strict=True))
"""As in ISO 6346: from A = 10 on, without the multiples of 11."""


def is_uscc(number: str) -> bool:
    """Unified social credit code, 18 characters (GB 32100-2015)."""
    return number == uscc.compact(number) and bool(uscc.is_valid(number))


def is_container_number(number: str) -> bool:
    """Container number with its check digit (ISO 6346)."""
    return number == iso6346.compact(number) and bool(iso6346.is_valid(number))


def is_imo_number(number: str) -> bool:
    """IMO ship number: 7 digits."""
    return number.isascii() and number.isdigit() and bool(imo.is_valid(number))


def is_eni_number(number: str) -> bool:
    """European vessel identification number: 8 digits; the scheme has no check digit."""
    return bool(re.fullmatch(r"[0-9]{8}", number))


def is_wagon_number(number: str) -> bool:
    """UIC wagon number: 12 digits, the last by Luhn's formula; spaces and hyphens may part them."""
    digits = re.sub(r"[ -]", "", number)
    return bool(re.fullmatch(r"[0-9]{12}", digits)) and bool(luhn.is_valid(digits))


def is_air_waybill_number(number: str) -> bool:
    """Air waybill: airline prefix of 3 digits, serial of 7, and the serial modulo 7 (IATA resolution 600a)."""
    digits = re.sub(r"[ -]", "", number)
    return bool(re.fullmatch(r"[0-9]{11}", digits)) and int(digits[3:10]) % 7 == int(digits[10])


def is_mrn(number: str) -> bool:
    """Movement reference number: 18 characters, the last a check digit (TAXUD DGXXI/0879/99)."""
    return bool(_MRN.fullmatch(number)) and mrn_check_digit(number[:17]) == number[17]


def mrn_check_digit(body: str) -> str:
    """The 18th character for the first 17: Σ value·2^i mod 11 mod 10."""
    values = (_LETTER_VALUES[letter] if letter.isalpha() else int(letter) for letter in body)
    return str(sum(value << place for place, value in enumerate(values)) % 11 % 10)
