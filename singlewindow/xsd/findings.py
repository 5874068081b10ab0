"""Findings: what is wrong with an element or a value, with one wording for every way in which it was found."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lxml import etree

from singlewindow.xsd.parser import Element


@dataclass(frozen=True, slots=True)
class Finding:
    """One mistake. `element` is where it is seen; `attribute` or `missing` name what is meant below that element.

    `code` is one of `error_codes.CODES`; no message repeats the value, which may be personal.
    """

    element: Element
    code: str
    message: str
    message_zh: str
    value: str | None = None
    allowed: str | None = None
    hint: str | None = None
    attribute: str | None = None
    missing: str | None = None
    severity: str = "error"
    rule: str | None = None
    hint_zh: str | None = None

    def described(self, *, allowed: str | None, choices: Collection[str] = ()) -> Finding:
        """The same mistake with what its type allows; the hint is the nearest of few lawful values."""
        near = nearest(self.value or "", choices)
        return replace(self, allowed=allowed, hint=f"did you mean {near}?" if near else self.hint)

    def at(self, element: Element) -> Finding:
        """The same mistake at another element: the one that this was copied from."""
        return replace(self, element=element)


def local(name: Any) -> str:
    """The local part of a name, whether it has a prefix, a namespace in braces or neither."""
    return str(name or "").rpartition("}")[2].rpartition(":")[2]


def unexpected_element(element: Element, expected: Sequence[str], known: Collection[str]) -> Finding:
    """An element that the content model does not know here; the hint is the nearest spelling among the known names."""
    name, namespace, parent = local(element.tag), etree.QName(element).namespace, element.getparent()
    near = nearest(name, known)
    if near == name and parent is not None:
        home = etree.QName(parent).namespace
        hint = f"{name} belongs in the namespace {home}; here it is in {namespace or 'none'}"
    elif near:
        hint = f"did you mean {near}?"
    else:
        hint = f"{expected[0]} is expected here" if expected else "remove it"
    zh = f"此处不允许元素 {name}" + (f",应为 {near or expected[0]}" if near or expected else "")
    allowed = near or _alternatives(expected)
    return Finding(element, "xsd.unexpected-element", f"{name} is not allowed here", zh, allowed=allowed, hint=hint)


def misplaced_element(element: Element, first: str) -> Finding:
    """An element that stands before another which must come first."""
    name = local(element.tag)
    return Finding(
        element,
        "xsd.unexpected-element",
        f"{name} is out of order: {first} comes before it",
        f"元素 {name} 顺序错误,{first} 应在其前",
        allowed=first,
        hint=f"put {first} before {name}",
    )


def missing_element(at: Element, parent: Element, expected: Sequence[str]) -> Finding:
    """An element that must stand before `at`, or at the end of its parent when `at` is the parent."""
    where = f"at the end of {local(parent.tag)}" if at is parent else f"before {local(at.tag)}"
    where_zh = f"{local(parent.tag)} 的末尾" if at is parent else f"{local(at.tag)} 之前"
    return Finding(
        at,
        "xsd.missing-element",
        f"{expected[0]} is missing {where}",
        f"{where_zh}缺少元素 {expected[0]}",
        allowed=_alternatives(expected),
        hint=f"add {expected[0]}",
        missing=expected[0],
    )


def too_many(element: Element, most: int) -> Finding:
    """The first occurrence of an element past the most that is allowed."""
    name = local(element.tag)
    return Finding(
        element,
        "xsd.too-many",
        f"{name} occurs too often; at most {most} {'is' if most == 1 else 'are'} allowed",
        f"{name} 出现次数过多,至多 {most} 次",
        allowed=f"at most {most}",
        hint="remove what is too many, or send several messages",
    )


def missing_attribute(element: Element, name: str) -> Finding:
    """A required attribute that is not there."""
    text, zh = f"the attribute {name} is missing", f"缺少属性 {name}"
    return Finding(element, "xsd.attribute-missing", text, zh, hint=f"add {name}", missing=f"@{name}")


def unknown_attribute(element: Element, name: str, known: Collection[str] = ()) -> Finding:
    """An attribute that the schema does not know."""
    near = nearest(name, known)
    text, zh = f"the attribute {name} is not allowed", f"不允许属性 {name}"
    hint = f"did you mean {near}?" if near else "remove it"
    return Finding(element, "xsd.attribute-unknown", text, zh, hint=hint, attribute=name)


def unexpected_text(element: Element) -> Finding:
    """Text between elements where only elements are allowed."""
    name = local(element.tag)
    text, zh = f"{name} holds text between its elements", f"元素 {name} 内不允许文本"
    return Finding(element, "xsd.unexpected-text", text, zh, hint="remove the text")


def wrong_value(element: Element, rule: str, limit: str, *, attribute: str | None = None, value: str = "") -> Finding:
    """A value that a facet of its type refuses. `rule` is the facet's XSD name, `limit` its value."""
    name = attribute or local(element.tag)
    code, text, zh = _FACETS.get(rule, _OTHER)
    filled = {"name": name, "limit": limit, "length": len(value)}
    return Finding(element, code, text.format(**filled), zh.format(**filled), value=value, attribute=attribute)


