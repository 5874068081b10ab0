"""The files a WSDL is made of, all found on this machine: what it includes and imports, and well-known schemas of ours.

Every reference is resolved before anything is compiled. One that leads to no file is refused with the file and the
line that wants it; nothing is ever fetched.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from lxml import etree

from singlewindow.errors import ConfigurationError
from singlewindow.xsd.parser import Element, Refused, parse

KNOWN = Path(__file__).parent / "wsdl" / "known"
KNOWN_SCHEMAS: Mapping[str, str] = {
    "http://www.w3.org/XML/1998/namespace": "xml.xsd",
    "http://www.w3.org/2005/05/xmlmime": "xmlmime.xsd",
    "http://schemas.xmlsoap.org/soap/encoding/": "soap-encoding.xsd",
    "http://schemas.xmlsoap.org/soap/envelope/": "soap-envelope-1.1.xsd",
    "http://www.w3.org/2003/05/soap-envelope": "soap-envelope-1.2.xsd",
    "http://schemas.xmlsoap.org/wsdl/": "wsdl.xsd",
    "http://www.w3.org/2005/08/addressing": "ws-addressing.xsd",
    "http://www.w3.org/2000/09/xmldsig#": "xmldsig.xsd",
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd": "ws-security.xsd",
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd": "ws-security-utility.xsd",
}
"""Namespaces that WSDLs name without bringing the schema, and our own minimal form of each."""

_WSDL = "{http://schemas.xmlsoap.org/wsdl/}"
_XS = "{http://www.w3.org/2001/XMLSchema}"
# the attribute that says where the other file is
_REFERENCES = {
    f"{_WSDL}import": "location",
    f"{_XS}import": "schemaLocation",
    f"{_XS}include": "schemaLocation",
    f"{_XS}redefine": "schemaLocation",
}
_NAMING = ("ref", "type", "base", "itemType", "substitutionGroup", "element")


@dataclass(frozen=True, slots=True)
class WsdlFiles:
    """A WSDL and everything it refers to, by absolute path; each reference in the bytes is such a path."""

    entry: Path
    files: Mapping[Path, bytes]


@dataclass(frozen=True, slots=True)
class _Place:
    path: Path
    line: int

    def __str__(self) -> str:
        return f"{self.path}: line {self.line}"


def gather(entry: Path, within: Path | None = None) -> WsdlFiles:
    """Read a WSDL and all it refers to. `within` is the folder that no reference may leave, by default the WSDL's own.

    Raises ConfigurationError for a missing file, a reference out of the folder, and a file that is no sound XML.
    """
    entry = entry.resolve()
    gathering = _Gathering((within or entry.parent).resolve())
    gathering.take(entry, None)
    gathering.check_promises()
    return WsdlFiles(entry, gathering.written())


class _Gathering:
    """Files found so far, namespaces they bring, and imports that name a namespace without saying where it is."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._roots: dict[Path, Element] = {}
        self._namespaces = {"http://www.w3.org/2001/XMLSchema"}
        self._promises: list[tuple[str, _Place]] = []

    def take(self, path: Path, wanted: _Place | None) -> None:
        if path in self._roots:
            return
        root = self._roots[path] = _read(path, wanted)
        schemas = list(root.iter(f"{_XS}schema"))
        self._namespaces |= {schema.get("targetNamespace") or "" for schema in schemas}
        for node, attribute in _references(root):
            self._follow(node, attribute, path)

    def check_promises(self) -> None:
        """Raises ConfigurationError for an import without a location whose namespace no file brings."""
        for namespace, place in self._promises:
            if namespace not in self._namespaces:
                raise ConfigurationError(
                    f"{place}: the namespace {namespace} is imported without a schemaLocation, and no file here"
                    " declares it; put its schema beside the WSDL and name it there"
                )

    def written(self) -> dict[Path, bytes]:
        return {path: etree.tostring(root, encoding="UTF-8") for path, root in self._roots.items()}

    def _follow(self, node: Element, attribute: str, path: Path) -> None:
        line: Any = node.sourceline  # the published stubs leave its type open
        place, namespace = _Place(path, line or 1), node.get("namespace") or ""
        location = (node.get(attribute) or "").strip()
        if location:
            found = self._find(location, namespace, place)
        elif namespace in KNOWN_SCHEMAS and namespace not in self._namespaces:
            found = KNOWN / KNOWN_SCHEMAS[namespace]
        else:
            if namespace and _uses(node, namespace):
                self._promises.append((namespace, place))
            return
        node.set(attribute, str(found))
        self.take(found, place)

    def _find(self, location: str, namespace: str, place: _Place) -> Path:
        """The file that a reference means: beside the one that names it, or the well-known one of its namespace."""
        parsed = urlparse(location)
        known = KNOWN_SCHEMAS.get(namespace)
        if parsed.scheme not in {"", "file"}:
            if known is None:
                raise ConfigurationError(
                    f"{place}: {location} would have to be fetched; save it beside the WSDL and name the file there"
                )
            return KNOWN / known
        path = (place.path.parent / unquote(parsed.path)).resolve()
        if not path.is_relative_to(self._folder) and not path.is_relative_to(KNOWN):
            raise ConfigurationError(f"{place}: {location} leads out of {self._folder}")
        missing = not path.is_file()
        if known is not None and (missing or _has_dtd(path)):
            return KNOWN / known
        if missing:
            raise ConfigurationError(f"{place}: {location} is wanted here and there is no file {path}")
        return path


def _references(root: Element) -> Iterator[tuple[Element, str]]:
    for tag, attribute in _REFERENCES.items():
        for node in root.iter(tag):
            yield node, attribute


def _read(path: Path, wanted: _Place | None) -> Element:
    where = f" (wanted by {wanted})" if wanted else ""
    try:
        return parse(path.read_bytes())
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}{where}") from error
    except Refused as error:
        line = f": line {error.line}" if error.line else ""
        raise ConfigurationError(f"{path}{line}: {error.detail}{where}") from error


def _has_dtd(path: Path) -> bool:
    """Published forms of well-known schemas often carry a DTD, which is read nowhere here."""
    return b"<!DOCTYPE" in path.read_bytes()


def _uses(node: Element, namespace: str) -> bool:
    """True when the schema around an import names something of that namespace."""
    schema = node.getparent()
    return schema is not None and any(
        one.nsmap.get(_prefix(value)) == namespace
        for one in schema.iter(f"{_XS}*")
        for attribute in _NAMING
        if (value := one.get(attribute)) is not None
    )


def _prefix(name: str) -> str | None:
    prefix, colon, _ = name.partition(":")
    return prefix if colon else None
