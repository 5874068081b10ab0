"""The outline of a declaration: its texts by path and the canonical hash of its content, from one walk of the tree."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from singlewindow.xsd.parser import Element
from singlewindow.xsd.paths import clark, qualify

SIGNATURE = "{http://www.w3.org/2000/09/xmldsig#}Signature"

# control characters that XML 1.0 forbids, so that no content can imitate the framing
_SEPARATOR, _OPEN, _CLOSE, _LEAF, _ATTRIBUTE, _TAIL = "\x1f", "\x02", "\x03", "\x04", "\x05", "\x06"


class Branch:
    """An element with children or attributes: the texts of its leaves and its branches, by Clark name.

    A leaf with attributes is among both. `ragged` says that white space was cut from a text in it, however deep.
    """

    __slots__ = ("attributes", "branches", "ragged", "texts")

    def __init__(self) -> None:
        self.texts: dict[str, list[str]] = {}
        self.branches: dict[str, list[Branch]] = {}
        self.attributes: dict[str, str] = {}
        self.ragged = False


Find = Callable[[Branch], str]
FindAll = Callable[[Branch], list[str]]


def outline(element: Element, volatile: frozenset[str] = frozenset()) -> tuple[Branch, bytes]:
    """The texts of an element, stripped, and the SHA-256 of its content.

    The hash covers names, attributes and texts in document order without volatile elements and signatures; white
    space at the ends of a text, prefixes and comments do not change it.
    """
    parts: list[str] = []
    branch = _walk(element, volatile, parts)
    return branch, hashlib.sha256(_SEPARATOR.join(parts).encode()).digest()


def _walk(element: Element, volatile: frozenset[str], parts: list[str]) -> Branch:  # noqa: C901 - see below
    """One loop for all children, leaves within it: a call for each of 70 leaves would cost as much as reading them."""
    branch = Branch()
    texts = branch.texts
    parts.append(_OPEN + element.tag)
    if element.keys():
        branch.attributes = _read_attributes(element, parts)
    own = element.text
    if own and (own := own.strip()):
        parts.append(own)
    for child in element:
        name, written, tail, inner = child.tag, child.text, child.tail, len(child)
        # what is read of a volatile element goes into a list of its own, which nobody hashes
        into = parts if name not in volatile else []
        text = written.strip() if written else ""
        if inner or child.keys():
            below = _walk(child, volatile, into)
            branch.branches.setdefault(name, []).append(below)
            if below.ragged:
                branch.ragged = True
        else:
            into += (_LEAF + name, text)
        if not inner:
            if name in texts:
                texts[name].append(text)
            else:
                texts[name] = [text]
            if written and len(written) != len(text):
                branch.ragged = True
        if tail and not tail.isspace():
            into.append(_TAIL + tail.strip())
    parts.append(_CLOSE)
    return branch


def _read_attributes(element: Element, parts: list[str]) -> dict[str, str]:
    attributes = {str(name): str(value) for name, value in sorted(element.items())}
    for name, value in attributes.items():
        parts.append(f"{_ATTRIBUTE}{name}{_ATTRIBUTE}{value}")
    return attributes


def branches_at(path: str, namespace: str) -> Callable[[Branch], list[Branch]]:
    """A function that gives every branch at a path, in document order; `.` or nothing is the branch itself."""
    steps = _steps(path, namespace)

    def find(branch: Branch) -> list[Branch]:
        found = [branch]
        for step in steps:
            found = [inner for one in found for inner in one.branches.get(step, ())]
        return found

    return find


def text_at(path: str, namespace: str) -> Find:
    """A function that reads the first text at a path, or an attribute (`@name`); empty where nothing is there."""
    parent, _, last = path.rpartition("/")
    steps, name = _steps(parent, namespace), clark(last, namespace)

    def find(branch: Branch) -> str:
        for step in steps:
            inner = branch.branches.get(step)
            if inner is None:
                return ""
            branch = inner[0]
        found = branch.texts.get(name)
        return found[0] if found else ""

    def find_attribute(branch: Branch) -> str:
        for step in steps:
            inner = branch.branches.get(step)
            if inner is None:
                return ""
            branch = inner[0]
        return branch.attributes.get(last[1:], "")

    return find_attribute if last.startswith("@") else find


def texts_at(path: str, namespace: str) -> FindAll:
    """A function that reads every different text at a path, in document order, empty ones left out."""
    parent, _, last = path.rpartition("/")
    find_branches, name = branches_at(parent, namespace), clark(last, namespace)

    def find(branch: Branch) -> list[str]:
        texts = (text for one in find_branches(branch) for text in one.texts.get(name, ()))
        return [text for text in dict.fromkeys(texts) if text]

    return find


def _steps(path: str, namespace: str) -> list[str]:
    return [qualify(step, namespace) for step in path.split("/") if step not in {"", "."}]
