"""The one XML door: bytes in, a tree out, or a refusal that says why and where.

Nothing a document names is ever fetched: only bytes are parsed, by a parser whose every field says its risk.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from lxml import etree

from singlewindow.errors import TraderMistake

LIBXML2_VERSION: tuple[int, int, int] = etree.LIBXML_VERSION
MAX_DEPTH = 64
MAX_ATTRIBUTES = 256
MAX_ELEMENTS = 400_000

_BOM_UTF8, _BOM_LE, _BOM_BE = b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"
_DECLARATION = re.compile(rb"""\A<\?xml\s+version\s*=\s*["']([^"']*)["'](?:\s+encoding\s*=\s*["']([^"']*)["'])?""")

_BYTE_ENCODINGS = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})
_ENCODINGS = _BYTE_ENCODINGS | {"utf-16", "utf-16le", "utf-16be"}

Element = etree._Element  # noqa: SLF001 - lxml has no public name for what it returns

_too_deep = etree.XPath("boolean(/" + "/".join("*" * (MAX_DEPTH + 1)) + ")")
_too_many_attributes = etree.XPath(f"boolean(//*[@*[{MAX_ATTRIBUTES + 1}]])")


class Refused(TraderMistake):
    """A body that cannot be judged at all: not well formed, forbidden, too large, or of an unknown kind."""

    def __init__(
        self, status: int, code: str, detail: str, *, line: int | None = None, column: int | None = None
    ) -> None:
        super().__init__(detail)
        self.status, self.code, self.line, self.column = status, code, line, column


@dataclass(frozen=True, slots=True)
class ParserPolicy:
    """What libxml2 is told, one risk a field."""

    resolve_entities: bool = False
    """True would load external parameter entities."""
    load_dtd: bool = False
    """True opens the external subset."""
    dtd_validation: bool = False
    attribute_defaults: bool = False
    """Each of the two turns loading on."""
    no_network: bool = True
    huge_tree: bool = False
    """True lifts libxml2's limits on text, depth and names."""
    recover: bool = False
    """True would guess what broken XML meant."""
    remove_comments: bool = True
    remove_pis: bool = True
    """A comment inside a number makes schema and program read different values."""


POLICY = ParserPolicy()


class _Deny(etree.Resolver):
    """Refuses whatever a document names, also where libxml2 would open a file by itself."""

    def resolve(self, *_named: object) -> None:
        raise Refused(400, "dtd-forbidden", "the document names something outside itself; remove it")


def parse(body: bytes, *, max_elements: int = MAX_ELEMENTS, encodings: frozenset[str] = frozenset()) -> Element:
    """The root of a well-formed document in UTF-8 or UTF-16 without DTD, entities or excess. Raises Refused."""
    if not body.strip():
        raise Refused(400, "empty-body", "the body is empty; send one XML document")
    _check_encoding(body)
    _check_size(body, max_elements)
    root = _parse(body)
    _check_document(root, body)
    return root


def to_utf8(body: bytes, encodings: frozenset[str] = frozenset()) -> bytes:
    """PLACEHOLDER: the owner of this file writes it."""
    return body


def declared_encoding(body: bytes) -> str:
    """PLACEHOLDER: the owner of this file writes it."""
    return "utf-8"


def new_parser() -> etree.XMLParser:
    """A parser of our policy. Each parse has its own: its error log must never hold another trader's text."""
    parser = etree.XMLParser(
        resolve_entities=POLICY.resolve_entities,
        load_dtd=POLICY.load_dtd,
        dtd_validation=POLICY.dtd_validation,
        attribute_defaults=POLICY.attribute_defaults,
        no_network=POLICY.no_network,
        huge_tree=POLICY.huge_tree,
        recover=POLICY.recover,
        remove_comments=POLICY.remove_comments,
        remove_pis=POLICY.remove_pis,
    )
    parser.resolvers.add(_Deny())
    return parser


def _parse(body: bytes) -> Element:
    parser = new_parser()
    try:
        return etree.fromstring(body, parser)
    except etree.XMLSyntaxError as error:
        log = parser.error_log
        if not len(log):
            raise Refused(413, "too-large", "the document needs more memory than one message may") from None
        first = log[0]
        raise Refused(
            400, "not-well-formed", _plain(first.message), line=max(first.line, 1), column=max(first.column, 1)
        ) from error
    except (LookupError, ValueError) as error:
        raise Refused(415, "unsupported-encoding", "the encoding named in the document is not supported") from error


def _plain(message: str) -> str:
    return f"the document is not well-formed XML: {' '.join(message.split())[:200]}"


def _check_encoding(body: bytes) -> None:
    """UTF-8 with or without BOM, or UTF-16 with BOM and an agreeing declaration; everything else is 415."""
    if body.startswith((b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff", b"\x4c\x6f\xa7\x94")):
        raise _unsupported("UTF-32 or EBCDIC")
    if body.startswith((_BOM_LE, _BOM_BE)):
        _check_utf16(body)
        return
    text = body[3:] if body.startswith(_BOM_UTF8) else body
    if b"\x00" in text[:2]:
        raise _unsupported("UTF-16 or UTF-32 without byte order mark")
    _check_declaration(text, _BYTE_ENCODINGS)
    try:
        text.decode("utf-8")
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        column = error.start - (text.rfind(b"\n", 0, error.start) + 1) + 1
        raise Refused(400, "bad-encoding", "the bytes are not UTF-8", line=line, column=column) from None


def _check_utf16(body: bytes) -> None:
    try:
        text = body.decode("utf-16")
    except UnicodeDecodeError:
        raise Refused(400, "bad-encoding", "the bytes are not UTF-16") from None
    _check_declaration(text[:200].encode("utf-8", "replace"), frozenset({"utf-16"}))


def _check_declaration(text: bytes, allowed: frozenset[str]) -> None:
    declared = _DECLARATION.match(text)
    if declared is None:
        return
    if declared[1] != b"1.0":
        raise Refused(400, "xml-version", 'only XML 1.0 is taken; write version="1.0"', line=1, column=1)
    encoding = (declared[2] or b"").decode("ascii", "replace").lower()
    if encoding and encoding not in allowed:
        raise _unsupported(encoding[:40])


def _unsupported(what: str) -> Refused:
    return Refused(415, "unsupported-encoding", f"{what} is not taken; send UTF-8, or UTF-16 with byte order mark")


def count_elements(body: bytes) -> int:
    """At most this many elements, counted without parsing: each needs a `<` that does not start an end tag."""
    ends = body.count(b"</") + body.count(b"<\x00/")  # in UTF-8, and in UTF-16 of either order
    return body.count(b"<") - ends


def _check_size(body: bytes, max_elements: int) -> None:
    if count_elements(body) > max_elements:
        raise Refused(413, "too-many-elements", f"more than {max_elements:,} elements; send several messages")


def _check_document(root: Element, body: bytes) -> None:
    information: Any = root.getroottree().docinfo  # the published stubs lack doctype
    if information.doctype or information.internalDTD is not None:
        raise Refused(400, "dtd-forbidden", "a DOCTYPE is not allowed; remove it", line=1, column=1)
    if (information.encoding or "UTF-8").lower() not in _ENCODINGS:
        raise _unsupported(information.encoding[:40])
    if _too_deep(root):
        raise Refused(400, "too-deep", f"elements are nested deeper than {MAX_DEPTH}")
    # every attribute needs an equals sign: most documents have too few to be looked through
    if body.count(b"=") > MAX_ATTRIBUTES and _too_many_attributes(root):
        raise Refused(400, "too-many-attributes", f"an element has more than {MAX_ATTRIBUTES} attributes")
