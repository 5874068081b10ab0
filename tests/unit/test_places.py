"""Where start tags are, beside what expat says of the same bytes."""

from __future__ import annotations

import codecs
from xml.parsers import expat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from singlewindow.xsd.places import StartTags

ENDS = st.sampled_from(["", "\n", "\r\n", "\r", " ", "\n\n  ", "\t"])
TEXTS = st.one_of(
    st.text(st.characters(codec="utf-8", categories=["Lu", "Lo", "Nd", "So"]), max_size=4),
    st.sampled_from(["<!-- <a> -> <b/> -->", "<![CDATA[<c>]] ></c>]]>", "<?pi <d> ?>", "&lt;e&gt;", "]]", "?>"]),
    ENDS,
)
ATTRIBUTES = st.sampled_from(["", ' x=">"', " y='/>'", '\n z="\u7535 "'])


@st.composite
def elements(draw: st.DrawFn, depth: int = 3) -> str:
    name, attributes = draw(st.sampled_from(["a", "\u7535", "_b", "p:c"])), draw(ATTRIBUTES)
    if draw(st.booleans()):
        return f"<{name}{attributes}{draw(ENDS)}/>"
    inner = st.one_of(TEXTS, elements(depth - 1)) if depth else TEXTS
    content = "".join(draw(st.lists(inner, max_size=4)))
    return f"<{name}{attributes}>{content}</{name}>"


@st.composite
def documents(draw: st.DrawFn) -> str:
    before = "".join(draw(st.lists(st.sampled_from(["<!-- <z> -->", "<?go <y>?>", "\n", "\r\n"]), max_size=3)))
    return draw(st.sampled_from(["", '<?xml version="1.0"?>'])) + before + draw(elements()) + draw(ENDS)


def by_expat(body: bytes, *, marked: bool) -> list[tuple[int, int]]:
    places: list[tuple[int, int]] = []
    parser = expat.ParserCreate()

    def note(_name: str, _attributes: object) -> None:
        line, before = parser.CurrentLineNumber, parser.CurrentColumnNumber
        # expat counts the mark as the first character of the first line
        places.append((line, before if marked and line == 1 else before + 1))

    parser.StartElementHandler = note
    parser.Parse(body, True)
    return places


@given(text=documents())
@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE])
def test_start_tags_are_where_expat_finds_them(mark: bytes, text: str) -> None:
    codec = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}.get(mark, "utf-8")
    body = mark + text.encode(codec)
    tags = StartTags(body)
    assert [tags.place(offset) for offset in tags.offsets] == by_expat(body, marked=bool(mark))
