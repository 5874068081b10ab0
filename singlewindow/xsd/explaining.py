"""Explaining refused declarations: in a judge child, within a budget, else by libxml2's own errors.

Lines and columns come from one expat pass over bytes that libxml2 found well-formed and free of DTDs.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, cast
from xml.parsers import expat

import structlog
from lxml import etree

from singlewindow.messages.judgement import MAX_ERRORS, Problem
from singlewindow.xsd.catalogue import Catalogue, InstalledSet
from singlewindow.xsd.parser import Element

BUDGET_SECONDS = 5.0
"""Wall time one message's explanation may take before the child is killed."""

LARGEST_EXPLAINED_BYTES = 2_000_000
BUILD_SECONDS = 60.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Place:
    """A document to explain and where it came from: `original` is the message's root; `unit` the declaration in it.

    The document holds the root, the message's other children and this one unit, or is the whole message.
    """

    document: Element
    original: Element
    unit: Element | None = None

    def origins(self) -> list[Element]:
        """For each element of the document, in document order, the element of the message it was copied from."""
        if self.unit is None:
            return list(self.original.iter())
        units = {child for child in self.original if child.tag == self.unit.tag}
        kept = [child for child in self.original if child not in units or child is self.unit]
        return [self.original, *(element for child in kept for element in child.iter())]

    def owns(self, element: Element) -> bool:
        """True when an element of the message lies in this unit."""
        return self.unit is None or element is self.unit or self.unit in element.iterancestors()


@dataclass(frozen=True, slots=True)
class Fault:
    """A problem and the declaration it belongs to; ordinal 0 is the message outside every declaration."""

    ordinal: int
    problem: Problem


@dataclass(slots=True)
class Explanation:
    """All that was found; `truncated` when the budget or the limit ended it."""

    problems: list[Fault] = field(default_factory=list)
    truncated: bool = False


class Explainer:
    """Keeps one judge child alive and speaks with it, one message at a time."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._child: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()

    async def warm(self) -> None:
        """Start the child and let it build every schema, so that no trader waits for that."""
        for installed in self._catalogue.sets.values():
            with suppress(OSError, EOFError, TimeoutError):
                await self._ask(installed, [], BUILD_SECONDS)

    async def close(self) -> None:
        """End the child."""
        child, self._child = self._child, None
        if child is not None:
            with suppress(ProcessLookupError):
                child.kill()
            await child.wait()

    async def explain(
        self,
        installed: InstalledSet,
        root: Element,
        outside: Element | None,
        refused: Sequence[tuple[int, Place]],
        body: bytes,
    ) -> Explanation:
        """Every error of these refused units, and of the message itself where `outside` is given."""
        places = list(refused) or ([(0, Place(outside, root))] if outside is not None else [])
        positions = await asyncio.to_thread(locate, body)
        order = {element: index for index, element in enumerate(root.iter())}
        pointer = Pointer(installed, positions, order)
        findings, truncated = await self._findings(installed, places)
        explanation = Explanation(truncated=truncated)
        seen: set[tuple[Any, ...]] = set()
        for (ordinal, place), found in zip(places, findings, strict=False):
            for fault in _faults(ordinal, place, found or _by_libxml2(installed, place), pointer):
                key = (fault.problem.pointer, fault.problem.code, fault.problem.line, fault.problem.column)
                if key not in seen:
                    seen.add(key)
                    explanation.problems.append(fault)
        explanation.truncated |= len(explanation.problems) >= MAX_ERRORS
        return explanation

    async def _findings(
        self, installed: InstalledSet, places: Sequence[tuple[int, Place]]
    ) -> tuple[list[list[dict[str, Any]]], bool]:
        documents = [etree.tostring(place.document) for _, place in places]
        nothing: list[list[dict[str, Any]]] = [[] for _ in places]
        if sum(map(len, documents)) > LARGEST_EXPLAINED_BYTES:
            return nothing, True
        try:
            findings = await self._ask(installed, documents, BUDGET_SECONDS)
        except (OSError, EOFError, TimeoutError, ValueError) as error:
            log.warning("explaining.over_budget", error=type(error).__name__)
            return nothing, True
        return [*findings, *nothing[len(findings) :]], len(findings) < len(places)

    async def _ask(
        self, installed: InstalledSet, documents: list[bytes], budget_seconds: float
    ) -> list[list[dict[str, Any]]]:
        schema = str(installed.message_set.folder / installed.message_set.schema)
        request = {"schema": schema, "documents": [base64.b64encode(document).decode() for document in documents]}
        async with self._turn:
            try:
                async with asyncio.timeout(budget_seconds):
                    findings: list[list[dict[str, Any]]] = (await self._converse(json.dumps(request).encode()))[
                        "findings"
                    ]
                    return findings
            except BaseException:
                await self.close()
                raise

    async def _converse(self, request: bytes) -> dict[str, Any]:
        if self._child is None or self._child.returncode is not None:
            self._child = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "singlewindow.xsd.judge_child",
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
                start_new_session=True,
            )  # fmt: skip
        child = self._child
        if child.stdin is None or child.stdout is None:
            raise EOFError
        child.stdin.write(len(request).to_bytes(8, "big") + request)
        await child.stdin.drain()
        header = await child.stdout.readexactly(8)
        answer: dict[str, Any] = json.loads(await child.stdout.readexactly(int.from_bytes(header, "big")))
        return answer


def _faults(ordinal: int, place: Place, found: list[dict[str, Any]], pointer: Pointer) -> list[Fault]:
    origins = place.origins()
    faults = []
    for entry in found:
        index = entry.pop("index", 0)
        element = origins[index] if isinstance(index, int) and 0 <= index < len(origins) else place.original
        owner = ordinal if place.owns(element) else 0
        faults.append(Fault(owner, pointer.problem(element, owner, entry)))
    return faults


def _by_libxml2(installed: InstalledSet, place: Place) -> list[dict[str, Any]]:
    """libxml2's own errors, where the child gave none: a line of text each, at the element they name by line."""
    document = etree.fromstring(etree.tostring(place.document))
    schema = installed.schema
    schema.validate(document)
    by_line: dict[int, int] = {}
    for index, element in enumerate(document.iter()):
        by_line.setdefault(line_of(element) or 0, index)
    entries: list[Any] = list(cast("Any", schema.error_log))[:MAX_ERRORS]
    return [
        {"code": "xsd.value", "message": _readable(entry.message), "index": by_line.get(entry.line, 0)}
        for entry in entries
    ] or [{"code": "xsd.value", "message": "the schema refuses this declaration", "index": 0}]


