"""What an authority says of one declaration, read out of its response."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone

from singlewindow.messages.instants import write_instant
from singlewindow.messages.judgement import Detail, Problem, ResponseUnit
from singlewindow.messages.lifecycle import STATES
from singlewindow.messages.manifest import MessageSet, Root
from singlewindow.xsd.authority_codes import AuthorityCodes
from singlewindow.xsd.outline import Branch, Find, branches_at, outline, text_at
from singlewindow.xsd.parser import Element
from singlewindow.xsd.reading import join_reader


class ResponseReader:
    """Reads the responses of one root: what its manifest says is compiled once. Immutable after construction."""

    def __init__(self, message_set: MessageSet, root: Root, codes: AuthorityCodes) -> None:
        self._set, self._root, self._codes = message_set, root, codes
        self._namespace = message_set.element_namespace
        self._code, self._text, self._time = map(self._find, (root.status, root.status_text, root.status_time))
        self._key = [(name, self._find(path)) for name, path in root.key.items()]
        self._numbers = [(name, self._find(path)) for name, path in root.numbers.items()]
        self._joins = [join_reader(join, self._namespace) for join in root.joins]
        self._references = self._entries(root.lists.get("references", {}))
        self._errors = self._entries(root.errors)

    def _find(self, path: str | None) -> Find:
        """What reads a text; a path of `=text` is that text."""
        if not path or path.startswith("="):
            constant = (path or "")[1:]
            return lambda _: constant
        return text_at(path, self._namespace)

    def _entries(self, fields: Mapping[str, str]) -> Callable[[Branch], Iterator[dict[str, str]]]:
        """What reads repeated elements with their fields, empty ones left out."""
        if not fields:
            return lambda _: iter(())
        places = branches_at(fields["path"], self._namespace)
        finders = [(name, text_at(path, self._namespace)) for name, path in fields.items() if name != "path"]
        return lambda unit: (
            {name: value for name, find in finders if (value := find(entry))} for entry in places(unit)
        )

    def read(self, element: Element) -> ResponseUnit:
        """One entry of a response."""
        unit = outline(element)[0]
        code, text = self._code(unit), self._text(unit)
        state = self._root.state or state_of(code, text, self._set)
        details = self._codes.read(code, text)
        errors = tuple(self._problem(found) for found in self._errors(unit))
        if state in {"rejected", "not_released"} and not errors:
            errors = (_problem(self._set, code, text, details),)
        return ResponseUnit(
            self._root.kind,
            code,
            state,
            _time(self._time(unit), self._set),
            text,
            {name: value for name, find in self._key if (value := find(unit))},
            self._read_numbers(unit, state),
            errors,
            tuple(value for read in self._joins for value in read(unit)),
            details,
        )

    def _read_numbers(self, unit: Branch, state: str | None) -> dict[str, str]:
        """The references given; one that is a filler until some state is left out before it."""
        found = {name: find(unit) for name, find in self._numbers}
        found |= {entry["name"]: entry.get("value", "") for entry in self._references(unit) if "name" in entry}
        reached, fillers = STATES[state].rank if state in STATES else 0, self._root.numbers_from
        return {
            name: value
            for name, value in found.items()
            if value and (name not in fillers or reached >= STATES[fillers[name]].rank)
        }

    def _problem(self, found: Mapping[str, str]) -> Problem:
        return Problem(
            f"agency.{self._set.name}.{found.get('code', 'error')}",
            found.get("text", "the authority refuses this"),
            severity=found.get("severity", "error"),
            message_zh=found.get("text_zh"),
            pointer=found.get("pointer"),
            value=found.get("value"),
        )


def state_of(code: str, text: str, message_set: MessageSet) -> str | None:
    """Our state for an authority's code; None where the code or its text says that it changes nothing."""
    if any(mark == code or (not mark.lstrip("-").isdigit() and mark in text) for mark in message_set.recorded_only):
        return None
    if code in message_set.statuses:
        return message_set.statuses[code]
    if code.startswith("-") and code[1:].isdigit():
        return "rejected"
    return code if code in STATES else None


def _problem(message_set: MessageSet, code: str, text: str, details: Sequence[Detail]) -> Problem:
    """What the authority refuses: its own words, and what its code means where that is known."""
    second = next((detail for detail in details if detail.text), None)
    said = second.text if second else text
    told = next((detail for detail in (second, *details) if detail is not None and detail.meaning), None)
    return Problem(
        f"agency.{message_set.name}.{code}.{second.code}" if second else f"agency.{message_set.name}.{code}",
        ": ".join(part for part in (told.meaning if told else None, said) if part) or "the authority refuses this",
        message_zh=said or (told.meaning_zh if told else None),
    )


def _time(text: str, message_set: MessageSet) -> str | None:
    """The authority's own time as ISO 8601 in UTC with microseconds, so that texts compare as times do."""
    try:
        moment = _ceb_time(text, message_set) if message_set.time_format == "ceb" else datetime.fromisoformat(text)
        return write_instant(moment)
    except (ValueError, OverflowError):  # 00010101000000 says that there is none, and is no time in UTC
        return None


def _ceb_time(text: str, message_set: MessageSet) -> datetime:
    """A time written yyyyMMddHHmmssfff, in the authority's zone."""
    zone = timezone(timedelta(hours=message_set.utc_offset_hours))
    return datetime.strptime(f"{text[:14]}{text[14:17]:0<3}000", "%Y%m%d%H%M%S%f").replace(tzinfo=zone)
