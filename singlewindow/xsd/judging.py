"""Judging a message: recognise its set, validate the whole, and where that is refused, unit by unit.

libxml2 judges; what it refuses is explained by a bounded second pass (`explaining`).
"""

from __future__ import annotations

import asyncio
from copy import deepcopy

from lxml import etree

from singlewindow.messages.judgement import MAX_ERRORS, Judgement, Problem, Unit
from singlewindow.messages.manifest import MessageSet, Root
from singlewindow.xsd.catalogue import Catalogue, InstalledSet
from singlewindow.xsd.explaining import Explainer, Fault, Place
from singlewindow.xsd.parser import Element, Refused, parse
from singlewindow.xsd.paths import clark, text_finder
from singlewindow.xsd.reading import UnitReader

LOOP_BYTES = 256_000
"""Messages up to this size are judged in the event loop, larger ones in a thread (libxml2 releases the GIL)."""

MAX_EXPLAINED = 20
"""Refused units of one message that are explained in full."""

SIGNATURE = "{http://www.w3.org/2000/09/xmldsig#}Signature"


class Door:
    """Judges messages by the installed sets. One per process; shares nothing between messages but schemas."""

    def __init__(self, catalogue: Catalogue, explainer: Explainer | None = None) -> None:
        self.catalogue = catalogue
        self._explainer = explainer or Explainer(catalogue)

    async def warm(self) -> None:
        """Compile the schemas and start explaining, so that the first message does not pay for it."""
        for installed in self.catalogue.sets.values():
            await asyncio.to_thread(getattr, installed, "schema")
        await self._explainer.warm()

    async def close(self) -> None:
        """Stop explaining."""
        await self._explainer.close()

    async def judge(self, body: bytes, *, message_set: str | None = None) -> Judgement:
        """The verdict on a message, every error with its place. Raises Refused where the body cannot be judged."""
        if len(body) <= LOOP_BYTES:
            verdict = self._judge(body, message_set)
        else:
            verdict = await asyncio.to_thread(self._judge, body, message_set)
        if isinstance(verdict, Judgement):
            return verdict
        return await self._explain(verdict, body)

    def _judge(self, body: bytes, preferred: str | None) -> Judgement | _Refusal:
        root_element = parse(body)
        installed, root = self._recognise(root_element, preferred)
        units = _unit_elements(root_element, root, installed.message_set)
        signed = root_element.find(SIGNATURE) is not None
        if installed.schema.validate(root_element):
            reader = installed.reader(root.name)
            read = tuple(reader.read(unit, ordinal) for ordinal, unit in enumerate(units, 1))
            warnings = tuple(_message_warnings(root_element, installed.message_set))
            return Judgement(installed.message_set.name, root.name, root.direction, read, warnings, signed)
        return _Refusal(installed, root, root_element, units, signed)

    def _recognise(self, element: Element, preferred: str | None) -> tuple[InstalledSet, Root]:
        name = etree.QName(element)
        installed = self.catalogue.by_root(name.namespace or "", name.localname, preferred)
        root = installed.root(name.localname) if installed else None
        if installed is None or root is None:
            known = "; ".join(
                f"{one['name']} ({one['namespace']}): {', '.join(one['roots'])}"  # type: ignore[arg-type]
                for one in self.catalogue.describe()
            )
            shown = f"{{{name.namespace}}}{name.localname}" if name.namespace else name.localname
            raise Refused(
                422, "unknown-root", f"no installed message set knows the root {shown[:120]}; known: {known}", line=1
            )
        return installed, root

    async def _explain(self, refusal: _Refusal, body: bytes) -> Judgement:
        message_set, root = refusal.installed.message_set, refusal.root
        outside, refused = refusal.sort_out()
        reader = refusal.installed.reader(root.name)
        explained = await self._explainer.explain(
            refusal.installed, refusal.root_element, outside, refused[:MAX_EXPLAINED], body
        )
        problems = _by_ordinal(explained.problems)
        message_problems = problems.get(0, ())
        units = []
        for ordinal, element in enumerate(refusal.units, 1):
            if ordinal in {number for number, _ in refused}:
                found = problems.get(ordinal) or (() if message_problems else (_unexplained(ordinal),))
                units.append(_refused_unit(reader, element, ordinal, found))
            else:
                units.append(reader.read(element, ordinal))
        whole = _stands_whole(message_set, refusal.signed, bool(refused))
        return Judgement(
            message_set.name,
            root.name,
            root.direction,
            tuple(units),
            (*message_problems, *whole)[:MAX_ERRORS],
            refusal.signed,
            explained.truncated or len(refused) > MAX_EXPLAINED,
        )


