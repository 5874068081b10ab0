"""Which edition of XSD a schema asks for. libxml2 reads past the question; xmlschema obeys it."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from pathlib import Path
from urllib.parse import unquote

from lxml import etree

from singlewindow.xsd.parser import Element, new_parser

MIN_VERSION = "{http://www.w3.org/2007/XMLSchema-versioning}minVersion"
XSD_1_1 = Decimal("1.1")

_REFERENCES = tuple(f"{{http://www.w3.org/2001/XMLSchema}}{name}" for name in ("include", "import", "redefine"))


def wants_xsd_1_1(path: Path) -> bool:
    """True when some part of a schema, or of a file of its folder that it takes in, is for XSD 1.1 or later alone.

    By the rules of 1.0 such a part counts for nothing, and every document would be refused.
    """
    return any(_is_for_1_1(element.get(MIN_VERSION)) for root in _schema_roots(path) for element in root.iter())


def _is_for_1_1(version: str | None) -> bool:
    try:
        return version is not None and Decimal(version.strip()) >= XSD_1_1
    except InvalidOperation:
        return False


def _schema_roots(path: Path) -> Iterator[Element]:
    """The entry file and all that it takes in, each once; what lies outside its folder is another's business."""
    folder, waiting, seen = path.resolve().parent, [path.resolve()], set[Path]()
    while waiting:
        file = waiting.pop()
        if file in seen or not file.is_relative_to(folder) or not file.is_file():
            continue
        seen.add(file)
        root = etree.fromstring(file.read_bytes(), new_parser())
        yield root
        references = (element.get("schemaLocation") for element in root.iter(*_REFERENCES))
        waiting += [(file.parent / unquote(reference.strip())).resolve() for reference in references if reference]
