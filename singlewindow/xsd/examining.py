"""Examining a message: recognise its set, let libxml2 judge the whole, read its declarations, apply the rules.

Where several editions know a root, the first that takes the message judges it. An envelope is opened and what it
carries is examined.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lxml import etree

from singlewindow.messages.judgement import Judgement, Problem, Unit
from singlewindow.messages.manifest import MessageSet, Root
from singlewindow.xsd.catalogue import Catalogue, InstalledSet
from singlewindow.xsd.envelopes import address, is_envelope, open_envelope
from singlewindow.xsd.outline import SIGNATURE
from singlewindow.xsd.parser import Element, Refused, count_elements, declared_encoding, parse, to_utf8
from singlewindow.xsd.paths import find_all_below, find_below, text_below
from singlewindow.xsd.places import Places
from singlewindow.xsd.rule_findings import RuleFindings
from singlewindow.xsd.rules.questions import Screening
from singlewindow.xsd.validity import is_valid

_INSTANCE = b"http://www.w3.org/2001/XMLSchema-instance"
_has_xsi_type = etree.XPath("boolean(//@xsi:type)", namespaces={"xsi": _INSTANCE.decode()})


@dataclass(frozen=True, slots=True)
class Recognised:
    """A parsed message whose set is known: its root's manifest entry and its declarations in document order.

    `body` are its bytes, in UTF-8 where they came in a further encoding of the set.
    """

    installed: InstalledSet
    root: Root
    element: Element
    units: list[Element]
    body: bytes

    @property
    def message_set(self) -> MessageSet:
        """The set as data."""
        return self.installed.message_set

    @property
    def schema(self) -> etree.XMLSchema:
        """What libxml2 judges its root by."""
        return self.installed.schema_for(self.root.name)

    @property
    def signed(self) -> bool:
        """True when the message carries a signature, which covers the whole."""
        return next(self.element.iterchildren(SIGNATURE), None) is not None

    def places(self) -> Places:
        """What tells where in the bytes an element stands."""
        personal = frozenset(self.message_set.personal)
        return Places(self.element, self.body, repeatable=self.installed.repeatable, personal=personal)

    def broken_rules(self, screening: Screening | None = None) -> RuleFindings:
        """What the rules of the set find, by declaration; asked of everything where there was no screening."""
        found = screening.ask(self.element) if screening else self.installed.rules.check(self.element)
        return RuleFindings(found, self.units)

    def judgement(
        self, units: tuple[Unit, ...], problems: tuple[Problem, ...], *, truncated: bool = False
    ) -> Judgement:
        """The verdict with these declarations and these problems outside them."""
        return Judgement(
            self.message_set.name,
            self.root.name,
            self.root.direction,
            units,
            problems,
            self.signed,
            truncated,
            self._text(self.message_set.transfer_code),
            self._text(self.message_set.sender_code),
        )

    def _text(self, path: str | None) -> str:
        return text_below(self.element, path, self.message_set.element_namespace) if path else ""

    def message_warnings(self) -> Iterator[Problem]:
        """What the sender should know although nothing is wrong."""
        path, namespace = self.message_set.subscribers, self.message_set.element_namespace
        if path and find_below(self.element, path, namespace) is not None:
            text = "subscribers are recorded; they are not served"
            code = f"{self.message_set.prefix}.subscribers-not-served"
            yield Problem(code, text, severity="warning", message_zh="订阅方已记录,暂不转发回执", element=path)


def recognise(catalogue: Catalogue, body: bytes, editions: Sequence[str] = ()) -> list[Recognised]:
    """Parse a message and find the sets that know its root, in the order in which they are to judge it.

    Raises Refused, listing the roots that are installed where none knows it.
    """
    element = parse(body, max_elements=catalogue.max_elements, encodings=catalogue.encodings)
    name = etree.QName(element)
    known = catalogue.knowing(name.localname, editions, namespace=name.namespace or "")
    if not known:
        raise _unknown_root(catalogue, name)
    _refuse_substituted_types(element, body)
    readable = to_utf8(body, catalogue.encodings)
    return [_recognise_as(installed, element, body, readable, catalogue.max_elements) for installed in known]


def _recognise_as(installed: InstalledSet, element: Element, body: bytes, readable: bytes, counted: int) -> Recognised:
    message_set = installed.message_set
    root = message_set.roots[etree.QName(element).localname]
    _check_limits(message_set, body, counted=counted)
    if readable is not body and declared_encoding(body) not in message_set.encodings:
        raise Refused(415, "unsupported-encoding", f"{message_set.name} takes UTF-8, or UTF-16 with byte order mark")
    return Recognised(installed, root, element, _find_units(element, root, message_set), readable)


def examine(catalogue: Catalogue, body: bytes, editions: Sequence[str] = ()) -> Judgement | None:
    """The verdict of the first edition that takes a message, or None where it must be explained. Raises Refused."""
    for message in recognise(catalogue, body, editions):
        accepted = accept(catalogue, message, editions)
        if accepted is not None:
            return accepted
    return None


def accept(catalogue: Catalogue, message: Recognised, editions: Sequence[str] = ()) -> Judgement | None:
    """The verdict on a recognised message that its schema and its rules take, or None."""
    if not is_valid(message.schema, message.element):
        return None
    if is_envelope(message.root):
        envelope = open_envelope(message.element, message.root, message.message_set)
        carried = examine(catalogue, envelope.content, editions)
        return None if carried is None else address(carried, envelope)
    reader, screening = message.installed.reader(message.root.name), message.installed.screening(message.root.name)
    units = tuple(reader.read(unit, ordinal, screening.look) for ordinal, unit in enumerate(message.units, 1))
    broken = message.broken_rules(screening)
    if broken.refuse or any(reader.misused(unit) for unit in units):
        return None
    warned, outside = broken.warn(units, message.places) if broken else (units, ())
    return message.judgement(warned, (*outside, *message.message_warnings()))


def _find_units(element: Element, root: Root, message_set: MessageSet) -> list[Element]:
    return [element] if root.unit == "." else find_all_below(element, root.unit, message_set.element_namespace)


def _check_limits(message_set: MessageSet, body: bytes, *, counted: int) -> None:
    """The set's own limits; that there are no more than `counted` elements is known already."""
    if len(body) > message_set.max_bytes:
        limit = message_set.max_bytes
        raise Refused(413, "too-large", f"{message_set.name} takes at most {limit:,} bytes; send several messages")
    if message_set.max_elements < counted and count_elements(body) > message_set.max_elements:
        limit = message_set.max_elements
        raise Refused(
            413, "too-many-elements", f"{message_set.name} takes at most {limit:,} elements; send several messages"
        )


def _refuse_substituted_types(element: Element, body: bytes) -> None:
    """An xsi:type would let the sender choose by which type a value is judged."""
    is_wide = body.startswith((b"\xff\xfe", b"\xfe\xff"))  # the search for bytes would miss UTF-16
    if (is_wide or _INSTANCE in body) and _has_xsi_type(element):
        raise Refused(422, "xsi-type-forbidden", "xsi:type may not be used; remove it")


def _unknown_root(catalogue: Catalogue, name: etree.QName) -> Refused:
    known = "; ".join(
        f"{message_set.name} ({message_set.namespace}): {', '.join(message_set.roots)}"
        for message_set in catalogue.manifests.values()
    )
    shown = f"{{{name.namespace}}}{name.localname}" if name.namespace else name.localname
    detail = f"no installed message set knows the root {shown[:120]}; installed: {known}"
    return Refused(422, "unknown-root", detail, line=1)
