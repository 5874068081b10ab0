"""The functions that rules may call beside XPath's own, in the namespace `urn:singlewindow:functions`, prefix `sw`.

Arguments are texts, numbers or node-sets, of which the first node's text counts. Every function is total: odd data
never raises, and an empty text passes, since its presence is another rule's business.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Context, Decimal
from functools import lru_cache, reduce
from typing import Any

from singlewindow.messages import check_digits
from singlewindow.xsd.rules.code_lists import CodeList

NAMESPACE = "urn:singlewindow:functions"

NODE_SET_FUNCTIONS = frozenset({"sum"})
"""Those that look at every node and give a text; the others look at texts and answer yes or no, always the same."""

Function = Callable[..., Any]
Extensions = dict[tuple[str | None, str], Function]

DATE_FORMS = {"YYYYMMDD": "%Y%m%d", "YYYYMMDDhhmmss": "%Y%m%d%H%M%S"}
"""How a date may be written, and how Python names that."""

_NUMBER = re.compile(r"[+-]?(?=\.?[0-9])[0-9]{0,40}(?:\.[0-9]{0,40})?")
"""As xs:decimal writes it, of a length that no schema comes near: an exponent could make sums as long as one likes."""

_exact = Context(prec=200)
"""Room for every digit of a product of two such numbers, and of any sum of them."""


def make_functions(lists: Mapping[str, CodeList]) -> Extensions:
    """All functions, those about code lists over these lists."""

    def in_list(_: Any, name: Any, value: Any, day: Any = "") -> bool:
        code = text_of(value)
        return not code or lists[text_of(name)].holds(code, text_of(day) or None)

    def list_complete(_: Any, name: Any) -> bool:
        return lists[text_of(name)].complete

    named = _FUNCTIONS | {"in-list": in_list, "list-complete": list_complete}
    return {(NAMESPACE, name): function for name, function in named.items()}


def text_of(argument: Any) -> str:
    """The text of an argument: its first node's, stripped."""
    if isinstance(argument, list):
        if not argument:
            return ""
        argument = argument[0]
    if isinstance(argument, bool):
        return str(argument).lower()
    if isinstance(argument, float):
        return f"{argument:.15g}"
    found = argument if isinstance(argument, str) else getattr(argument, "text", None)
    return (found or "").strip()


def decimal_of(argument: Any) -> Decimal | None:
    """The number an argument holds, None where it holds none."""
    text = text_of(argument)
    return Decimal(text) if _NUMBER.fullmatch(text) else None


def _checked(test: Callable[[str], bool]) -> Function:
    remembered = lru_cache(maxsize=4096)(test)

    def check(_: Any, value: Any) -> bool:
        text = text_of(value)
        return not text or remembered(text)

    return check


def _matches(_: Any, value: Any, pattern: Any) -> bool:
    text = text_of(value)
    return not text or _compiled(text_of(pattern)).fullmatch(text) is not None


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _date_exists(_: Any, value: Any, form: Any) -> bool:
    text = text_of(value)
    return not text or _is_date(text, text_of(form))


@lru_cache(maxsize=4096)
def _is_date(text: str, form: str) -> bool:
    if not (len(text) == len(form) and text.isascii() and text.isdigit()):
        return False
    try:
        datetime.strptime(text, DATE_FORMS[form]).replace(tzinfo=UTC)
    except ValueError:
        return False
    return True


def _sum(_: Any, nodes: Any) -> str:
    """The exact sum of a node-set; what is no number counts as nothing."""
    numbers = (decimal_of(node) for node in (nodes if isinstance(nodes, list) else [nodes]))
    total = reduce(_exact.add, (number for number in numbers if number is not None), Decimal(0))
    return f"{total:f}"


def _same(_: Any, left: Any, right: Any, tolerance: Any = "0") -> bool:
    """Equal as decimals, within a tolerance; true where one of the two is no number."""
    first, second = decimal_of(left), decimal_of(right)
    if first is None or second is None:
        return True
    return _exact.abs(_exact.subtract(first, second)) <= (decimal_of(tolerance) or 0)


def _product_is(_: Any, quantity: Any, price: Any, total: Any, tolerance: Any) -> bool:
    """Quantity times price is the total, within a tolerance; true where one of the three is no number."""
    numbers = decimal_of(quantity), decimal_of(price), decimal_of(total)
    first, second, third = numbers
    if first is None or second is None or third is None:
        return True
    return _exact.abs(_exact.subtract(_exact.multiply(first, second), third)) <= (decimal_of(tolerance) or 0)


def _before(_: Any, left: Any, right: Any) -> bool:
    """Strictly earlier: times with zones as moments, other texts letter by letter; false where one is empty."""
    first, second = text_of(left), text_of(right)
    if not first or not second:
        return False
    moments = _moment(first), _moment(second)
    if moments[0] is not None and moments[1] is not None:
        return moments[0] < moments[1]
    return first < second


@lru_cache(maxsize=1024)
def _moment(text: str) -> datetime | None:
    """A time in ISO 8601; without a zone it is taken as UTC."""
    if "T" not in text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


_FUNCTIONS: dict[str, Function] = {
    "uscc": _checked(check_digits.is_uscc),
    "iso6346": _checked(check_digits.is_container_number),
    "imo": _checked(check_digits.is_imo_number),
    "eni": _checked(check_digits.is_eni_number),
    "uic-wagon": _checked(check_digits.is_wagon_number),
    "awb": _checked(check_digits.is_air_waybill_number),
    "mrn": _checked(check_digits.is_mrn),
    "matches": _matches,
    "date-exists": _date_exists,
    "sum": _sum,
    "same": _same,
    "product-is": _product_is,
    "before": _before,
}
