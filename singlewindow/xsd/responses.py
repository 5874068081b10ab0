"""Reading what authorities say: leniently, since real responses break their own schemas, and never dropping one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta, timezone

from lxml import etree

from singlewindow.errors import AgencyError
from singlewindow.messages.judgement import Detail, Problem, ResponseUnit
from singlewindow.messages.lifecycle import STATES
from singlewindow.messages.manifest import MessageSet, Root
from singlewindow.xsd.catalogue import Catalogue, InstalledSet
from singlewindow.xsd.outline import Branch, branches_at, outline, text_at
from singlewindow.xsd.parser import Element, Refused, parse
from singlewindow.xsd.paths import clark
from singlewindow.xsd.reading import join_reader


def read_response(catalogue: Catalogue, document: bytes, message_set: str | None = None) -> tuple[ResponseUnit, ...]:
    """What a response document says, one entry per declaration it speaks of.

    Raises AgencyError (temporary, outcome unknown) for a document that no installed set can read.
    """
    try:
        element = parse(document, encodings=catalogue.encodings)
    except Refused as error:
        raise _unreadable(error.detail) from error
    name = etree.QName(element)
    installed = catalogue.by_root(name.namespace or "", name.localname, message_set)
    root = installed.root(name.localname) if installed else None
    if installed is None or root is None or root.direction != "response":
        raise _unreadable(f"{name.localname} is not a response of an installed message set")
    return tuple(_read_unit(unit, installed, root) for unit in _units(element, root, installed.message_set))


def _unreadable(detail: str) -> AgencyError:
    return AgencyError(f"the agency's document cannot be read: {detail}", temporary=True, outcome_unknown=True)


def _units(element: Element, root: Root, message_set: MessageSet) -> Iterable[Element]:
    return [element] if root.unit == "." else element.findall(clark(root.unit, message_set.element_namespace))


def _read_unit(element: Element, installed: InstalledSet, root: Root) -> ResponseUnit:
    message_set = installed.message_set
    unit, namespace = outline(element)[0], message_set.element_namespace
    code, text = _text(unit, root.status, namespace), _text(unit, root.status_text, namespace)
    state = root.state or state_of(code, text, message_set)
    details = installed.authority_codes.read(code, text)
    errors = tuple(_errors(unit, message_set, root))
    if state in {"rejected", "not_released"} and not errors:
        errors = (_problem(message_set, code, text, details),)
    return ResponseUnit(
        root.kind,
        code,
        state,
        _time(_text(unit, root.status_time, namespace), message_set),
        text,
        {name: value for name, path in root.key.items() if (value := _text(unit, path, namespace))},
        _numbers(unit, namespace, root, state),
        errors,
        tuple(value for join in root.joins for value in join_reader(join, namespace)(unit)),
        details,
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


def _numbers(unit: Branch, namespace: str, root: Root, state: str | None) -> dict[str, str]:
    """The references given; one that is a filler until some state is left out before it."""
    found = {name: _text(unit, path, namespace) for name, path in root.numbers.items()}
    found.update(_named_numbers(unit, namespace, root))
    reached = STATES[state].rank if state in STATES else 0
    return {
        name: value
        for name, value in found.items()
        if value and (name not in root.numbers_from or reached >= STATES[root.numbers_from[name]].rank)
    }


def _named_numbers(unit: Branch, namespace: str, root: Root) -> dict[str, str]:
    """References given as repeated name and value, where the root's list `references` says so."""
    fields = root.lists.get("references")
    if not fields:
        return {}
    name, value = (text_at(fields[field], namespace) for field in ("name", "value"))
    return {name(entry): value(entry) for entry in branches_at(fields["path"], namespace)(unit)}


def _errors(unit: Branch, message_set: MessageSet, root: Root) -> Iterator[Problem]:
    if not root.errors:
        return
    namespace = message_set.element_namespace
    finders = {name: text_at(path, namespace) for name, path in root.errors.items() if name != "path"}
    for entry in branches_at(root.errors["path"], namespace)(unit):
        found = {name: value for name, find in finders.items() if (value := find(entry))}
        yield Problem(
            f"agency.{message_set.name}.{found.get('code', 'error')}",
            found.get("text", "the authority refuses this"),
            severity=found.get("severity", "error"),
            message_zh=found.get("text_zh"),
            pointer=found.get("pointer"),
            value=found.get("value"),
        )


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


def _text(unit: Branch, path: str | None, namespace: str) -> str:
    if path is None:
        return ""
    return path[1:] if path.startswith("=") else text_at(path, namespace)(unit)


def _time(text: str, message_set: MessageSet) -> str | None:
    """The authority's own time as ISO 8601 in UTC with microseconds, so that texts compare as times do."""
    try:
        moment = _ceb_time(text, message_set) if message_set.time_format == "ceb" else datetime.fromisoformat(text)
    except ValueError:
        return None
    zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return zoned.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _ceb_time(text: str, message_set: MessageSet) -> datetime:
    """A time written yyyyMMddHHmmssfff, in the authority's zone."""
    zone = timezone(timedelta(hours=message_set.utc_offset_hours))
    return datetime.strptime(f"{text[:14]}{text[14:17]:0<3}000", "%Y%m%d%H%M%S%f").replace(tzinfo=zone)