class _Refusal:
    """A message that its schema refuses as a whole, on its way to being explained."""

    def __init__(
        self, installed: InstalledSet, root: Root, root_element: Element, units: list[Element], signed: bool
    ) -> None:
        self.installed, self.root, self.root_element = installed, root, root_element
        self.units, self.signed = units, signed

    def sort_out(self) -> tuple[Element | None, list[tuple[int, Place]]]:
        """Judge every unit by itself: the message with one valid unit (or none) if a fault is outside, and the refused
        units as documents of their own with their ordinals."""
        if self.root.unit == ".":
            return None, [(1, Place(deepcopy(self.root_element), self.root_element))]
        schema = self.installed.schema
        shell, place = _shell(self.root_element, self.units)
        refused: list[tuple[int, Place]] = []
        for ordinal, unit in enumerate(self.units, 1):
            shell.insert(place, deepcopy(unit))
            if not schema.validate(shell):
                document = deepcopy(shell) if len(refused) < MAX_EXPLAINED else shell
                refused.append((ordinal, Place(document, self.root_element, unit)))
            del shell[place]
        return (None if refused else self.root_element), refused


def _shell(root: Element, units: list[Element]) -> tuple[Element, int]:
    """A copy of the message without its units, and the place where one unit is to be put."""
    shell = deepcopy(root)
    unit_tag = units[0].tag if units else None
    place = next((index for index, child in enumerate(root) if child.tag == unit_tag), 0)
    for child in [child for child in shell if child.tag == unit_tag]:
        shell.remove(child)
    return shell, place


def _unit_elements(element: Element, root: Root, message_set: MessageSet) -> list[Element]:
    if root.unit == ".":
        return [element]
    return element.findall(clark(root.unit, message_set.namespace))


def _message_warnings(element: Element, message_set: MessageSet) -> list[Problem]:
    if message_set.subscribers and element.find(clark(message_set.subscribers, message_set.namespace)) is not None:
        text = "subscribers are recorded; they are not served"
        return [Problem("ceb.subscribers-not-served", text, severity="warning")]
    return []


def transfer_code(element: Element, message_set: MessageSet) -> str:
    """The company that the message says transfers it."""
    path = message_set.transfer_code
    return text_finder(path, message_set.namespace)(element) if path else ""


def _stands_whole(message_set: MessageSet, signed: bool, refused: bool) -> tuple[Problem, ...]:
    if not refused or not (signed or message_set.on_error == "message"):
        return ()
    why = "its signature covers the whole" if signed else "its message set wants it whole"
    return (Problem("message-stands-whole", f"an invalid declaration refuses the whole message: {why}"),)


def _refused_unit(reader: UnitReader, element: Element, ordinal: int, problems: tuple[Problem, ...]) -> Unit:
    read = reader.read(element, ordinal)
    return Unit(ordinal, read.kind, {k: v for k, v in read.key.items() if v}, problems=problems)


def _unexplained(ordinal: int) -> Problem:
    text = "this declaration is not valid; correct the ones explained above and file again for its own errors"
    return Problem("schema-invalid", text, ordinal=ordinal)


def _by_ordinal(faults: list[Fault]) -> dict[int, tuple[Problem, ...]]:
    sorted_: dict[int, tuple[Problem, ...]] = {}
    for fault in faults[:MAX_ERRORS]:
        sorted_[fault.ordinal] = (*sorted_.get(fault.ordinal, ()), fault.problem)
    return sorted_
