"""Writing a generated message: every lawful way to write the same elements, and where each of them then stands."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from random import Random

from tests.unit.ceb_generator import CEB, Node

_COMMENTS = ("<!-- 备注 -->", "<!--\n<orderNo>-->", "<?note any?>")
_ENCODINGS = {
    "UTF-8": (b"", "utf-8"),
    "utf-8": (codecs.BOM_UTF8, "utf-8"),
    "UTF-16": (codecs.BOM_UTF16_LE, "utf-16-le"),
    "utf-16": (codecs.BOM_UTF16_BE, "utf-16-be"),
}


@dataclass(frozen=True, slots=True)
class Style:
    """How a message is written; `encoding` is a key of the encodings, which says the byte order mark too."""

    prefix: str
    indentation: str | None
    line_end: str
    encoding: str
    declared: bool
    comments: float
    cdata: float
    quote: str


def random_style(random: Random) -> Style:
    return Style(
        prefix=random.choice(("ceb:", "ceb:", "c:", "", "")),
        indentation=random.choice((None, "", "  ", "\t", "    ")),
        line_end=random.choice(("\n", "\n", "\r\n")),
        encoding=random.choice(("UTF-8", "UTF-8", "UTF-8", *_ENCODINGS)),
        declared=random.random() < 0.8,
        comments=random.choice((0.0, 0.0, 0.05)),
        cdata=random.choice((0.0, 0.0, 0.1)),
        quote=random.choice("\"'"),
    )


class Writer:
    """Writes one message. `places` has line and column, from 1 in characters, of every start tag written."""

    def __init__(self, random: Random, style: Style) -> None:
        self._random, self._style = random, style
        self._pieces: list[str] = []
        self._line, self._column = 1, 1
        self.places: dict[Node, tuple[int, int]] = {}

    def write(self, root: Node) -> bytes:
        """The bytes of the message."""
        mark, codec = _ENCODINGS[self._style.encoding]
        if self._style.declared:
            self._put(f'<?xml version="1.0" encoding="{self._style.encoding}"?>')
            self._break_line(0)
        self._write_element(root, 0)
        return mark + "".join(self._pieces).encode(codec)

    def _put(self, text: str) -> None:
        """`text` has plain line ends; they are written as those of the style."""
        lines = text.count("\n")
        self._line += lines
        self._column = len(text) - text.rfind("\n") if lines else self._column + len(text)
        self._pieces.append(text.replace("\n", self._style.line_end) if lines else text)

    def _break_line(self, depth: int) -> None:
        if self._style.indentation is not None:
            self._put("\n" + self._style.indentation * depth)
        if self._style.comments and self._random.random() < self._style.comments:
            self._put(self._random.choice(_COMMENTS))

    def _write_element(self, node: Node, depth: int) -> None:
        self.places[node] = (self._line, self._column)
        if node.verbatim is not None:
            self._put(node.verbatim)
            return
        name = self._style.prefix + node.name if node.namespace == CEB else node.name
        self._put(f"<{name}{self._attributes(node)}")
        if not node.text and not node.children and not node.stray and self._random.random() < 0.5:
            self._put("/>")
            return
        self._put(">")
        self._write_content(node, depth)
        self._put(f"</{name}>")

    def _attributes(self, node: Node) -> str:
        written = [f" {name}={self._quoted(value)}" for name, value in node.attributes.items()]
        if node.parent is None:
            prefix = self._style.prefix.removesuffix(":")
            written.append(f" xmlns{':' if prefix else ''}{prefix}={self._quoted(CEB)}")
        elif node.namespace != CEB:
            written.append(f" xmlns={self._quoted(node.namespace)}")
        self._random.shuffle(written)
        return "".join(written)

    def _quoted(self, value: str) -> str:
        quote = self._style.quote
        return (
            quote + _escape(value).replace(quote, "&quot;" if quote == '"' else "&apos;").replace("\n", "&#10;") + quote
        )

    def _write_content(self, node: Node, depth: int) -> None:
        if node.text:
            self._put(self._text(node.text))
        for index, child in enumerate(node.children):
            self._put(node.stray.get(index, ""))
            if node.text is None:
                self._break_line(depth + 1)
            self._write_element(child, depth + 1)
        self._put(node.stray.get(len(node.children), ""))
        if node.children and node.text is None:
            self._break_line(depth)

    def _text(self, text: str) -> str:
        if self._random.random() < self._style.cdata and "]]>" not in text:
            return f"<![CDATA[{text}]]>"
        return _escape(text)


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
