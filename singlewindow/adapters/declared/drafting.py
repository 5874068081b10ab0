"""A first agency.toml from a WSDL: it loads as it is, and says where somebody who knows the agency must decide."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from singlewindow.adapters.declared.fields import Place, find_place, required_paths
from singlewindow.adapters.declared.guessing import choose_operation, guess_reply, guess_request
from singlewindow.adapters.soap import load_ports
from singlewindow.adapters.soap_shapes import OperationShape, Shape

_MOST_PATHS = 12
_OUTCOMES = """\
[outcomes.codes]
"0" = "accepted" # ? every code of the agency: accepted, rejected, retry, stop or unknown

[outcomes.states]
"0" = "registered" # ? the state of ours that a code brings; without one more is awaited
"""


def draft_agency(wsdl: Path, name: str) -> str:
    """The text of a first agency.toml for the first SOAP port of a WSDL. Raises ConfigurationError."""
    service, port = next((service, ports[0]) for service, ports in load_ports(wsdl).items() if ports)
    operations = [port.describe(operation) for operation in sorted(port.operations)]
    prefixes = _prefixes(operations)
    head = [
        f"# Drafted from {wsdl.name}. Lines marked with ? are guesses: read the agency's guide and decide.",
        f"name = {_quote(name)}",
        'idempotency = "none" # ? item or call, where the agency says that a repeat has no second effect',
        "",
        *_table("namespaces", (f"{prefix[:-1]} = {_quote(uri)}" for uri, prefix in prefixes.items())),
        "[services.main]",
        f"wsdl = {_quote(wsdl.name)}",
        f"service = {_quote(service)}",
        f"port = {_quote(port.port_name)}",
        f"url = {_quote(port.address or 'https://agency.example/')} # ? the agency's address",
        "",
    ]
    return "\n".join([*head, *_draft_action(operations, prefixes), _OUTCOMES])


def _draft_action(operations: list[OperationShape], prefixes: dict[str, str]) -> Iterator[str]:
    chosen = choose_operation(operations)
    if chosen is None:
        yield "# the binding has no operations: there is nothing to do"
        return
    request = guess_request(chosen.request)
    others = ", ".join(one.name for one in operations if one is not chosen)
    yield '[actions."*"]'
    yield f"operation = {_quote(chosen.name)} # ? beside it: {others or 'none'}"
    yield f'body = "{"xml" if request.takes_elements else "base64"}" # ? base64, gzip+base64 or xml'
    yield ""
    yield from _table('actions."*".fields', map(_draft_field, request.fields))
    if request.items_path is not None:
        yield from ['[actions."*".items]', f"path = {_quote(request.items_path)} # ? one for each declaration", ""]
        yield from _table('actions."*".items.fields', map(_draft_field, request.item_fields))
    yield from _table('actions."*".headers', _draft_headers(chosen.headers))
    yield from _draft_reply(chosen, prefixes)


def _draft_field(field: tuple[Place, str]) -> str:
    place, value = field
    return f'{_quote(place.path)} = "{value}" # ? {place.shape.type or "any element"}'


def _draft_headers(blocks: tuple[Shape, ...]) -> Iterator[str]:
    for block in blocks:
        for place in required_paths(block):
            shape = find_place(block, place.path).shape
            yield f"{_quote(f'{block.keyword}/{place.path}')} = \"''\" # ? {shape.type}"


def _draft_reply(operation: OperationShape, prefixes: dict[str, str]) -> Iterator[str]:
    if operation.reply is None:
        yield from ["# one-way: the agency answers nothing; what it decides comes as notices", ""]
        return
    guess = guess_reply(operation.reply, prefixes)
    paths = ", ".join(guess.paths[:_MOST_PATHS]) or "its own text"
    yield '[actions."*".reply]'
    yield f"# {operation.reply.name} holds {paths}"
    yield from (f"{key} = {_quote(value)} # ?" for key, value in guess.values)
    yield ""


def _table(name: str, lines: Iterable[str]) -> list[str]:
    rows = list(lines)
    return [f"[{name}]", *rows, ""] if rows else []


def _prefixes(operations: list[OperationShape]) -> dict[str, str]:
    """A prefix for each namespace that a reply has elements in."""
    found = {one.namespace for operation in operations for one in _walk(operation.reply)} - {""}
    return {uri: f"n{number}:" for number, uri in enumerate(sorted(found), 1)}


def _walk(shape: Shape | None) -> Iterator[Shape]:
    if shape is not None:
        for child in shape.children:
            yield child
            yield from _walk(child)


def _quote(text: str) -> str:
    """A TOML basic string, whose escapes are those of JSON."""
    return json.dumps(text, ensure_ascii=False)
