"""Base64 in XML, and texts that are none."""

from __future__ import annotations

from base64 import b64encode

import pytest
from lxml import etree

from singlewindow.adapters.stub.unpacking import documents_in
from singlewindow.xsd.base64_text import decode_base64

WORDS = "出口货物申报单" * 10


def test_line_breaks_and_blanks_are_no_part_of_it() -> None:
    assert decode_base64(" YW\r\n\tJj ") == b"abc"


@pytest.mark.parametrize("text", ["YWJ", "YW!j", WORDS])
def test_what_is_none_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"padding|base64|ASCII"):
        decode_base64(text)


def test_a_stub_reads_words_beyond_ascii_as_they_are_and_unpacks_what_is_packed() -> None:
    packed = b64encode(WORDS.encode()).decode()
    request = etree.fromstring(f"<request><note>{WORDS}</note><document>{packed}</document></request>")
    assert list(documents_in(request)) == [WORDS.encode(), WORDS.encode()]
