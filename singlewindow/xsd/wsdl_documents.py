"""What a request is made of: the original's units for XPath, documents derived by XSLT, and envelopes to complete."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lxml import etree

from singlewindow.errors import ConfigurationError, SingleWindowError
from singlewindow.xsd.parser import Element, new_parser, parse
from singlewindow.xsd.soap_envelope import NAMESPACES, VERSIONS, SoapVersion, start_envelope, write
from singlewindow.xsd.wsdl_expressions import Expression

EMPTY: Element = etree.Element("nothing")
"""The document where a request is about no declaration: a question, or a call for notices."""

_ENCODINGS = frozenset({"gbk", "gb18030"})
_CONTROL: Any = etree.XSLTAccessControl  # the published stubs know it without its attributes
_NO_FILES = _CONTROL.DENY_ALL


class Underivable(SingleWindowError):
    """An original from which the request cannot be made; sending it again cannot help."""

    code = "underivable"


class Original:
    """One message as filed, parsed when first looked into."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self._root: Element | None = None

    @property
    def root(self) -> Element:
        """The document's element. Raises Refused for what is no XML."""
        if self._root is None:
            self._root = parse(self.content, encodings=_ENCODINGS)
        return self._root

    def unit(self, path: Expression | None, ordinal: int) -> Element:
        """The declaration of this number, from 1; without a path the whole document is one. Raises Underivable."""
        if path is None:
            return self.root
        found = path.elements(self.root)
        if not 1 <= ordinal <= len(found):
            raise Underivable(f"the message has {len(found)} of {path.source}, and number {ordinal} is asked for")
        return found[ordinal - 1]


class Stylesheet:
    """One XSLT 1.0 stylesheet of an adapter's folder; it can read no file and reach no network."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._transform = etree.XSLT(etree.fromstring(path.read_bytes(), new_parser()), access_control=_NO_FILES)
        except (OSError, etree.XMLSyntaxError, etree.XSLTParseError, SingleWindowError) as error:
            raise ConfigurationError(f"{path}: {error}") from error

    def derive(self, document: Element, parameters: Mapping[str, str]) -> bytes:
        """The derived document, with an XML declaration unless the stylesheet leaves it out. Raises Underivable."""
        given: Any = {name: etree.XSLT.strparam(value) for name, value in parameters.items()}
        try:
            result = self._transform(document, **given)
        except etree.XSLTApplyError as error:
            raise Underivable(f"{self._path.name}: {error}") from error
        derived = bytes(result)
        if not derived:
            raise Underivable(f"{self._path.name} made nothing of the message")
        return derived


def embed(content: bytes) -> Element:
    """A document as an element to put into a request. Raises Refused for what is no XML."""
    return parse(content, encodings=_ENCODINGS)


def embed_text(content: bytes) -> str:
    """A document as a text to put into a request: without its XML declaration, whose encoding no longer holds."""
    return etree.tostring(parse(content, encodings=_ENCODINGS), encoding="unicode")


def write_envelope(envelope: Element, embedded: Mapping[str, Element], texts: Mapping[str, str]) -> tuple[bytes, bytes]:
    """The bytes for the wire, and those to keep: an original is replaced by its name there, whether it is embedded
    (`embedded`, by name) or stands as a text (`texts`, names by text).
    """
    wire = write(envelope)
    if not embedded and not texts:
        return wire, wire
    for name, element in embedded.items():
        parent = element.getparent()
        if parent is not None:
            parent.remove(element)
            parent.text = f"{parent.text or ''}{name}"
    for element in envelope.iter():
        if (name_of_text := texts.get(element.text or "")) is not None:
            element.text = name_of_text
    return wire, write(envelope)


def name_wrapper(envelope: Element, name: str) -> None:
    """Give the Body's element another local name."""
    for content in envelope.iterfind("{*}Body/*"):
        content.tag = f"{{{etree.QName(content).namespace or ''}}}{name}"


def write_empty_envelope(version: SoapVersion) -> bytes:
    """An envelope with nothing in its Body."""
    return write(start_envelope(version, None)[0])


def add_header(envelope: Element, path: str, value: str, namespaces: Mapping[str, str]) -> None:
    """Put a value into the envelope's Header, under elements named by a path such as `ag:Caller/ag:id`.

    Raises ConfigurationError for a prefix that is not declared.
    """
    node = _header_of(envelope)
    for step in path.split("/"):
        tag = _tag(step, namespaces)
        found = node.find(tag)
        node = found if found is not None else etree.SubElement(node, tag)
    node.text = value


def _header_of(envelope: Element) -> Element:
    soap = etree.QName(envelope).namespace or ""
    if soap not in VERSIONS:
        raise ConfigurationError(f"an envelope in one of {', '.join(NAMESPACES.values())} is needed")
    header = envelope.find(f"{{{soap}}}Header")
    if header is None:
        header = etree.Element(f"{{{soap}}}Header")
        envelope.insert(0, header)
    return header


def _tag(step: str, namespaces: Mapping[str, str]) -> str:
    prefix, _, name = step.rpartition(":")
    if prefix not in namespaces:
        raise ConfigurationError(f"the prefix {prefix!r} of the header element {step} is not among the namespaces")
    return f"{{{namespaces[prefix]}}}{name}"
