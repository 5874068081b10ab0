"""MTOM: envelopes whose binary content travels beside them as parts of a multipart/related message (RFC 2387, XOP)."""

from __future__ import annotations

import binascii
import re
import secrets
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser

from singlewindow.errors import AgencyError
from singlewindow.xsd.soap_envelope import MalformedSoap
from singlewindow.xsd.xop import include_parts, write_include

XOP_TYPE = "application/xop+xml"
MULTIPART = "multipart/related"
MOST_PARTS = 100
MOST_HEADER_BYTES = 8192
LONGEST_BOUNDARY = 70
"""RFC 2046, 5.1.1."""

_ROOT_TYPES = frozenset({XOP_TYPE, "text/xml", "application/soap+xml"})
_PLAIN = frozenset({"binary", "8bit", "7bit", ""})
_WHITE = b" \t\r\n"
_END_OF_HEADERS = re.compile(rb"\r?\n\r?\n")
_ROOT = "envelope@singlewindow"


@dataclass(frozen=True, slots=True)
class Part:
    """One part: its media type, the name in its Content-ID (empty: it has none), and its content, decoded."""

    media_type: str
    name: str
    content: bytes


def is_multipart(content_type: str) -> bool:
    """True for a message of several parts."""
    return content_type.partition(";")[0].strip().lower() == MULTIPART


def open_mtom(body: bytes, content_type: str) -> bytes:
    """The envelope of a multipart message with its parts put in; any other body as it is.

    Raises MalformedSoap for a message that is cut off, nested, or names what is not in it.
    """
    if not is_multipart(content_type):
        return body
    stated = Message()
    stated["Content-Type"] = content_type
    parts = list(_split(body, _parameter(stated, "boundary")))
    root = _find_root(parts, _parameter(stated, "start").strip("<> "))
    return include_parts(root.content, _by_name(parts, root))


def pack_mtom(envelope: bytes, contents: Sequence[bytes], headers: Mapping[str, str]) -> tuple[dict[str, str], bytes]:
    """HTTP headers and body of a message whose envelope includes these contents where it holds their Base64.

    Raises AgencyError, never temporary, for a content that the envelope does not hold.
    """
    parts = []
    for number, content in enumerate(contents, 1):
        name, place = f"{number}@singlewindow", b">" + b64encode(content) + b"<"
        if place not in envelope:
            raise AgencyError("an attachment has no place in the envelope", temporary=False)
        envelope = envelope.replace(place, b">" + write_include(name) + b"<", 1)
        parts.append(_write_part(name, "application/octet-stream", content))
    inner = headers.get("Content-Type", "text/xml")
    soap_type = inner.partition(";")[0].strip()
    root = _write_part(_ROOT, f'{XOP_TYPE}; charset=UTF-8; type="{soap_type}"', envelope)
    boundary = f"singlewindow-{secrets.token_hex(16)}"
    delimiter = f"\r\n--{boundary}".encode()
    body = b"".join(delimiter + b"\r\n" + part for part in (root, *parts)) + delimiter + b"--\r\n"
    stated = f'{MULTIPART}; boundary="{boundary}"; type="{XOP_TYPE}"; start="<{_ROOT}>"; start-info="{soap_type}"'
    return {**headers, "Content-Type": stated + _action(inner), "MIME-Version": "1.0"}, body[2:]


def _action(content_type: str) -> str:
    """SOAP 1.2 says the action in the media type, also of the whole message."""
    found = re.search(r';\s*action="[^"]*"', content_type)
    return found[0] if found else ""


def _write_part(name: str, content_type: str, content: bytes) -> bytes:
    headers = f"Content-Type: {content_type}\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <{name}>\r\n\r\n"
    return headers.encode() + content


def _split(body: bytes, boundary: str) -> Iterator[Part]:
    """The parts between the delimiters. Raises MalformedSoap where the last of them is missing."""
    if not 0 < len(boundary) <= LONGEST_BOUNDARY or not boundary.isascii():
        raise MalformedSoap("the Content-Type of several parts names no boundary that can be used")
    delimiter = re.compile(rb"(?:\A|\r?\n)--" + re.escape(boundary.encode()) + rb"(--)?[ \t]*(?=\r?\n|\Z)")
    start = None
    for number, found in enumerate(delimiter.finditer(body)):
        if number > MOST_PARTS:
            raise MalformedSoap(f"more than {MOST_PARTS} parts")
        if start is not None:
            yield _read_part(body[start : found.start()])
        if found[1]:
            return
        start = found.end()
    raise MalformedSoap("the message of several parts is cut off")


def _read_part(raw: bytes) -> Part:
    content = raw.removeprefix(b"\r").removeprefix(b"\n")
    end = _END_OF_HEADERS.search(content, 0, MOST_HEADER_BYTES)
    if end is None:
        raise MalformedSoap(f"a part without headers, or with more than {MOST_HEADER_BYTES} bytes of them")
    headers = BytesHeaderParser().parsebytes(content[: end.end()])
    media_type = headers.get_content_type()
    if media_type.startswith(("multipart/", "message/")):
        raise MalformedSoap("parts within a part")
    name = str(headers.get("Content-ID", "")).strip().strip("<>")
    return Part(media_type, name, _decode(content[end.end() :], str(headers.get("Content-Transfer-Encoding", ""))))


def _decode(content: bytes, encoding: str) -> bytes:
    stated = encoding.strip().lower()
    if stated in _PLAIN:
        return content
    if stated != "base64":
        raise MalformedSoap(f"a part in the transfer encoding {stated[:40]!r}")
    try:
        return b64decode(content.translate(None, _WHITE), validate=True)
    except binascii.Error as error:
        raise MalformedSoap(f"a part cannot be decoded: {error}") from error


def _find_root(parts: Sequence[Part], start: str) -> Part:
    root = next((part for part in parts if part.name == start), None) if start else next(iter(parts), None)
    if root is None or root.media_type not in _ROOT_TYPES:
        raise MalformedSoap(f"the message of several parts has no envelope in {XOP_TYPE}")
    return root


def _by_name(parts: Sequence[Part], root: Part) -> dict[str, bytes]:
    named: dict[str, bytes] = {}
    for part in parts:
        if part.name in named:
            raise MalformedSoap("two parts of one name")
        if part.name and part is not root:
            named[part.name] = part.content
    return named


def _parameter(message: Message, name: str) -> str:
    try:
        value = message.get_param(name, "")
    except (TypeError, ValueError):
        return ""  # where continuations (RFC 2231) contradict each other, Python's parser loses its way
    return value if isinstance(value, str) else ""
