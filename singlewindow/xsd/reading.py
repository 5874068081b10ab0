"""Reading a declaration out of its message: key, issuers, joins, facts and the hash of its content.

What a root needs is compiled once into a UnitReader; each declaration is walked once (`outline`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lxml import etree

from singlewindow.messages.judgement import JoinValue, Problem, Unit
from singlewindow.messages.manifest import Choice, Join, MessageSet, Root
from singlewindow.xsd.outline import SIGNATURE, Branch, Find, branches_at, outline, text_at, texts_at
from singlewindow.xsd.parser import Element
from singlewindow.xsd.paths import qualify

ReadJoin = Callable[[Branch], list[JoinValue]]
ReadList = Callable[[Branch], list[dict[str, str]]]


@dataclass(frozen=True, slots=True)
class Misused:
    """A code that the schema takes and the message set gives no meaning: where it stands and what is allowed."""

    path: str
    value: str
    allowed: str


def _look_away(_: Branch) -> None:
    """Who looks at outlines where nobody wants to."""


class UnitReader:
    """Reads the declarations of one root. Immutable after construction and shared by all messages."""

    def __init__(self, message_set: MessageSet, root: Root) -> None:
        namespace = message_set.element_namespace
        self._root, self._prefix = root, message_set.prefix
        self._key = [(name, text_at(path, namespace)) for name, path in root.key.items()]
        self._issuers = [[text_at(path, namespace) for path in group.split("|")] for group in root.issuer]
        self._search = [(name, texts_at(path, namespace)) for name, path in root.search.items()]
        self._choices = [(choice, text_at(choice.path, namespace)) for choice in (root.action, root.intent) if choice]
        self._action, self._intent = _meaning(root.action, namespace), _meaning(root.intent, namespace)
        self._joins = [join_reader(join, namespace) for join in root.joins]
        self._facts = _fact_finders(root, namespace)
        self._lists = [(name, _list_reader(fields, namespace)) for name, fields in root.lists.items()]
        self._conditions = _compile_conditions(root, {message_set.prefix: message_set.namespace})
        self._volatile = frozenset(
            [SIGNATURE, *(qualify(name, namespace) for name in message_set.kinds[root.kind].volatile)]
        )

    def read(self, element: Element, ordinal: int, look: Callable[[Branch], None] = _look_away) -> Unit:
        """One declaration that its schema took; its outline is shown to `look`, too, so that it is walked once."""
        branch, content_sha256 = outline(element, self._volatile)
        look(branch)
        return Unit(
            ordinal,
            self._root.kind,
            {name: find(branch) for name, find in self._key},
            self._root.company_keys,
            tuple(code for group in self._issuers if (code := _first(group, branch))),
            self._action(branch) or "new",
            self._intent(branch) or "declare",
            {name: tuple(values) for name, find in self._search if (values := find(branch))},
            tuple(value for read in self._joins for value in read(branch)),
            self._read_facts(branch, element),
            content_sha256,
            self._warnings(branch, ordinal),
        )

    def read_key(self, element: Element) -> dict[str, str]:
        """As much of the key as an invalid declaration has."""
        branch, _ = outline(element)
        return {name: value for name, find in self._key if (value := find(branch))}

    def misused(self, unit: Unit) -> list[Misused]:
        """The codes for action and intent, of a declaration read here, that mean nothing."""
        read = ((self._root.action, unit.action), (self._root.intent, unit.intent))
        return [
            Misused(choice.path, value, " | ".join(f"{code} ({what})" for code, what in choice.values.items()))
            for choice, value in read
            if choice is not None and value not in choice.values.values()
        ]

    def _read_facts(self, branch: Branch, element: Element) -> dict[str, Any]:
        facts: dict[str, Any] = {name: value for name, find in self._facts if (value := find(branch))}
        for name, read in self._lists:
            facts[name] = read(branch)
        for name, test in self._conditions:
            facts[name] = bool(test(element))
        return facts

    def _warnings(self, branch: Branch, ordinal: int) -> tuple[Problem, ...]:
        """The receipt names the effective value where an empty element took its default."""
        return tuple(
            Problem(
                f"{self._prefix}.effective-{_dashed(name)}",
                f"an empty {name} means {choice.default} ({choice.meaning(None)})",
                severity="warning",
                message_zh=f"{name} 为空,按 {choice.default} 处理",
                ordinal=ordinal,
                element=name,
            )
            for choice, find in self._choices
            if choice.default is not None and not find(branch)
            for name in [choice.path.rpartition("/")[2]]
        )


def _dashed(name: str) -> str:
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name)


def _first(group: list[Find], branch: Branch) -> str:
    return next((code for find in group if (code := find(branch))), "")


def _meaning(choice: Choice | None, namespace: str) -> Find:
    if choice is None:
        return lambda _: ""
    find, meaning = text_at(choice.path, namespace), choice.meaning
    return lambda branch: meaning(find(branch))


def _fact_finders(root: Root, namespace: str) -> list[tuple[str, Find]]:
    paths = dict(root.facts)
    if root.reference:
        paths["reference"] = root.reference
    if root.numbering:
        paths |= {"msgCount": root.numbering.count, "msgSeqNo": root.numbering.sequence}
    return [(name, text_at(path, namespace)) for name, path in paths.items()]


def _compile_conditions(root: Root, namespaces: dict[str, str]) -> list[tuple[str, etree.XPath]]:
    return [(name, etree.XPath(f"boolean({text})", namespaces=namespaces)) for name, text in root.conditions.items()]


def join_reader(join: Join, namespace: str) -> ReadJoin:
    """A function that reads the values of a join; one with an empty part is left out."""
    lines = branches_at(join.each or ".", namespace)
    finders = [(path.startswith("../"), text_at(path.removeprefix("../"), namespace)) for path in join.paths]

    def read(branch: Branch) -> list[JoinValue]:
        rows = (tuple(find(branch if upwards else line) for upwards, find in finders) for line in lines(branch))
        return [JoinValue(join.name, values, join.company) for values in dict.fromkeys(rows) if all(values)]

    return read


def _list_reader(fields: dict[str, str], namespace: str) -> ReadList:
    entries = branches_at(fields["path"], namespace)
    finders = [(name, text_at(path, namespace)) for name, path in fields.items() if name != "path"]

    def read(branch: Branch) -> list[dict[str, str]]:
        return [{name: value for name, find in finders if (value := find(entry))} for entry in entries(branch)]

    return read
