"""Findings: what is wrong with an element or a value, with one wording for every way in which it was found."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lxml import etree

from singlewindow.xsd.facets import BREACHES, OTHER
from singlewindow.xsd.parser import Element
from singlewindow.xsd.spelling import mend, nearest

__all__ = ["Finding", "nearest"]


MEANT = "did you mean"
"""How a hint begins that is made of the value itself."""


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
        near = nearest((self.value or "").strip(), choices)
        return replace(self, allowed=allowed).hinting(near, self.hint, self.hint_zh)

    def hinting(self, meant: str | None, otherwise: str | None, otherwise_zh: str | None) -> Finding:
        """The same mistake with the question whether this was meant, or another hint where nothing is near."""
        if meant is None:
            return replace(self, hint=otherwise, hint_zh=otherwise_zh)
        return replace(self, hint=f"{MEANT} {meant}?", hint_zh=f"是否应为 {meant}?")

    def at(self, element: Element) -> Finding:
        """The same mistake at another element: the one that this was copied from."""
        return replace(self, element=element)


def local(name: Any) -> str:
    """The local part of a name, whether it has a prefix, a namespace in braces or neither."""
    return str(name or "").rpartition("}")[2].rpartition(":")[2]


def unexpected_element(element: Element, expected: Sequence[str], known: Collection[str]) -> Finding:
    """An element that the content model does not know here; the hint is the nearest spelling among the known names."""
    name, parent = local(element.tag), element.getparent()
    near = nearest(name, known)
    zh = f"此处不允许元素 {name}" + (f",应为 {near or expected[0]}" if near or expected else "")
    allowed = near or _alternatives(expected)
    finding = Finding(element, "xsd.unexpected-element", f"{name} is not allowed here", zh, allowed=allowed)
    if near == name and parent is not None:
        return finding.hinting(None, *_wrong_namespace(element, parent))
    if expected:
        return finding.hinting(near, f"{expected[0]} is expected here", f"此处应为 {expected[0]}")
    return finding.hinting(near, "remove it", "请删除该元素")


def _wrong_namespace(element: Element, parent: Element) -> tuple[str, str]:
    name, namespace, home = local(element.tag), etree.QName(element).namespace, etree.QName(parent).namespace
    hint = f"{name} belongs in the namespace {home}; here it is in {namespace or 'none'}"
    return hint, f"{name} 应属于命名空间 {home},此处为 {namespace or '无'}"


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
        hint_zh=f"请将 {first} 移到 {name} 之前",
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
        hint_zh=f"请补充元素 {expected[0]}",
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
        hint_zh="请删除多余的元素,或拆分为多个报文",
    )


def missing_attribute(element: Element, name: str) -> Finding:
    """A required attribute that is not there."""
    text, zh = f"the attribute {name} is missing", f"缺少属性 {name}"
    finding = Finding(element, "xsd.attribute-missing", text, zh, missing=f"@{name}")
    return finding.hinting(None, f"add {name}", f"请补充属性 {name}")


def unknown_attribute(element: Element, name: str, known: Collection[str] = ()) -> Finding:
    """An attribute that the schema does not know."""
    text, zh = f"the attribute {name} is not allowed", f"不允许属性 {name}"
    finding = Finding(element, "xsd.attribute-unknown", text, zh, attribute=name, allowed=_alternatives(list(known)))
    return finding.hinting(nearest(name, known), "remove it", "请删除该属性")


def unexpected_text(element: Element) -> Finding:
    """Text between elements where only elements are allowed."""
    name = local(element.tag)
    text, zh = f"{name} holds text between its elements", f"元素 {name} 内不允许文本"
    return Finding(element, "xsd.unexpected-text", text, zh, hint="remove the text", hint_zh="请删除该文本")


def wrong_value(element: Element, rule: str, limit: str, *, attribute: str | None = None, value: str = "") -> Finding:
    """A value that a facet of its type refuses. `rule` is the facet's XSD name, `limit` its value."""
    name = attribute or local(element.tag)
    told = BREACHES.get(rule, OTHER).filled(name=name, limit=limit, length=len(value))
    finding = Finding(element, told.code, told.text, told.text_zh, value=value, attribute=attribute)
    return finding.hinting(mend(rule, value, limit), told.hint, told.hint_zh)


def unknown_code(element: Element, value: str, allowed: str) -> Finding:
    """A code that its type allows and that the message set gives no meaning. `allowed` is as `1 | 2 | 3`."""
    name = local(element.tag)
    text, zh = f"{name} has a code that means nothing", f"{name} 的代码无效"
    finding = Finding(element, "code-unknown", text, zh, value=value, allowed=allowed)
    return finding.hinting(nearest(value, allowed.split(" | ")), f"write one of {allowed}", f"请填写 {allowed} 之一")


def _alternatives(names: Sequence[str]) -> str | None:
    return " | ".join(dict.fromkeys(names)) or None
