"""Examining a message: recognise its set, let libxml2 judge the whole, read its declarations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from singlewindow.messages.judgement import Judgement, Problem, Unit
from singlewindow.messages.manifest import MessageSet, Root
from singlewindow.xsd.catalogue import Catalogue, InstalledSet
from singlewindow.xsd.outline import SIGNATURE
from singlewindow.xsd.parser import Element, Refused, count_elements, parse
from singlewindow.xsd.paths import clark

_INSTANCE = b"http://www.w3.org/2001/XMLSchema-instance"
_has_xsi_type = etree.XPath("boolean(//@xsi:type)", namespaces={"xsi": _INSTANCE.decode()})


@dataclass(frozen=True, slots=True)
class Recognised:
    """A parsed message whose set is known: its root's manifest entry and its declarations in document order."""

    installed: InstalledSet
    root: Root
    element: Element
    units: list[Element]

    @property
    def message_set(self) -> MessageSet:
        """The set as data."""
        return self.installed.message_set

    @property
    def signed(self) -> bool:
        """True when the message carries a signature, which covers the whole."""
        return self.element.find(SIGNATURE) is not None

    def judgement(
        self, units: tuple[Unit, ...], problems: tuple[Problem, ...], *, truncated: bool = False
    ) -> Judgement:
        """The verdict with these declarations and these problems outside them."""
        name, root = self.message_set.name, self.root
        return Judgement(
            name, root.name, root.direction, units, problems, self.signed, truncated, self._transfer_code()
        )

    def _transfer_code(self) -> str:
        path, namespace = self.installed.message_set.transfer_code, self.installed.message_set.namespace
        return (self.element.findtext(clark(path, namespace)) or "").strip() if path else ""

    def message_warnings(self) -> Iterator[Problem]:
        """What the sender should know although nothing is wrong."""
        path, namespace = self.message_set.subscribers, self.message_set.namespace
        if path and self.element.find(clark(path, namespace)) is not None:
            text = "subscribers are recorded; they are not served"
            code = f"{self.message_set.prefix}.subscribers-not-served"
            yield Problem(code, text, severity="warning", message_zh="订阅方已记录,暂不转发回执", element=path)


def recognise(catalogue: Catalogue, body: bytes, preferred: str | None = None) -> Recognised:
    """Parse a message and find its set by the root element. Raises Refused, listing the roots that are installed."""
    element = parse(body, max_elements=catalogue.max_elements)
    name = etree.QName(element)
    installed = catalogue.by_root(name.namespace or "", name.localname, preferred)
    root = installed.root(name.localname) if installed else None
    if installed is None or root is None:
        raise _unknown_root(catalogue, name)
    _check_limits(installed.message_set, body, counted=catalogue.max_elements)
    _refuse_substituted_types(element, body)
    return Recognised(installed, root, element, _find_units(element, root, installed.message_set))


def examine(catalogue: Catalogue, body: bytes, preferred: str | None = None) -> Judgement | None:
    """The verdict on a message that its schema takes, or None where it must be explained. Raises Refused."""
    return accept(recognise(catalogue, body, preferred))


def accept(message: Recognised) -> Judgement | None:
    """The verdict on a recognised message that its schema takes, or None."""
    if not is_valid(message.installed.schema, message.element):
        return None
    reader = message.installed.reader(message.root.name)
    units = tuple(reader.read(unit, ordinal) for ordinal, unit in enumerate(message.units, 1))
    if any(reader.misused(unit) for unit in units):
        return None
    return message.judgement(units, tuple(message.message_warnings()))


def is_valid(schema: etree.XMLSchema, document: Element) -> bool:
    """libxml2's yes or no. Its own failure (a pattern that explodes) is a no."""
    try:
        return schema.validate(document)
    except etree.XMLSchemaValidateError:
        return False


def _find_units(element: Element, root: Root, message_set: MessageSet) -> list[Element]:
    return [element] if root.unit == "." else element.findall(clark(root.unit, message_set.namespace))


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
