"""Judging crowded documents as a stream.

For each error in a tree lxml writes down a path, and counts siblings for it: 100,000 wrong values among as many
siblings took 45 s. While a document is read there are no paths, and the same errors take a tenth of a second.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from lxml import etree

from singlewindow.xsd.parser import Element, new_parser

CROWD = 500
"""Children of one element up to which paths are cheap."""

_has_crowd = etree.XPath(f"boolean(//*[{CROWD + 1}])")


def is_crowded(document: Element) -> bool:
    """True when some element has so many children that errors are not looked for in the tree."""
    return bool(_has_crowd(document))


def stream_log(schema: etree.XMLSchema, document: Element) -> list[Any]:
    """libxml2's errors without their places; none where the document is valid."""
    parser = new_parser(schema=schema)
    try:
        etree.fromstring(etree.tostring(document), parser)
    except etree.XMLSyntaxError as error:
        entries: Any = parser.error_log  # the published stubs do not know that it can be iterated
        return list(entries) or [error]
    return []


def locate_errors(schema: etree.XMLSchema, document: Element, *, within: Element, most: int) -> list[tuple[str, str]]:
    """Path and message of the first errors at an element or below it."""
    elements = list(document.iter())
    start = elements.index(within)
    watched = range(start, start + sum(1 for _ in within.iter()))
    watch = _Watch(watched, most, len(stream_log(schema, document)))
    parser = new_parser(schema=schema, target=watch)
    watch.parser = parser
    with suppress(_SeenEnough, etree.XMLSyntaxError):
        etree.fromstring(etree.tostring(document), parser)
    tree = document.getroottree()
    return [(tree.getpath(elements[index]), message) for index, message in watch.found]


class _SeenEnough(Exception):
    """No more errors are wanted."""


class _Watch:
    """What a parser tells of each element. libxml2 judges an event after this is told: its errors show at the next."""

    def __init__(self, watched: range, most: int, unseen: int) -> None:
        self.parser: etree.XMLParser | None = None
        self.found: list[tuple[int, str]] = []
        self._watched, self._most = watched, most
        self._open: list[int] = []
        self._number, self._last = -1, -1
        self._seen, self._unseen = 0, unseen

    def start(self, _tag: str, _attributes: object) -> None:
        """The next element begins."""
        self._note()
        self._number += 1
        self._last = self._number
        self._open.append(self._number)

    def end(self, _tag: str) -> None:
        """The innermost element ends."""
        self._note()
        self._last = self._open.pop()

    def close(self) -> None:
        """The document has ended."""
        self._note()

    def _note(self) -> None:
        """Ascribe new errors to the element of the last event. Reading the log copies it: only where it may matter."""
        if self._unseen <= 0 or self._last >= self._watched.stop or len(self.found) >= self._most:
            raise _SeenEnough
        if self._number + 1 < self._watched.start or self.parser is None:
            return
        log: Any = self.parser.error_log
        if len(log) == self._seen:
            return
        fresh = list(log)[self._seen :]
        self._seen, self._unseen = self._seen + len(fresh), self._unseen - len(fresh)
        if self._last in self._watched:
            self.found += [(self._last, entry.message or "") for entry in fresh]
