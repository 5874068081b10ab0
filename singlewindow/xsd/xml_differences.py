"""Two documents compared element by element."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from difflib import unified_diff

from lxml import etree

from singlewindow.errors import SingleWindowError
from singlewindow.xsd.parser import Element, parse

_ENCODINGS = frozenset({"gbk", "gb18030"})


def list_differences(before: bytes, after: bytes) -> list[str]:
    """Lines that begin with - (gone) or + (new), each a path and its text; none where only spelling differs.

    Prefixes, white space around texts and the order of attributes are spelling. What is no XML is compared as text.
    """
    lines = unified_diff(list(_flatten(before)), list(_flatten(after)), lineterm="", n=0)
    return [line for line in lines if line[:1] in {"-", "+"} and line[:3] not in {"---", "+++"}]


def _flatten(content: bytes) -> Iterator[str]:
    try:
        yield from _walk(parse(content, encodings=_ENCODINGS), "")
    except SingleWindowError:
        yield from content.decode("utf-8", "replace").splitlines()


def _walk(element: Element, above: str) -> Iterator[str]:
    path = above or f"/{_name(element)}"
    text = (element.text or "").strip()
    yield f"{path} = {text}" if text or not len(element) else path
    for name, value in sorted((_local(str(name)), str(value)) for name, value in element.items()):
        yield f"{path}/@{name} = {value}"
    counted = Counter(_name(child) for child in element)
    seen: Counter[str] = Counter()
    for child in element:
        name = _name(child)
        seen[name] += 1
        yield from _walk(child, f"{path}/{name}" + (f"[{seen[name]}]" if counted[name] > 1 else ""))


def _name(element: Element) -> str:
    return _local(str(element.tag))


def _local(tag: str) -> str:
    return etree.QName(tag).localname
