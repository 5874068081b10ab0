"""What is personal in a document, and whatever repeats it, masked."""

from __future__ import annotations

import gzip
import re
from base64 import b64encode
from collections.abc import Callable, Collection

from singlewindow.errors import SingleWindowError
from singlewindow.xsd.parser import Element, parse
from singlewindow.xsd.soap_envelope import MalformedSoap, write
from singlewindow.xsd.wsdl_replies import PayloadForm, unpack

MASK = "…"
"""What stands in place of a personal text."""
LEAST_CHARACTERS = 5
"""A shorter text is masked where its element says what it is; elsewhere it would be found by chance, in a code say."""

_ENCODINGS = frozenset({"gbk", "gb18030"})
_SHORTEST_DOCUMENT = 40
_DEEPEST = 3
"""Documents within documents that are opened."""


class PersonalTexts:
    """Masks the elements of these local names, and the texts that stood in them wherever else they stand.

    Originals go first, then what answers them. Documents within a document are opened where they are XML: as text, in
    Base64, and that compressed; anything else that is packed, such as a PDF, stays as it is.
    """

    def __init__(self, names: Collection[str]) -> None:
        self._names = frozenset(names)
        self._known: set[str] = set()

    def mask_original(self, document: bytes) -> bytes:
        """The document masked, in UTF-8; as it is where nothing was. Raises Refused for what is no XML."""
        return self._mask(document, 0)

    def mask_reply(self, reply: bytes) -> bytes:
        """An answer masked; one that is no XML loses the texts that are known."""
        try:
            return self._mask(reply, 0)
        except SingleWindowError:
            return self._replace(reply.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")

    def _mask(self, document: bytes, depth: int) -> bytes:
        root = parse(document, encodings=_ENCODINGS)
        named = [element for name in self._names for element in root.iter("{*}" + name) if element.text]
        for element in named:
            self._known.add(str(element.text).strip())
            element.text = MASK
        repeated = [self._mask_element(element, depth) for element in root.iter("*")]
        return write(root) if named or any(repeated) else document

    def _mask_element(self, element: Element, depth: int) -> bool:
        """Text and attributes; whether anything changed."""
        before = (element.text, element.tail, dict(element.items()))
        if element.text:
            element.text = self._mask_text(str(element.text), depth)
        if element.tail:
            element.tail = self._replace(str(element.tail))
        for name, value in element.items():
            element.set(name, self._replace(str(value)))
        return before != (element.text, element.tail, dict(element.items()))

    def _mask_text(self, text: str, depth: int) -> str:
        for form, pack in _PACKINGS.items() if len(text) >= _SHORTEST_DOCUMENT and depth < _DEEPEST else ():
            try:
                document = unpack(text, form)
                masked = self._mask(document, depth + 1)
            except (MalformedSoap, SingleWindowError):
                continue
            return text if masked == document else pack(masked)
        return self._replace(text)

    def _replace(self, text: str) -> str:
        # the longest first, for one may hold another
        known = sorted((one for one in self._known if len(one) >= LEAST_CHARACTERS), key=len, reverse=True)
        return re.sub("|".join(map(re.escape, known)), MASK, text) if known else text


_PACKINGS: dict[PayloadForm, Callable[[bytes], str]] = {
    "text": lambda document: document.decode(),
    "base64": lambda document: b64encode(document).decode("ascii"),
    "gzip+base64": lambda document: b64encode(gzip.compress(document, mtime=0)).decode("ascii"),
}
