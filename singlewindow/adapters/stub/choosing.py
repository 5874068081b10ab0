"""Which of an agency's codes the stub answers with, and where in a reply it says so."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from singlewindow.adapters.declared.configuration import Agency, Meaning, Reply
from singlewindow.errors import ConfigurationError
from singlewindow.xsd.wsdl_answers import Step

_NAME = re.compile(r"(?:(?P<prefix>[A-Za-z_][\w.-]*):)?(?P<name>[A-Za-z_][\w.-]*|\*)")
_PATTERN = frozenset("*?[")
_FINAL = ("released", "accepted", "registered")


@dataclass(frozen=True, slots=True)
class Codes:
    """The codes of one reply by what they mean, each empty where agency.toml names none."""

    accepted: str
    decided: str
    rejected: str
    retry: str


def choose_codes(agency: Agency, reply: Reply) -> Codes:
    """`accepted` says that a document was taken, `decided` brings the state that is furthest on."""
    meanings: Mapping[str, Meaning] = {**agency.outcomes.codes, **reply.codes}
    states = agency.outcomes.states
    accepting = [code for code, meaning in meanings.items() if meaning == "accepted" and not _PATTERN & set(code)]
    reached = [code for state in _FINAL for code in accepting if states.get(code) == state]
    decided = next(iter([*reached, *(code for code in accepting if code in states), *accepting]), "")
    undecided = next((code for code in accepting if code not in states), decided)
    waits = agency.notifications.mode == "pulled" and agency.notifications.notice is not None
    return Codes(undecided if waits else decided, decided, _first(meanings, "rejected"), _first(meanings, "retry"))


def read_steps(path: str, namespaces: Mapping[str, str]) -> tuple[Step, ...]:
    """A path of element names as steps; `.` is none. Raises ConfigurationError for any other XPath."""
    if path == ".":
        return ()
    found = [_NAME.fullmatch(step) for step in path.split("/")]
    steps = tuple((namespaces.get(one["prefix"] or "", ""), one["name"]) for one in found if one is not None)
    if len(steps) != len(found):
        raise ConfigurationError(f"the stub fills paths of element names alone, and {path!r} is more than that")
    return steps


def _first(meanings: Mapping[str, Meaning], wanted: Meaning) -> str:
    """The first code that means this; a pattern stands for its shortest code."""
    found = next((code for code, meaning in meanings.items() if meaning == wanted), "")
    return re.sub(r"[*?]", "9", found)
