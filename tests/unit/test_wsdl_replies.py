"""What stands packed within a reply, and what stands there in its place."""

from __future__ import annotations

from typing import Literal

import pytest

from singlewindow.xsd.soap_envelope import MalformedSoap
from singlewindow.xsd.wsdl_replies import unpack


@pytest.mark.parametrize("form", ["base64", "gzip+base64"])
@pytest.mark.parametrize("text", ["系统繁忙", "é===", "A", "QUI=!", "busy, try again"])
def test_words_in_place_of_what_should_be_packed_are_malformed(
    text: str, form: Literal["base64", "gzip+base64"]
) -> None:
    with pytest.raises(MalformedSoap, match="cannot be unpacked"):
        unpack(text, form)


def test_packed_content_may_be_broken_into_lines() -> None:
    assert unpack(" QU\r\nJD\t", "base64") == b"ABC"