def unknown_code(element: Element, value: str, allowed: str) -> Finding:
    """A code that its type allows and that the message set gives no meaning."""
    name = local(element.tag)
    text, zh = f"{name} has a code that means nothing", f"{name} 的代码无效"
    return Finding(element, "code-unknown", text, zh, value=value, allowed=allowed)


_LENGTH = "{name} has {length} character(s), "
_LENGTH_ZH = "{name} 有 {length} 个字符,"
_FACETS: dict[str, tuple[str, str, str]] = {
    "length": ("xsd.length", _LENGTH + "exactly {limit} are wanted", _LENGTH_ZH + "应为 {limit} 个"),
    "minLength": ("xsd.min-length", _LENGTH + "at least {limit} are wanted", _LENGTH_ZH + "至少 {limit} 个"),
    "maxLength": ("xsd.max-length", _LENGTH + "at most {limit} are allowed", _LENGTH_ZH + "至多 {limit} 个"),
    "totalDigits": ("xsd.total-digits", "{name} has more than {limit} digits", "{name} 超过 {limit} 位数字"),
    "fractionDigits": (
        "xsd.fraction-digits", "{name} has more than {limit} digits after the point", "{name} 小数超过 {limit} 位",
    ),
    "enumeration": ("xsd.enumeration", "{name} is none of the allowed values", "{name} 不在允许值之列"),
    "pattern": ("xsd.pattern", "{name} does not have the wanted form", "{name} 格式不符"),
    "minInclusive": ("xsd.range", "{name} must not be less than {limit}", "{name} 不得小于 {limit}"),
    "maxInclusive": ("xsd.range", "{name} must not be more than {limit}", "{name} 不得大于 {limit}"),
    "minExclusive": ("xsd.range", "{name} must be more than {limit}", "{name} 须大于 {limit}"),
    "maxExclusive": ("xsd.range", "{name} must be less than {limit}", "{name} 须小于 {limit}"),
    "number": ("xsd.not-a-number", "{name} is not a number", "{name} 不是数字"),
    "date": (
        "xsd.not-a-date", "{name} is not a date or time of the form {limit}", "{name} 不是 {limit} 格式的日期或时间",
    ),
    "fixed": ("xsd.fixed", "{name} must be {limit}", "{name} 必须为 {limit}"),
    "unique": ("xsd.not-unique", "{name} repeats a number that must be unique", "{name} 的编号重复"),
}  # fmt: skip
_OTHER = ("xsd.value", "the value of {name} is not allowed", "{name} 的值不合规定")

NUMBERS = frozenset(
    {
        "decimal", "integer", "int", "long", "short", "byte", "nonNegativeInteger", "positiveInteger",
        "negativeInteger", "nonPositiveInteger", "unsignedInt", "unsignedLong", "unsignedShort", "unsignedByte",
        "double", "float",
    }
)  # fmt: skip
"""XSD's built-in types whose values are numbers."""

DATES = {
    "date": "YYYY-MM-DD", "dateTime": "YYYY-MM-DDThh:mm:ss+hh:mm", "time": "hh:mm:ss", "gYear": "YYYY",
    "gYearMonth": "YYYY-MM", "dateTimeStamp": "YYYY-MM-DDThh:mm:ss+hh:mm",
}  # fmt: skip
"""XSD's built-in types of dates and times, with their form."""


def nearest(name: str, known: Collection[str]) -> str | None:
    """The known name spelt most like this one, or None where none is near."""
    near = difflib.get_close_matches(name, list(known), 1, 0.6)
    return near[0] if near else None


def _alternatives(names: Sequence[str]) -> str | None:
    return " | ".join(dict.fromkeys(names)) or None
