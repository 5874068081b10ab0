"""JSON as it was written: numbers keep their digits, names that occur twice are noticed, excess is refused first."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any, NoReturn

from singlewindow.messages.judgement import Problem
from singlewindow.xsd.json_mapping.refusals import JsonRefused
from singlewindow.xsd.parser import MAX_ELEMENTS

MAX_VALUES = 2 * MAX_ELEMENTS
"""Values of one message, counted by the marks before them: an element in an array has two, its comma and its brace."""

MAX_DIGITS = 400
"""Digits that a number with an exponent may have when it is written without one."""

_MAX_EXPONENT_DIGITS = 6
_BOM = "\ufeff"
_CONSTANT = re.compile(r'"(?:[^"\\]|\\.)*"|(NaN|-?Infinity)')
_NUMBER = re.compile(r"(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?)0*(\d+))?\Z")


class Number(str):
    """A number's literal text."""

    __slots__ = ()


class DuplicateMembers(dict[str, Any]):
    """An object with names that occur more than once; of each, the last value."""

    duplicates: tuple[str, ...] = ()


def load(body: bytes) -> Any:
    """The value of a JSON text in UTF-8. Raises JsonRefused (not-json, too-large, too-deep)."""
    if body.count(b",") + body.count(b"{") + body.count(b"[") > MAX_VALUES:
        text = f"more than {MAX_VALUES:,} values; send several messages"
        raise JsonRefused((Problem("json.too-large", text, message_zh="报文过大,请分批发送", json_pointer=""),))
    text = _decode(body).removeprefix(_BOM)
    try:
        return json.loads(
            text, parse_float=Number, parse_int=Number, parse_constant=_refuse_constant, object_pairs_hook=_members
        )
    except json.JSONDecodeError as error:
        raise _not_json(error.msg, error.lineno, error.colno) from None
    except _Constant as constant:
        raise _not_json(f"{constant} is no JSON value", *_locate_constant(text)) from None
    except RecursionError:
        text = "arrays and objects are nested too deeply"
        raise JsonRefused((Problem("json.too-deep", text, message_zh="嵌套过深", json_pointer=""),)) from None


def write_plain(number: str) -> str | None:
    """A number's text without exponent and without loss, or None where it would have more than MAX_DIGITS digits."""
    if "e" not in number and "E" not in number:
        return number
    found = _NUMBER.match(number)
    if found is None:
        return None
    sign, whole, fraction, direction, exponent = (part or "" for part in found.groups())
    if not (whole + fraction).strip("0"):
        return f"{sign}0"
    if len(exponent) > _MAX_EXPONENT_DIGITS:
        return None
    return _shift(sign, whole, fraction, int(f"{direction}{exponent}"))


def _shift(sign: str, whole: str, fraction: str, places: int) -> str | None:
    point = len(whole) + places
    if max(point, len(fraction) - places, len(whole) + len(fraction)) > MAX_DIGITS:
        return None
    digits = (whole + fraction).ljust(point, "0")
    if point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    left, right = digits[:point].lstrip("0") or "0", digits[point:]
    return f"{sign}{left}.{right}" if right else f"{sign}{left}"


def _decode(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        column = error.start - body.rfind(b"\n", 0, error.start)
        raise _not_json("the bytes are not UTF-8", line, column) from None


class _Constant(Exception):
    """NaN or Infinity, which Python's json would take and JSON does not have."""


def _refuse_constant(name: str) -> NoReturn:
    raise _Constant(name)


def _locate_constant(text: str) -> tuple[int, int]:
    """Line and column of the first NaN or Infinity outside a string; what stands before it is JSON."""
    start = next(found.start() for found in _CONSTANT.finditer(text) if found[1])
    return text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start)


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) == len(pairs):
        return members
    marked = DuplicateMembers(members)
    marked.duplicates = tuple(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
    return marked


def _not_json(reason: str, line: int, column: int) -> JsonRefused:
    text = f"the body is not JSON: {reason}"
    return JsonRefused((Problem("json.not-json", text, message_zh="请求体不是 JSON", line=line, column=column),))
