"""From `message-set.toml` to a MessageSet: every key checked, every mistake named with its place."""

from __future__ import annotations

import types
import typing
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any

from singlewindow.errors import ConfigurationError
from singlewindow.messages.manifest import Kind, MessageSet, Root

_HINTS: dict[type, dict[str, Any]] = {}


def read_manifest(data: dict[str, Any], folder: Path) -> MessageSet:
    """Build the set. Raises ConfigurationError for an unknown key, a missing one, or a value of the wrong type."""
    place = f"{folder.name}/message-set.toml"
    data = dict(data)
    roots = [_build(Root, entry, f"{place}: root") for entry in data.pop("root", [])]
    kinds = [
        _build(Kind, {"name": name, **entry}, f"{place}: kind.{name}") for name, entry in data.pop("kind", {}).items()
    ]
    data["routes"] = data.pop("route", [])
    named = {"roots": {root.name: root for root in roots}, "kinds": {kind.name: kind for kind in kinds}}
    built = _values(MessageSet, data, place, known={*named, "folder"})
    message_set = MessageSet(**{**built, **named, "folder": folder})
    _check_references(message_set, place)
    return message_set


def _check_references(message_set: MessageSet, place: str) -> None:
    for root in message_set.roots.values():
        if root.direction not in {"request", "response", "envelope"}:
            raise ConfigurationError(f"{place}: root {root.name}: direction is request, response or envelope")
        if "/" in root.unit:
            raise ConfigurationError(
                f"{place}: root {root.name}: unit is the name of a child of the root, or a full stop"
            )
        if root.kind not in message_set.kinds:
            raise ConfigurationError(f"{place}: root {root.name}: there is no kind {root.kind!r}")
    for route in message_set.routes:
        unknown = set(route.kinds) - set(message_set.kinds)
        if unknown:
            raise ConfigurationError(f"{place}: route {route.action}: there is no kind {', '.join(sorted(unknown))}")


def _build(cls: type, data: Any, place: str) -> Any:
    if not isinstance(data, dict):
        raise ConfigurationError(f"{place}: a table is expected")
    return cls(**_values(cls, data, place, known=set()))


def _values(cls: type, data: dict[str, Any], place: str, *, known: set[str]) -> dict[str, Any]:
    hints = _HINTS.setdefault(cls, typing.get_type_hints(cls))
    unknown = set(data) - set(hints)
    if unknown:
        raise ConfigurationError(f"{place}: unknown key {', '.join(sorted(unknown))}; known: {', '.join(hints)}")
    missing = [f.name for f in fields(cls) if _is_required(f) and f.name not in data and f.name not in known]
    if missing:
        raise ConfigurationError(f"{place}: {', '.join(missing)} is missing")
    return {name: _convert(hints[name], value, f"{place}: {name}") for name, value in data.items()}


def _is_required(declared: Any) -> bool:
    return declared.default is MISSING and declared.default_factory is MISSING


def _convert(hint: Any, value: Any, place: str) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in {types.UnionType, typing.Union}:
        return _convert(next(option for option in arguments if option is not type(None)), value, place)
    if is_dataclass(hint):
        return _build(typing.cast("type", hint), value, place)
    if origin is tuple:
        entries = _expect(list, value, "a list", place)
        return tuple(_convert(arguments[0], entry, f"{place}[{number}]") for number, entry in enumerate(entries))
    if origin is dict:
        table = _expect(dict, value, "a table", place)
        return {key: _convert(arguments[1], entry, f"{place}.{key}") for key, entry in table.items()}
    return _convert_scalar(hint, value, place)


def _convert_scalar(hint: type, value: Any, place: str) -> Any:
    if hint is float and type(value) is int:
        return float(value)
    if type(value) is not hint:  # a boolean must not pass for a whole number
        raise ConfigurationError(f"{place}: {hint.__name__} is expected, not {value!r}")
    return value


def _expect(wanted: type, value: Any, what: str, place: str) -> Any:
    if not isinstance(value, wanted):
        raise ConfigurationError(f"{place}: {what} is expected")
    return value