def _readable(message: str) -> str:
    text = " ".join(message.split())
    while "{" in text and "}" in text[text.index("{") :]:
        start = text.index("{")
        text = text[:start] + text[text.index("}", start) + 1 :]
    return text[:300]


class Pointer:
    """Says where an element is: XPath with ordinals, line and column in the bytes as received."""

    def __init__(
        self, installed: InstalledSet, positions: Sequence[tuple[int, int]], order: dict[Element, int]
    ) -> None:
        self._personal = frozenset(installed.message_set.personal)
        self._positions, self._order = positions, order

    def problem(self, element: Element, ordinal: int, entry: dict[str, Any]) -> Problem:
        """A finding with its place; a personal value is masked."""
        index = self._order.get(element, 0)
        line, column = self._positions[index] if index < len(self._positions) else (line_of(element), None)
        if entry.get("element") in self._personal and entry.get("value"):
            entry = {**entry, "value": "***"}
        return Problem(pointer=path_of(element), line=line, column=column, ordinal=ordinal or None, **entry)


def path_of(element: Element) -> str:
    """The XPath of an element by local names, with ordinals where siblings share a name."""
    steps = []
    current: Element | None = element
    while current is not None:
        parent = current.getparent()
        name = etree.QName(current).localname
        same = [] if parent is None else [child for child in parent if child.tag == current.tag]
        steps.append(f"{name}[{same.index(current) + 1}]" if len(same) > 1 else name)
        current = parent
    return "/" + "/".join(reversed(steps))


def line_of(element: Element) -> int | None:
    """The line libxml2 remembers for an element."""
    line: object = element.sourceline
    return line if isinstance(line, int) else None


def locate(body: bytes) -> list[tuple[int, int]]:
    """Line and column (1-based) of every start tag in document order."""
    positions: list[tuple[int, int]] = []
    parser = expat.ParserCreate()

    def note(_name: str, _attributes: object) -> None:
        positions.append((parser.CurrentLineNumber, parser.CurrentColumnNumber + 1))

    parser.StartElementHandler = note
    with suppress(expat.ExpatError):
        parser.Parse(body, True)
    return positions
