"""Guesses at a WSDL for a first draft: which operation files, where the document goes, where the verdict stands."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from singlewindow.adapters.declared.fields import Place, find_place, required_paths
from singlewindow.adapters.soap_shapes import ANY, OperationShape, Shape


def _words(*alternatives: str) -> re.Pattern[str]:
    return re.compile("|".join(alternatives), re.IGNORECASE)


_SENDS = _words("submit", "send", "recei", "recep", "declar", "regist", "file", "lodge", "book", "upload", "envi")
_ASKS = _words("status", "ask", "query", "consult", "track", "inquir", "get")
_DOCUMENT = _words("doc", "xml", "dados", "data", "msg", "message", "content", "payload", "body", "file")
_NAME = _words("id$", "^id", "ref", "key", "number", "lrn")
_CODE = _words("code", "stat", "verdict", "result", "retorno", "decision", "outcome", "answer")
_TEXT = _words("text", "reason", "remark", "motivo", "descr", "detail", "message")
_PLACEHOLDERS = {
    **dict.fromkeys(("int", "integer", "long", "short", "decimal", "float", "double", "nonNegativeInteger"), "'0'"),
    "positiveInteger": "'1'",
    "boolean": "'false'",
    "date": "'2026-01-31'",
    "dateTime": "'2026-01-31T12:00:00Z'",
}
"""What stands where nothing can be guessed and the WSDL wants something."""
_TAKES_DOCUMENT = frozenset({"string", "normalizedString", "token", "base64Binary"})


@dataclass(frozen=True, slots=True)
class RequestGuess:
    """Fields on top, and the repeated element for each task where the document seems to go there."""

    fields: tuple[tuple[Place, str], ...]
    items_path: str | None = None
    item_fields: tuple[tuple[Place, str], ...] = ()

    @property
    def takes_elements(self) -> bool:
        """True where the document goes into an open element."""
        return any(place.shape.name == ANY for place, value in (*self.fields, *self.item_fields) if value == "$body")


@dataclass(frozen=True, slots=True)
class ReplyGuess:
    """Expressions by their key in a reply's table, and every path there is to choose from."""

    values: tuple[tuple[str, str], ...]
    paths: tuple[str, ...]


def choose_operation(operations: Iterable[OperationShape]) -> OperationShape | None:
    """The operation that most looks like the one to file with."""
    known = list(operations)
    sending = [one for one in known if _SENDS.search(one.name) and not _ASKS.match(one.name)]
    return next(iter(sending or known), None)


def guess_request(request: Shape) -> RequestGuess:
    """Where the declaration goes and what else is required."""
    if not request.children:
        return RequestGuess(((find_place(request, "."), "$body"),) if request.type else ())
    document = _find_document(request)
    repeated = None if document else _find_repeated(request)
    if repeated is None:
        return RequestGuess(_fill(request, document, "$task_id"))
    inner = _fill(repeated.shape, _find_document(repeated.shape), "$task_id")
    return RequestGuess(_fill(request, None, "$call_id"), repeated.path, inner)


def guess_reply(reply: Shape, prefixes: dict[str, str]) -> ReplyGuess:
    """Where code, text and the task's name stand, within the repeated element that holds them if there is one."""
    item, xpath = _find_coded(reply, prefixes)
    leaves = list(_leaves(item, prefixes))
    unnamed = (leaf for leaf in leaves if not _NAME.search(leaf[1].name))
    code = next((leaf for leaf in leaves if _CODE.search(leaf[1].name)), next(unnamed, None))
    text = next((leaf for leaf in leaves if code and leaf is not code and _TEXT.search(leaf[1].name)), None)
    name = next((leaf for leaf in leaves if leaf is not code and _NAME.search(leaf[1].name)), None) if xpath else None
    values = [("item", xpath)] if xpath else []
    values += [("task_id", name[0])] if name else []
    values.append(("code", code[0] if code else "."))
    values += [("text", text[0])] if text else []
    return ReplyGuess(tuple(values), tuple(leaf[0] for leaf in leaves))


def _fill(shape: Shape, document: Place | None, named: str) -> tuple[tuple[Place, str], ...]:
    return tuple((place, _guess_value(place, document, named)) for place in _simple_places(shape))


def _guess_value(place: Place, document: Place | None, named: str) -> str:
    """`named` is what something is called by on this level: the task, or the call."""
    if document is not None and place.path == document.path:
        return "$body"
    if place.shape.type == "string" and _NAME.search(place.shape.name):
        return named
    return _PLACEHOLDERS.get(place.shape.type, "'?'")


def _find_document(shape: Shape) -> Place | None:
    """A binary or open element, else the string whose name says so, else the only string."""
    places = [
        place for place in _simple_places(shape) if place.shape.type in _TAKES_DOCUMENT or place.shape.name == ANY
    ]
    binary = [place for place in places if place.shape.is_binary or place.shape.name == ANY]
    named = [place for place in places if _DOCUMENT.search(place.shape.name)]
    alone = places if len(places) == 1 and _find_repeated(shape) is None else []
    return next(iter(binary or named or alone), None)


def _simple_places(shape: Shape) -> Iterator[Place]:
    """Required simple elements that stand once on every level, as the configuration can name them."""
    for place in required_paths(shape):
        found = find_place(shape, place.path)
        if not any(step.repeats for step in found.steps[:-1]):
            yield found


def _find_repeated(shape: Shape, above: str = "") -> Place | None:
    for child in shape.children:
        path = f"{above}{child.label}"
        if child.repeats and child.children:
            return Place(path, (), child)
        if not child.repeats and (found := _find_repeated(child, f"{path}/")):
            return found
    return None


def _find_coded(shape: Shape, prefixes: dict[str, str], above: str = "") -> tuple[Shape, str]:
    """The first repeated element that holds a code, with its XPath; else the shape itself and no path."""
    for child in shape.children:
        xpath = f"{above}{_xpath_name(child, prefixes)}"
        if child.repeats and any(_CODE.search(one.name) for one in child.children):
            return child, xpath
        found, deeper = _find_coded(child, prefixes, f"{xpath}/")
        if deeper:
            return found, deeper
    return shape, ""


def _leaves(shape: Shape, prefixes: dict[str, str], above: str = "") -> Iterator[tuple[str, Shape]]:
    for child in shape.children:
        xpath = f"{above}{_xpath_name(child, prefixes)}"
        if child.children:
            yield from _leaves(child, prefixes, f"{xpath}/")
        elif not child.attribute:
            yield xpath, child


def _xpath_name(shape: Shape, prefixes: dict[str, str]) -> str:
    return "*" if shape.name == ANY else f"{prefixes.get(shape.namespace, '')}{shape.label}"
