"""Which characters a body is written in: UTF-8, UTF-16 with byte order mark, and where a set allows it GBK or GB18030.

libxml2 would believe any declaration, and decode UTF-7 too; so the bytes are decoded here first, strictly.
"""

from __future__ import annotations

import re

from singlewindow.xsd.refused import Refused

_BOM_UTF8, _BOM_LE, _BOM_BE = b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"
_UTF32_OR_EBCDIC = (b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff", b"\x4c\x6f\xa7\x94")
_DECLARATION = re.compile(
    rb"""\A<\?xml[ \t\r\n]+version[ \t\r\n]*=[ \t\r\n]*["']([^"']*)["']"""
    rb"""([ \t\r\n]+encoding[ \t\r\n]*=[ \t\r\n]*["']([^"']*)["'])?"""
)

_BYTE_ENCODINGS = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})
FURTHER_ENCODINGS = {"gbk": "gbk", "gb2312": "gbk", "cp936": "gbk", "gb18030": "gb18030"}
"""What a set may take beside UTF-8 and UTF-16, with the codec that reads it; GBK holds all that GB2312 has."""


def to_utf8(body: bytes, encodings: frozenset[str] = frozenset()) -> bytes:
    """The body itself, or in UTF-8 where it is declared to be in one of `encodings`; lines and columns stay.

    Raises Refused: 400 for bytes that are not what they are declared to be, 415 for every other encoding.
    """
    if body.startswith(_UTF32_OR_EBCDIC):
        raise unsupported("UTF-32 or EBCDIC")
    if body.startswith((_BOM_LE, _BOM_BE)):
        text = _decode(body, "utf-16")
        _check_declared(text[:200].encode("utf-8", "replace"), frozenset({"utf-16"}))
        return body
    unmarked = body.removeprefix(_BOM_UTF8)
    if b"\x00" in unmarked[:2]:
        raise unsupported("UTF-16 or UTF-32 without byte order mark")
    codec = FURTHER_ENCODINGS.get(declared_encoding(body)) if unmarked is body else None
    if codec is not None and codec in {FURTHER_ENCODINGS.get(name) for name in encodings}:
        _check_declared(body, frozenset(FURTHER_ENCODINGS))
        return _decode(_blank_declaration(body), codec).encode()
    _check_declared(unmarked, _BYTE_ENCODINGS)
    _decode(unmarked, "utf-8")
    return body


def declared_encoding(body: bytes) -> str:
    """`utf-16` for a body with its mark, else what the XML declaration names: `gbk` for GB2312 too, by default `utf-8`.

    In lower case; not checked.
    """
    if body.startswith((_BOM_LE, _BOM_BE)):
        return "utf-16"
    found = _DECLARATION.match(body.removeprefix(_BOM_UTF8))
    declared = (found[3] or b"").decode("ascii", "replace").lower() if found else ""
    return FURTHER_ENCODINGS.get(declared, declared) or "utf-8"


def unsupported(what: str) -> Refused:
    """The refusal of an encoding."""
    return Refused(415, "unsupported-encoding", f"{what} is not taken; send UTF-8, or UTF-16 with byte order mark")


def _check_declared(text: bytes, allowed: frozenset[str]) -> None:
    declared = _DECLARATION.match(text)
    if declared is None:
        return
    if declared[1] != b"1.0":
        raise Refused(400, "xml-version", 'only XML 1.0 is taken; write version="1.0"', line=1, column=1)
    encoding = (declared[3] or b"").decode("ascii", "replace").lower()
    if encoding and encoding not in allowed:
        raise unsupported(encoding[:40])


def _blank_declaration(body: bytes) -> bytes:
    """The body with spaces where it names its encoding: UTF-8 is what libxml2 then takes it for."""
    found = _DECLARATION.match(body)
    if found is None or found[2] is None:
        return body
    blank = re.sub(rb"[^\r\n]", b" ", found[2])
    return body[: found.start(2)] + blank + body[found.end(2) :]


def _decode(body: bytes, codec: str) -> str:
    try:
        return body.decode(codec)
    except UnicodeDecodeError as error:
        detail = f"the bytes are not {codec.upper()}"
        if codec == "utf-16":
            raise Refused(400, "bad-encoding", detail) from None
        before = body[: error.start].decode(codec, "replace")
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        raise Refused(400, "bad-encoding", detail, line=line, column=column) from None
