"""References within a reply: put in where they stand, and never a way to grow without bounds."""

from __future__ import annotations

import pytest

from singlewindow.xsd.soap_envelope import NAMESPACES, MalformedSoap
from singlewindow.xsd.wsdl_replies import open_foreign


def reply(content: str) -> bytes:
    return f'<s:Envelope xmlns:s="{NAMESPACES["1.1"]}"><s:Body>{content}</s:Body></s:Envelope>'.encode()


def nested(levels: int, leaf: str = "<leaf/>") -> bytes:
    """So many levels of ten references each to the level below."""
    named = "".join(f'<m id="m{level}">' + f'<x href="#m{level - 1}"/>' * 10 + "</m>" for level in range(levels, 0, -1))
    return reply(f'<told href="#m{levels}"/>{named}<m id="m0">{leaf}</m>')


def test_references_are_followed_through_every_level() -> None:
    content = open_foreign(nested(3)).content
    assert sum(1 for _ in content.iter("leaf")) == 1000


def test_a_circle_of_references_ends() -> None:
    circle = reply('<told href="#a"/><m id="a"><x href="#b"/></m><m id="b"><x href="#a"/></m>')
    assert open_foreign(circle).content.tag == "told"


@pytest.mark.parametrize("bomb", [nested(7), nested(2, "x" * 1_000_000)], ids=["elements", "text"])
def test_a_reply_that_grows_by_its_references_is_refused(bomb: bytes) -> None:
    with pytest.raises(MalformedSoap, match="repeat"):
        open_foreign(bomb)
