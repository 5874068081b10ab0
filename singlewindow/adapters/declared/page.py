"""docs/agency.md, made of the tables that agency.toml and specimen.toml may hold."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from singlewindow.adapters.certification.finding import SpecimenFile
from singlewindow.adapters.declared.configuration import Agency

_HEAD = """\
# agency.toml

An agency is a folder: `agency.toml`, its WSDLs and schemas, stylesheets where a document is derived, and
`specimen.toml` for the robot. This page is made of the tables themselves. An unknown key, a missing one or a value of
the wrong type is refused with file, table and key. `extends = "singlewindow:exchange"` takes over what the built-in
agencies have in common; a table `every_action` holds what all actions share. How to begin:
[Connect an authority in an hour](guides/connect-an-authority.md).

What expressions may name: `$call_id`, `$sender`, `$action`, `$environment`, `$count`; of a message `$message_id`,
`$message_set`, `$root`, `$sha256`, `$body`; of a task `$task_id`, `$ordinal`, `$leg`, `$references`; of a reference
`$name`, `$value`; of a pull `$cursor`, `$limit`; of a push's answer `$accepted`. Everything else is XPath 1.0 on the
declaration.
"""


def render() -> str:
    """The page."""
    parts = [_HEAD, *_tables("", Agency, set()), "# specimen.toml\n", *_tables("", SpecimenFile, set())]
    return "\n".join(parts)


def _tables(name: str, model: type[BaseModel], seen: set[type[BaseModel]]) -> Iterator[str]:
    """A table and the tables within it, each once."""
    seen.add(model)
    yield f"## {f'`[{name}]`' if name else 'Top level'}\n\n{_words(model)}\n\n{_rows(model)}"
    for key, field in model.model_fields.items():
        for inner in _models(field.annotation):
            if inner not in seen:
                many = get_origin(field.annotation) is dict
                yield from _tables(f"{name}.{key}".lstrip(".") + (".NAME" if many else ""), inner, seen)


def _words(model: type[BaseModel]) -> str:
    return inspect.getdoc(model) or ""


def _rows(model: type[BaseModel]) -> str:
    rows = ["| key | value | default |", "|---|---|---|"]
    for key, field in model.model_fields.items():
        default = "needed" if field.is_required() else _default(field.get_default(call_default_factory=True))
        told = f"{_type(field.annotation)}{'. ' + field.description if field.description else ''}"
        rows.append(f"| `{key}` | {told} | {default} |")
    return "\n".join(rows) + "\n"


def _default(value: Any) -> str:
    if value is None or value in ("", {}, (), PydanticUndefined) or isinstance(value, BaseModel):
        return ""
    return f"`{value}`"


def _type(annotation: Any) -> str:
    """What may be written, in words."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " \\| ".join(f"`{one}`" for one in arguments)
    if origin in {Union, UnionType}:
        return " or ".join(_type(one) for one in arguments if one is not type(None))
    if origin in {dict, tuple, list}:
        return f"{'table' if origin is dict else 'list'} of {_type(arguments[origin is dict])}"
    if hasattr(annotation, "__metadata__"):
        return _type(arguments[0])
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "a table, see below"
    return {str: "text", int: "whole number", float: "number", bool: "true or false"}.get(annotation, "text")


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for one in get_args(annotation):
        yield from _models(one)
