"""The nearest lawful spelling of what was written: of a name, a code, a number or a date."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Collection
from datetime import date

from singlewindow.xsd.facets import DATES

LONGEST = 64
"""Characters of a text past which no likeness is looked for."""

_LIKENESS = 0.6
_LOOK_ALIKE = str.maketrans({"O": "0", "o": "0", "l": "1", "I": "1", " ": None, "_": None, "\u3000": None})
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
_GROUPED = re.compile(r"[+-]?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?")
_DAY = re.compile(r"([0-9]{4})[-/.年]?([0-9]{1,2})[-/.月]?([0-9]{1,2})日?")


def nearest(name: str, known: Collection[str]) -> str | None:
    """The known name spelt most like this one, whatever the case of its letters, or None where none is near."""
    if not name or len(name) > LONGEST:
        return None
    by_folded = {one.casefold(): one for one in reversed(list(known))}
    near = difflib.get_close_matches(name.casefold(), list(by_folded), 1, _LIKENESS)
    return (name if name in known else by_folded[near[0]]) if near else None


def mend(rule: str, value: str, form: str) -> str | None:
    """The number or day that was probably meant by a value which is none; `rule` is `number` or `date`."""
    text = unicodedata.normalize("NFKC", value).strip() if len(value) <= LONGEST else ""
    mended = _mend_number(text) if rule == "number" else _mend_date(text) if form == DATES["date"] else None
    return mended if mended != value else None


def _mend_number(text: str) -> str | None:
    """Without look-alike letters and separators of thousands; a comma that may be a decimal one is not touched."""
    digits = text.translate(_LOOK_ALIKE)
    if _GROUPED.fullmatch(digits):
        digits = digits.replace(",", "")
    has_digit = any(character.isdigit() for character in text)
    return digits if has_digit and _NUMBER.fullmatch(digits) else None


def _mend_date(text: str) -> str | None:
    found = _DAY.fullmatch(text)
    try:
        return date(*(int(part) for part in found.groups())).isoformat() if found else None
    except ValueError:
        return None
