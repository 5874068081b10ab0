"""Reading a declaration out of its message: key, issuers, joins, facts and the canonical content hash.

Everything a root needs is compiled once into a UnitReader; simple paths use Clark names, never XPath.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from lxml import etree

from singlewindow.messages.judgement import JoinValue, Problem, Unit
from singlewindow.messages.manifest import Choice, Join, MessageSet, Root
from singlewindow.xsd.parser import Element

Find = Callable[[Element], str]


def clark(path: str, namespace: str) -> str:
    """A child path with every name in the namespace, as lxml's find takes it."""
    return "/".join(
        step if step in {".", "..", ""} or step.startswith("@") else f"{{{namespace}}}{step}"
        for step in path.split("/")
    )


def text_finder(path: str, namespace: str) -> Find:
    """A function that reads the text at a path below an element, stripped; empty where nothing is there."""
    steps, _, attribute = path.partition("@")
    steps = steps.rstrip("/")
    where = clark(steps, namespace)

    def find(element: Element) -> str:
        found = element if not steps or steps == "." else element.find(where)
        if found is None:
            return ""
        if attribute:
            return (found.get(attribute) or "").strip()
        return "" if len(found) else (found.text or "").strip()

    return find


class UnitReader:
    """Reads the units of one root. Immutable after construction and shared by all messages."""

    def __init__(self, message_set: MessageSet, root: Root) -> None:
        namespace = message_set.namespace
        self._root = root
        self._key = {name: text_finder(path, namespace) for name, path in root.key.items()}
        self._issuers = [[text_finder(path, namespace) for path in group.split("|")] for group in root.issuer]
        self._search = {name: _all_texts(path, namespace) for name, path in root.search.items()}
        self._action = _choice(root.action, namespace)
        self._intent = _choice(root.intent, namespace)
        self._joins = [_join_reader(join, namespace) for join in root.joins]
        self._facts = {name: text_finder(path, namespace) for name, path in root.facts.items()}
        self._lists = {name: _list_reader(fields, namespace) for name, fields in root.lists.items()}
        namespaces = {message_set.prefix: namespace}
        self._conditions = {
            name: etree.XPath(f"boolean({text})", namespaces=namespaces) for name, text in root.conditions.items()
        }
        self._reference = text_finder(root.reference, namespace) if root.reference else None
        self._numbering = (
            {"msgCount": text_finder(root.numbering.count, namespace),
             "msgSeqNo": text_finder(root.numbering.sequence, namespace)}
            if root.numbering
            else {}
        )  # fmt: skip
        kind = message_set.kinds[root.kind]
        self._volatile = frozenset(clark(name, namespace) for name in kind.volatile)

    def read(self, element: Element, ordinal: int) -> Unit:
        """One valid declaration."""
        facts: dict[str, Any] = {name: value for name, find in self._facts.items() if (value := find(element))}
        facts.update({name: read(element) for name, read in self._lists.items()})
        facts.update({name: bool(test(element)) for name, test in self._conditions.items()})
        facts.update({name: find(element) for name, find in self._numbering.items()})
        if self._reference is not None:
            facts["reference"] = self._reference(element)
        return Unit(
            ordinal,
            self._root.kind,
            {name: find(element) for name, find in self._key.items()},
            self._root.company_keys,
            tuple(code for group in self._issuers if (code := _first(group, element))),
            self._action(element) or "new",
            self._intent(element) or "declare",
            {name: values for name, find in self._search.items() if (values := find(element))},
            tuple(value for read in self._joins for value in read(element)),
            facts,
            content_hash(element, self._volatile),
            tuple(self._warnings(element, ordinal)),
        )

    def _warnings(self, element: Element, ordinal: int) -> list[Problem]:
        intent = self._root.intent
        if intent is None or intent.default is None:
            return []
        if text_finder(intent.path, etree.QName(element).namespace or "")(element):
            return []
        meaning = intent.meaning(None)
        return [
            Problem(
                "ceb.effective-app-status",
                f"an empty {intent.path.rpartition('/')[2]} means {intent.default} ({meaning})",
                severity="warning",
                ordinal=ordinal,
            )
        ]


def content_hash(element: Element, volatile: frozenset[str]) -> bytes:
    """SHA-256 of what the declaration says: names, attributes and texts in document order, white space at the ends of
    a text and volatile elements left out. Each value is framed, so that no two contents run into each other."""
    parts: list[str] = []
    _collect(element, volatile, parts)
    return hashlib.sha256("\x1f".join(parts).encode()).digest()


def _collect(element: Element, volatile: frozenset[str], parts: list[str]) -> None:
    parts.append("\x02" + str(element.tag))
    if element.attrib:
        parts.extend(f"\x04{name!s}\x05{value!s}" for name, value in sorted(element.attrib.items()))
    text = element.text
    if text and (text := text.strip()):
        parts.append(text)
    for child in element:
        if child.tag not in volatile:
            _collect(child, volatile, parts)
    parts.append("\x03")


def _first(group: list[Find], element: Element) -> str:
    return next((code for find in group if (code := find(element))), "")


def _choice(choice: Choice | None, namespace: str) -> Callable[[Element], str]:
    if choice is None:
        return lambda _: ""
    find = text_finder(choice.path, namespace)
    return lambda element: choice.meaning(find(element))


def _all_texts(path: str, namespace: str) -> Callable[[Element], tuple[str, ...]]:
    where = clark(path, namespace)

    def read(element: Element) -> tuple[str, ...]:
        texts = ((found.text or "").strip() for found in element.iterfind(where))
        return tuple(dict.fromkeys(text for text in texts if text))

    return read


def _join_reader(join: Join, namespace: str) -> Callable[[Element], list[JoinValue]]:
    finders = [(path.startswith("../"), text_finder(path.removeprefix("../"), namespace)) for path in join.paths]
    where = clark(join.each, namespace) if join.each else None

    def read(element: Element) -> list[JoinValue]:
        found = {
            tuple(find(element if upwards else line) for upwards, find in finders): None
            for line in (element.iterfind(where) if where else (element,))
        }
        return [JoinValue(join.name, values, join.company) for values in found if all(values)]

    return read


def _list_reader(fields: dict[str, str], namespace: str) -> Callable[[Element], list[dict[str, str]]]:
    where = clark(fields["path"], namespace)
    finders = {name: text_finder(path, namespace) for name, path in fields.items() if name != "path"}

    def read(element: Element) -> list[dict[str, str]]:
        return [
            {name: value for name, find in finders.items() if (value := find(entry))}
            for entry in element.iterfind(where)
        ]

    return read
