"""The document a request carries: an original as it is, or what a stylesheet derives from it, packed as wanted."""

from __future__ import annotations

import gzip
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from singlewindow.adapters.declared.configuration import BodyForm
from singlewindow.adapters.soap_shapes import ANY, Shape
from singlewindow.errors import ConfigurationError
from singlewindow.xsd.wsdl_documents import Original, Stylesheet, embed, embed_text

BODY = "$body"


@dataclass(frozen=True, slots=True)
class Packed:
    """A value for zeep, and the text that stands for it in the envelope, None where it is an element. An `attachment`
    leaves the envelope before it is sent.
    """

    value: Any
    text: str | None
    attachment: bytes | None = None


class BodyMaker:
    """Packs documents in one form. A compressed document carries no time, so that preparing twice gives the same."""

    def __init__(self, form: BodyForm, stylesheet: Stylesheet | None) -> None:
        self._form = form
        self._stylesheet = stylesheet

    @property
    def derives(self) -> bool:
        """True when what goes out is not the original."""
        return self._stylesheet is not None

    @property
    def packs(self) -> bool:
        """True when the document stands there as Base64."""
        return self._form != "xml"

    def check(self, shape: Shape) -> None:
        """Raises ConfigurationError where a document in this form cannot stand."""
        if shape.name != ANY and shape.children:
            raise ConfigurationError(f"{shape.name} is not simple and takes no whole document")
        if self._form == "xml" and shape.is_binary:
            raise ConfigurationError(f'{shape.name} is Base64; body is "base64" or "gzip+base64" there')
        if self._form == "mtom" and not shape.is_binary:
            raise ConfigurationError(f'{shape.name} is not Base64; body = "mtom" takes no other place')
        if self._form != "xml" and shape.name == ANY:
            raise ConfigurationError('an open element takes only body = "xml"')

    def make(self, original: Original, parameters: Mapping[str, str], shape: Shape) -> Packed:
        """The document for a place of this shape. Raises Refused and Underivable for an unfit original."""
        content = original.content
        if self._stylesheet is not None:
            content = self._stylesheet.derive(original.root, parameters)
        if self._form == "xml":
            return _as_xml(content, shape)
        packed = gzip.compress(content, mtime=0) if self._form == "gzip+base64" else content
        text = b64encode(packed).decode("ascii")
        return Packed(packed if shape.is_binary else text, text, packed if self._form == "mtom" else None)


def _as_xml(content: bytes, shape: Shape) -> Packed:
    if shape.name == ANY:
        return Packed(embed(content), None)
    text = embed_text(content)
    return Packed(text, text)
