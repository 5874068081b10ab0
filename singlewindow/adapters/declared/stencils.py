"""Requests by stencil: what zeep wrote once, with marks for values, cut open where the values go.

zeep makes and checks an object for every value, 70 µs for a task of ten; texts put between what zeep wrote take a tenth
of that. Only plain requests can be cut, texts and Base64 in elements; zeep makes every other one whole.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from singlewindow.adapters.declared.bodies import BodyMaker
from singlewindow.adapters.declared.fields import WHOLE
from singlewindow.adapters.declared.levels import Field, ItemLevel, Level
from singlewindow.adapters.declared.scopes import MessageScopes, Scope
from singlewindow.adapters.soap_shapes import ANY
from singlewindow.errors import ConfigurationError

_START_TAG = re.compile(r"<[^<>/]+>")
_END_TAG = re.compile(r"</[^<>]+>")
_SPECIAL = re.compile("[&<>\r]|[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"}


@dataclass(frozen=True, slots=True)
class Slot:
    """An element for one value, left out where there is none."""

    field: Field
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Repeat:
    """A repeated element."""

    each: str
    pieces: tuple[Piece, ...]


Piece = str | Slot | Repeat


class Uncut(Exception):
    """This request cannot be made by stencil."""


class Marks:
    """A mark for every field, and the arguments for zeep that hold them."""

    def __init__(self, level: Level, blocks: Level) -> None:
        self._marks: dict[int, str] = {}
        self.arguments = self._fill(level)
        self.headers = self._fill(blocks)

    def written(self, one: Field) -> str:
        """The mark of a field as the request shows it."""
        mark = self._marks[id(one)]
        return b64encode(mark.encode()).decode("ascii") if one.place.shape.is_binary else mark

    def _fill(self, level: Level) -> Any:
        arguments: dict[str, Any] = {}
        for one in level.fields:
            _check_plain(one)
            mark = self._marks[id(one)] = f"-mark-{len(self._marks):04d}-"
            value = mark.encode() if one.place.shape.is_binary else mark
            if one.place.path == WHOLE:
                return value
            one.place.put(arguments, value)
        if level.items is not None:
            level.items.place.put(arguments, [self._fill(level.items.level)])
        return arguments


@dataclass(frozen=True, slots=True)
class Stencil:
    """A request cut open."""

    pieces: tuple[Piece, ...]
    maker: BodyMaker | None

    def fill(self, outer: Scope, messages: tuple[MessageScopes, ...]) -> tuple[bytes, bytes]:
        """The bytes for the wire, and those to keep, in which an original is replaced by its hash.

        Raises ConfigurationError for a value that is missing or no XML, Refused and Underivable for an unfit original.
        """
        filling = _Filling(self.maker)
        filling.add(self.pieces, outer, messages)
        return filling.write()


@dataclass(slots=True)
class _Filling:
    maker: BodyMaker | None
    parts: list[str] = field(default_factory=list)
    names: dict[int, str] = field(default_factory=dict)

    def add(self, pieces: tuple[Piece, ...], scope: Scope, messages: tuple[MessageScopes, ...]) -> None:
        for piece in pieces:
            if isinstance(piece, str):
                self.parts.append(piece)
            elif isinstance(piece, Repeat):
                for inner, below in _each(piece.each, scope, messages):
                    self.add(piece.pieces, inner, below)
            elif (value := self._value(piece.field, scope)) is not None:
                self.parts += (piece.before, value, piece.after)

    def write(self) -> tuple[bytes, bytes]:
        wire = "".join(self.parts).encode()
        for place, name in self.names.items():
            self.parts[place] = name
        return wire, "".join(self.parts).encode() if self.names else wire

    def _value(self, one: Field, scope: Scope) -> str | None:
        if one.expression is None:
            return self._document(one, scope)
        shape, text = one.place.shape, scope.text(one.expression)
        if text is None and shape.required:
            if not one.expression.variable:
                raise ConfigurationError(
                    f"the WSDL asks for {one.place.path}, and {one.expression.source} is not there"
                )
            text = ""  # what we know to be empty is said so, such as a cursor at the start
        if text is None:
            return None
        return b64encode(text.encode()).decode("ascii") if shape.is_binary else escape(text)

    def _document(self, one: Field, scope: Scope) -> str | None:
        if self.maker is None or scope.original is None:
            return None
        packed = self.maker.make(scope.original, scope.parameters(), one.place.shape)
        if not self.maker.derives:
            # before the document comes its start tag
            self.names[len(self.parts) + 1] = f"sha256:{scope.sha256}"
        text = packed.text or ""
        return text if self.maker.packs else escape(text)


def cut(text: str, level: Level, blocks: Level, marks: Marks, maker: BodyMaker | None) -> Stencil:
    """Cut a request that zeep wrote around these marks. Raises Uncut."""
    found = [_span(text, one, marks) for one in (*level.fields, *blocks.fields)]
    if level.items is not None:
        found.append(_item_span(text, level.items, marks))
    return Stencil(_pieces(text, (0, len(text)), found), maker)


def escape(text: str) -> str:
    """A text as XML writes it. Raises ConfigurationError for a character that XML cannot carry."""
    return _SPECIAL.sub(_escape, text) if _SPECIAL.search(text) else text


def _escape(found: re.Match[str]) -> str:
    if found[0] not in _ESCAPES:
        raise ConfigurationError(f"a value holds the character {found[0]!r}, which XML cannot carry")
    return _ESCAPES[found[0]]


def _each(
    each: str, scope: Scope, messages: tuple[MessageScopes, ...]
) -> Iterator[tuple[Scope, tuple[MessageScopes, ...]]]:
    """The scopes of a repeated element, with the messages below each."""
    if each == "reference":
        yield from ((reference, ()) for reference in scope.references())
        return
    for message in messages:
        if each == "original":
            yield message.scope, (message,)
        else:
            yield from ((task, ()) for task in message.tasks)


def _check_plain(one: Field) -> None:
    shape = one.place.shape
    if shape.children or shape.attribute or shape.name == ANY or (shape.repeats and one.place.path != WHOLE):
        raise Uncut
    if len(one.place.steps) > 1 and not one.is_always_given:
        raise Uncut  # what is around it would stay


_Span = tuple[int, int, "Piece"]


def _span(text: str, one: Field, marks: Marks) -> _Span:
    """Where the element of a field stands."""
    mark = marks.written(one)
    place = text.find(mark)
    if place < 0 or text.find(mark, place + 1) >= 0:
        raise Uncut
    start, end = text.rfind("<", 0, place), text.find(">", place) + 1
    before, after = text[start:place], text[place + len(mark) : end]
    if not _START_TAG.fullmatch(before) or not _END_TAG.fullmatch(after):
        raise Uncut
    return start, end, Slot(one, before, after)


def _item_span(text: str, items: ItemLevel, marks: Marks) -> _Span:
    """Where a repeated element stands: around its fields and what is repeated within it."""
    within = [_span(text, one, marks) for one in items.level.fields]
    if items.level.items is not None:
        within.append(_item_span(text, items.level.items, marks))
    if not within:
        raise Uncut
    first, last = min(span[0] for span in within), max(span[1] for span in within)
    if len(within) == 1 and items.level.fields and items.level.fields[0].place.path == WHOLE:
        return first, last, Repeat(items.each, (within[0][2],))
    start, end = text.rfind("<", 0, first), text.find(">", last) + 1
    if not _START_TAG.fullmatch(text[start:first]) or not _END_TAG.fullmatch(text[last:end]):
        raise Uncut
    return start, end, Repeat(items.each, _pieces(text, (start, end), within))


def _pieces(text: str, region: tuple[int, int], spans: list[_Span]) -> tuple[Piece, ...]:
    pieces: list[Piece] = []
    reached, end = region
    for start, after, piece in sorted(spans, key=lambda span: span[:2]):
        if start < reached:
            raise Uncut
        pieces += [text[reached:start], piece]
        reached = after
    return tuple(piece for piece in (*pieces, text[reached:end]) if piece)
