"""Requests made of the configuration: what was compiled once is filled with the values of each call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from singlewindow.adapters.declared.bodies import BodyMaker, Packed
from singlewindow.adapters.declared.fields import WHOLE, Place
from singlewindow.adapters.declared.levels import Field, ItemLevel, Level
from singlewindow.adapters.declared.scopes import MessageScopes, Scope, each_task
from singlewindow.adapters.declared.stencils import Marks, Stencil, Uncut, cut
from singlewindow.adapters.soap import ServiceDescription
from singlewindow.errors import ConfigurationError
from singlewindow.xsd.parser import Element
from singlewindow.xsd.soap_envelope import write
from singlewindow.xsd.wsdl_documents import add_header, write_envelope
from singlewindow.xsd.wsdl_expressions import Expression


@dataclass(frozen=True, slots=True)
class PreparedRequest:
    """A request for the wire with its HTTP headers, and the bytes to keep of it."""

    headers: dict[str, str]
    body: bytes
    record: bytes
    attachments: tuple[bytes, ...] = ()


class Kept:
    """What of a request is not kept whole: originals, by the texts or the elements that they stand there as."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._elements: dict[str, Element] = {}
        self.attachments: list[bytes] = []

    def note(self, packed: Packed, sha256: str) -> None:
        """Keep only the hash of this original."""
        if packed.text is None:
            self._elements[f"sha256:{sha256}"] = packed.value
        else:
            self._texts[packed.text] = f"sha256:{sha256}"

    def write(self, envelope: Element) -> tuple[bytes, bytes]:
        """The bytes for the wire and those to keep."""
        return write_envelope(envelope, self._elements, self._texts)


@dataclass(frozen=True, slots=True)
class RequestPlan:
    """How one operation is asked. `blocks` are header blocks that the WSDL declares, `free` those that it does not."""

    service: ServiceDescription
    operation: str
    level: Level
    blocks: tuple[Field, ...] = ()
    free: tuple[tuple[str, Expression], ...] = ()
    namespaces: Mapping[str, str] = field(default_factory=dict)
    maker: BodyMaker | None = None
    stencil: Stencil | None = None
    soap_headers: Mapping[str, str] = field(default_factory=dict)

    def with_stencil(self) -> RequestPlan:
        """The same plan, which makes its requests by stencil if they are plain enough."""
        blocks = Level(self.blocks)
        try:
            if self.free or (self.maker is not None and self.maker.attaches):
                return self  # a header may be absent, and what is around it with it; attachments are collected
            marks = Marks(self.level, blocks)
            draft = self.service.draft(self.operation, marks.arguments, marks.headers or None)
            stencil = cut(write(draft.envelope).decode(), self.level, blocks, marks, self.maker)
        except (Uncut, ConfigurationError):
            return self
        return replace(self, stencil=stencil, soap_headers=draft.headers)

    def make(self, outer: Scope, messages: tuple[MessageScopes, ...] = ()) -> PreparedRequest:
        """The request for these tasks. Raises ConfigurationError for values that the WSDL does not take, Refused and
        Underivable for an original that gives no request.
        """
        if self.stencil is not None:
            return PreparedRequest(dict(self.soap_headers), *self.stencil.fill(self._top(outer, messages), messages))
        return self.make_by_zeep(outer, messages)

    def make_by_zeep(self, outer: Scope, messages: tuple[MessageScopes, ...] = ()) -> PreparedRequest:
        """The same request, whatever its shape."""
        kept, top = Kept(), self._top(outer, messages)
        arguments = self._values(self.level, top, kept)
        if self.level.items and isinstance(arguments, dict):
            self._fill_items(arguments, self.level.items, messages, kept)
        headers = self._values(Level(self.blocks), top, kept)
        draft = self.service.draft(self.operation, arguments, headers if isinstance(headers, dict) else None)
        for path, expression in self.free:
            if (text := top.text(expression)) is not None:
                add_header(draft.envelope, path, text, self.namespaces)
        return PreparedRequest(draft.headers, *kept.write(draft.envelope), tuple(kept.attachments))

    def _top(self, outer: Scope, messages: tuple[MessageScopes, ...]) -> Scope:
        """What is spoken of above all items: the call, or the one task where there are no items."""
        return outer if self.level.items else next(each_task(messages), outer)

    def _fill_items(
        self, arguments: dict[str, Any], items: ItemLevel, messages: Iterable[MessageScopes], kept: Kept
    ) -> None:
        listed: list[Any] = []
        for message in messages:
            if items.each == "task":
                listed += [self._task_item(items.level, task, kept) for task in message.tasks]
                continue
            inner = self._values(items.level, message.scope, kept)
            if items.level.items and isinstance(inner, dict):
                self._fill_items(inner, items.level.items, (message,), kept)
            listed.append(inner)
        items.place.put(arguments, listed)

    def _task_item(self, level: Level, task: Scope, kept: Kept) -> dict[str, Any] | str | bytes:
        """The element of one task, with one for each of its references where it has a place for them."""
        item = self._values(level, task, kept)
        if level.items and isinstance(item, dict):
            listed = [self._values(level.items.level, reference, kept) for reference in task.references()]
            level.items.place.put(item, listed)
        return item

    def _values(self, level: Level, scope: Scope, kept: Kept) -> dict[str, Any] | str | bytes:
        arguments: dict[str, Any] = {}
        for one in level.fields:
            value = self._value(one, scope, kept)
            if one.place.path == WHOLE:
                return value if value is not None else ""
            if value is not None:
                one.place.put(arguments, value)
        return arguments

    def _value(self, one: Field, scope: Scope, kept: Kept) -> Any:
        """A value for zeep, or None where the declaration has none and the element is left out."""
        if one.expression is None:
            return self._document(one.place, scope, kept)
        if one.place.shape.repeats and one.place.path != WHOLE:
            return scope.texts(one.expression) or None
        text = scope.text(one.expression)
        if text is None and one.expression.variable and one.place.shape.required:
            text = ""  # what we know to be empty is said so, such as a cursor at the start
        return text.encode() if text is not None and one.place.shape.is_binary else text

    def _document(self, place: Place, scope: Scope, kept: Kept) -> Any:
        if self.maker is None or scope.original is None:
            return None
        packed = self.maker.make(scope.original, scope.parameters(), place.shape)
        if packed.attachment is not None:
            kept.attachments.append(packed.attachment)
        if not self.maker.derives:
            kept.note(packed, scope.sha256)
        return packed.value
