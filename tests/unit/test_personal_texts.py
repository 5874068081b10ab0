"""Recordings hold nothing personal: not where its element says so, and not where something repeats it."""

from __future__ import annotations

import gzip
from base64 import b64decode, b64encode

import pytest

from singlewindow.errors import SingleWindowError
from singlewindow.xsd.personal_texts import LEAST_CHARACTERS, MASK, PersonalTexts

PHONE = "13800138000"
ORIGINAL = f'<x xmlns="u"><phone>{PHONE}</phone><name>n</name></x>'.encode()


def texts() -> PersonalTexts:
    """Those of an original with a phone number."""
    known = PersonalTexts(["phone"])
    known.mask_original(ORIGINAL)
    return known


def test_what_is_personal_is_masked_and_nothing_else_is_touched() -> None:
    masked = PersonalTexts(["phone"]).mask_original(ORIGINAL)
    assert PHONE.encode() not in masked
    assert MASK.encode() in masked
    assert b"<name>n</name>" in masked
    assert PersonalTexts(["other"]).mask_original(ORIGINAL) is ORIGINAL


@pytest.mark.parametrize(
    "reply",
    [
        f"<r><phone>{PHONE}</phone></r>",
        f"<r>the number {PHONE} is wrong</r>",
        f'<r why="{PHONE}"><a/>{PHONE}</r>',
        f"no XML at all: {PHONE}",
        f"<r><![CDATA[<inner><any>{PHONE}</any><padding>{'-' * 40}</padding></inner>]]></r>",
    ],
)
def test_a_reply_that_repeats_it_is_masked_wherever_it_does(reply: str) -> None:
    masked = texts().mask_reply(reply.encode())
    assert PHONE.encode() not in masked
    assert MASK.encode() in masked


@pytest.mark.parametrize("zipped", [False, True])
def test_a_document_packed_into_a_reply_is_opened_masked_and_packed_again(zipped: bool) -> None:  # noqa: FBT001
    inner = f"<inner><any>{PHONE}</any><padding>{'-' * 40}</padding></inner>".encode()
    packed = b64encode(gzip.compress(inner) if zipped else inner)
    masked = texts().mask_reply(b"<r>" + packed + b"</r>")
    content = b64decode(masked.partition(b"<r>")[2].partition(b"</r>")[0])
    content = gzip.decompress(content) if zipped else content
    assert PHONE.encode() not in content
    assert b"<padding>" in content


def test_a_short_text_is_masked_in_its_own_element_only() -> None:
    short = "A1"
    assert len(short) < LEAST_CHARACTERS
    known = PersonalTexts(["phone"])
    assert short.encode() not in known.mask_original(f"<x><phone>{short}</phone></x>".encode())
    reply = f"<r><code>{short}</code></r>".encode()
    assert known.mask_reply(reply) is reply


def test_an_original_that_is_no_xml_is_refused() -> None:
    with pytest.raises(SingleWindowError):
        PersonalTexts(["phone"]).mask_original(b"none")
