"""What a message set says of itself, as plain data: its roots, elements, rules with their cases, lists and samples.

Two depths: `SetReference` needs no schema and is read in milliseconds; a `RootReference` needs a schema as xmlschema
reads it, which takes up to two seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from singlewindow.messages.manifest import MessageSet, Root
from singlewindow.messages.rule import Rule
from singlewindow.xsd.rules.cases import Case
from singlewindow.xsd.rules.code_lists import Code, CodeList

__all__ = [
    "Case", "Code", "CodeList", "ElementReference", "ListReference", "Meaning", "RootReference", "RuleReference",
    "SampleReference", "SetReference",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Meaning:
    """A text in English and, where there is one, in Chinese."""

    en: str = ""
    zh: str = ""


@dataclass(frozen=True, slots=True)
class ElementReference:
    """One element, attribute (`@guid`) or wildcard (`*`) of a root, in the document's order.

    `path` starts at the root's name and is that of a pointer without ordinals; the root itself has `depth` 0.
    `occurs` is `1`, `0..1`, `0..n` …; `alternative` marks one of several that exclude each other. `type` says in words
    what the text may be, None where there is only content; `values` are the few it may be, with their meanings.
    `recursive` marks an element whose content is that of one around it and is not told again.
    """

    path: str
    name: str
    depth: int
    occurs: str
    type: str | None = None
    type_name: str | None = None
    values: Mapping[str, Meaning] = field(default_factory=dict)
    default: str | None = None
    fixed: str | None = None
    meaning: Meaning = field(default_factory=Meaning)
    alternative: bool = False
    recursive: bool = False
    rules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RootReference:
    """A root with all its elements, the root first. `complete` is false where there were too many to tell."""

    root: Root
    elements: tuple[ElementReference, ...]
    complete: bool = True


@dataclass(frozen=True, slots=True)
class RuleReference:
    """A rule with its cases. `places` are the paths of the elements it is said of, `lists` the code lists it asks.

    `origin` names the set whose folder holds it, `file` is the path there; its cases' samples lie in `origin` of each.
    """

    rule: Rule
    origin: str
    file: str
    places: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    cases: tuple[tuple[str, Case], ...] = ()


@dataclass(frozen=True, slots=True)
class ListReference:
    """A code list, and the ids of the rules that ask it."""

    codes: CodeList
    rules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SampleReference:
    """A sample by its path in the set's folder. `verdict` is `valid`, `invalid` or None where nothing is said."""

    path: str
    root: str
    verdict: str | None


@dataclass(frozen=True, slots=True)
class SetReference:
    """One set, without the elements of its roots."""

    message_set: MessageSet
    rules: tuple[RuleReference, ...]
    lists: tuple[ListReference, ...]
    samples: tuple[SampleReference, ...]

    @property
    def errors(self) -> int:
        """How many rules refuse a document; the others warn."""
        return sum(one.rule.severity == "error" for one in self.rules)

    def find_list(self, name: str) -> ListReference | None:
        """The list of this name."""
        return next((one for one in self.lists if one.codes.name == name), None)

    def samples_of(self, root: str) -> list[SampleReference]:
        """The samples of a root."""
        return [one for one in self.samples if one.root == root]
