"""The one XML door: bytes in, a tree out, or a refusal that says why and where.

Nothing a document names is ever fetched: only bytes are parsed, by a parser whose every field says its risk.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lxml import etree

from singlewindow.xsd.refused import Refused
from singlewindow.xsd.transcoding import declared_encoding, to_utf8, unsupported

__all__ = [
    "LIBXML2_VERSION",
    "MAX_ELEMENTS",
    "Element",
    "Refused",
    "count_elements",
    "declared_encoding",
    "new_parser",
    "parse",
    "to_utf8",
]

LIBXML2_VERSION: tuple[int, int, int] = etree.LIBXML_VERSION
MAX_DEPTH = 64
MAX_ATTRIBUTES = 256
MAX_ELEMENTS = 400_000

_ENCODINGS = frozenset({"utf-8", "us-ascii", "ascii", "utf-16", "utf-16le", "utf-16be"})

Element = etree._Element  # noqa: SLF001 - lxml has no public name for what it returns

_too_deep = etree.XPath("boolean(/" + "/".join("*" * (MAX_DEPTH + 1)) + ")")
_too_many_attributes = etree.XPath(f"boolean(//*[@*[{MAX_ATTRIBUTES + 1}]])")


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
    """The root of a well-formed document without DTD, entities or excess. Raises Refused.

    It is in UTF-8, in UTF-16 with its mark, or in one of `encodings` (`gbk`, `gb18030`).
    """
    if not body or body.isspace():
        raise Refused(400, "empty-body", "the body is empty; send one XML document")
    readable = to_utf8(body, encodings)
    _check_size(readable, max_elements)
    root = _parse(readable)
    _check_document(root, readable)
    return root


def new_parser(*, schema: etree.XMLSchema | None = None, target: Any = None) -> etree.XMLParser:
    """A parser of our policy. Each parse has its own: its error log must never hold another trader's text.

    With a schema, libxml2 judges while it reads; a target is told of each element instead of a tree being built.
    """
    parser = etree.XMLParser(
        target=target,
        schema=schema,
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


def count_elements(body: bytes) -> int:
    """At most this many elements, counted without parsing: each needs a `<` that does not start an end tag."""
    ends = body.count(b"</")
    if b"\x00" in body[:4]:
        ends += body.count(b"<\x00/")  # in UTF-16, of either order
    return body.count(b"<") - ends


def _check_size(body: bytes, max_elements: int) -> None:
    if count_elements(body) > max_elements:
        raise Refused(413, "too-many-elements", f"more than {max_elements:,} elements; send several messages")


def _check_document(root: Element, body: bytes) -> None:
    information: Any = root.getroottree().docinfo  # the published stubs lack doctype
    if information.doctype or information.internalDTD is not None:
        raise Refused(400, "dtd-forbidden", "a DOCTYPE is not allowed; remove it", line=1, column=1)
    if (information.encoding or "UTF-8").lower() not in _ENCODINGS:
        raise unsupported(information.encoding[:40])
    if _too_deep(root):
        raise Refused(400, "too-deep", f"elements are nested deeper than {MAX_DEPTH}")
    # every attribute needs an equals sign: most documents have too few to be looked through
    if body.count(b"=") > MAX_ATTRIBUTES and _too_many_attributes(root):
        raise Refused(400, "too-many-attributes", f"an element has more than {MAX_ATTRIBUTES} attributes")
