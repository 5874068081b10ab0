"""A first manifest for schemas that nobody here has seen: what can be read from them is filled in, the rest is asked.

Roots are the global elements of the named files that no other element refers to; the declarations of a message are
its one repeated child, where that holds most of what it says, else the message itself; the key is the most telling
number near the top.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lxml import etree
from xmlschema.validators import XsdComplexType, XsdElement

from singlewindow.errors import ConfigurationError
from singlewindow.xsd.catalogue import MANIFEST
from singlewindow.xsd.explaining import build_schema
from singlewindow.xsd.findings import local

_XS = "{http://www.w3.org/2001/XMLSchema}"
_KEYS = (
    re.compile(r"^LRN$|^localReference", re.IGNORECASE),
    re.compile(r"^MRN$|^UCR$"),
    re.compile(r"^message(Identification|Id)$", re.IGNORECASE),
    re.compile(r"(reference|number|no|(?<!gu)id|identification)$", re.IGNORECASE),
)
"""Names that number a document, the most telling first."""

_DEPTH = 3


@dataclass(frozen=True, slots=True)
class DraftRoot:
    """What a schema says of one root: `unit` is the repeated declaration, `key` the path of its number or None."""

    name: str
    schema: str
    unit: str
    key: str | None


def draft_set(folder: Path, schemas: Sequence[Path]) -> list[DraftRoot]:
    """Copy the schemas and what they include into a new folder and write a manifest there; the roots found.

    Raises ConfigurationError where the folder has a manifest already, a schema cannot be read or names no root.
    """
    if (folder / MANIFEST).exists():
        raise ConfigurationError(f"{folder / MANIFEST} exists; it is not overwritten")
    folder.mkdir(parents=True, exist_ok=True)
    for schema in schemas:
        _copy_closure(schema, folder)
    roots = list(_read_roots([folder / schema.name for schema in schemas]))
    if not roots:
        raise ConfigurationError(
            f"{', '.join(schema.name for schema in schemas)}: no global element that could be a root"
        )
    (folder / MANIFEST).write_text(_write(folder, schemas, roots), "utf-8")
    return roots


def _copy_closure(schema: Path, folder: Path) -> None:
    """The file and, beside it, every local file that it includes or imports."""
    target = folder / schema.name
    if target.exists():
        return
    try:
        shutil.copyfile(schema, target)
        tree = etree.fromstring(target.read_bytes())
    except (OSError, etree.XMLSyntaxError) as error:
        raise ConfigurationError(f"{schema}: {error}") from error
    for reference in tree.iterchildren(f"{_XS}include", f"{_XS}import", f"{_XS}redefine"):
        location = reference.get("schemaLocation")
        if location is not None:
            line: Any = reference.sourceline  # the published stubs say that it is an ellipsis
            _copy_included(schema, location, folder, line)


def _copy_included(schema: Path, location: str, folder: Path, line: int) -> None:
    included = schema.parent / location
    if "/" in location or not included.is_file():
        raise ConfigurationError(
            f"{schema}, line {line}: {location} is not a file beside it; put all schemas into one folder"
        )
    _copy_closure(included, folder)


def _read_roots(schemas: Sequence[Path]) -> Iterator[DraftRoot]:
    """The roots of entry files, each once: a global element of its namespace, with content, that nothing refers to."""
    referred = {
        local(element.get("ref"))
        for path in schemas[0].parent.glob("*.xsd")
        for element in etree.fromstring(path.read_bytes()).iter(f"{_XS}element")
        if element.get("ref")
    }
    found: set[str] = set()
    for path in schemas:
        schema = build_schema(path)
        for element in schema.elements.values():
            name = str(element.local_name)
            is_own = element.target_namespace == schema.target_namespace
            if is_own and name not in referred | found and isinstance(element.type, XsdComplexType):
                found.add(name)
                yield _read_root(element, path.name)


def _read_root(element: XsdElement, schema: str) -> DraftRoot:
    unit = _find_unit(element)
    paths = list(_leaves(unit or element, "", _DEPTH))
    key = next((path for wanted in _KEYS for path in paths if wanted.search(path.rpartition("/")[2])), None)
    return DraftRoot(str(element.local_name), schema, str(unit.local_name) if unit else ".", key)


def _find_unit(element: XsdElement) -> XsdElement | None:
    """The one repeated child that every message has and that holds most of what a message says."""
    children = _children(element)
    repeated = [child for child in children if child.max_occurs != 1 and child.min_occurs and _children(child)]
    if len(repeated) != 1:
        return None
    own = [child for child in children if child.target_namespace == element.target_namespace]
    weights = {child: len(list(_leaves(child, "", _DEPTH))) for child in own}
    return repeated[0] if 2 * weights.get(repeated[0], 0) > sum(weights.values()) else None


def _children(element: XsdElement) -> list[XsdElement]:
    content: Any = getattr(element.type, "content", None)
    found = content.iter_elements() if hasattr(content, "iter_elements") else ()
    return [child for child in found if isinstance(child, XsdElement)]


def _leaves(element: XsdElement, below: str, depth: int) -> Iterator[str]:
    """The paths of single values near the top, level by level."""
    children = [child for child in _children(element) if child.max_occurs == 1]
    yield from (f"{below}{child.local_name}" for child in children if not _children(child))
    if depth > 1:
        for child in children:
            yield from _leaves(child, f"{below}{child.local_name}/", depth - 1)


def _write(folder: Path, schemas: Sequence[Path], roots: Sequence[DraftRoot]) -> str:
    tree = etree.fromstring((folder / schemas[0].name).read_bytes())
    kinds = {root.name: re.sub(r"[^a-z0-9]+", "_", root.name.lower()) for root in roots}
    named = ", ".join(f'"{kind}"' for kind in kinds.values())
    head = _HEAD.format(
        name=folder.resolve().name,
        namespace=tree.get("targetNamespace") or "",
        schema=schemas[0].name,
        qualified=str(tree.get("elementFormDefault") == "qualified").lower(),
        kinds=named,
    )
    tables = [_KIND.format(kind=kind) for kind in kinds.values()]
    entries = [
        _ROOT.format(
            name=root.name,
            kind=kinds[root.name],
            unit=root.unit,
            key=f'key = {{ {root.key.rpartition("/")[2]} = "{root.key}" }}' if root.key else _NO_KEY,
            schema=root.schema,
        )
        for root in roots
    ]
    return head + "".join(tables) + "".join(entries)


_HEAD = """\
# A first manifest, drafted from the schemas. Read every line: what a schema cannot say is guessed or left open.
name = "{name}"
title = "{name}"
namespace = "{namespace}"
prefix = "m"                     # the prefix of the namespace in conditions
schema = "{schema}"
qualified = {qualified}                 # false where only the roots are in the namespace
on_error = "declaration"         # or "message": one invalid declaration refuses all

# the authority's code of a status = our state (docs/lifecycle.md)
[statuses]
# "1" = "accepted"

[holding]
policy = "off"                   # until-complete | timeout | off: what to do while partners are missing

# where declarations go: to which agency, to do what
[[route]]
kinds = [{kinds}]
agency = "customs"
action = "declare"
principal = true
ends = ["accepted", "released", "closed"]
"""

_KIND = """
[kind.{kind}]
title = "{kind}"
ends = ["accepted", "released", "closed"]   # the states in which nothing more is expected
anchor = true
"""

_ROOT = """
[[root]]
name = "{name}"
direction = "request"            # or "response": what only the authority sends
kind = "{kind}"
unit = "{unit}"                  # the repeated child that is one declaration; a full stop: the whole message
{key}
schema = "{schema}"
"""

_NO_KEY = '# key = { number = "path/below/the/unit" }   # what makes a declaration this one and no other'
