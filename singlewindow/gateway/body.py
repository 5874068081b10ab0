"""Reading a request's body within its limits: media type, content encoding, size, time, and a bounded gunzip."""

from __future__ import annotations

import asyncio
import re
import zlib
from contextlib import suppress

from aiohttp import web

from singlewindow.gateway.in_flight import Hold
from singlewindow.gateway.refusals import HttpRefusal
from singlewindow.settings import Settings

PACE_SECONDS = 10.0
"""Each time so long a part of the body at the least rate must have come: a stall is not borne to the deadline."""

_WITH_HEADERS = 65_536

KEPT_BYTES = 1_000_000
"""Of a body that is refused while it is read, as much goes with the refusal."""

XML_TYPES = frozenset({"application/xml", "text/xml"})
JSON_TYPES = frozenset({"application/json"})
FORM_TYPES = frozenset({"application/x-www-form-urlencoded"})
SOAP_TYPES = frozenset({"text/xml", "application/soap+xml"})
MTOM_TYPES = frozenset({"multipart/related"})

CHARSETS = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "utf-16": "utf-16",
    "gbk": "gbk",
    "gb2312": "gb2312",
    "gb18030": "gb18030",
}
"""Values of the Content-Type's charset that are taken, by their usual name; the XML door decides per message set."""

_DECLARED = re.compile(rb"""<\?xml[^>]{0,80}?encoding\s{0,9}=\s{0,9}["']([A-Za-z0-9._-]{1,40})["']""")


def _hold_nothing(_size: int) -> None:
    """Of who is not limited in what is kept of it."""


async def read_body(
    request: web.Request, settings: Settings, media_types: frozenset[str], *, hold: Hold = _hold_nothing
) -> bytes:
    """The body as its sender meant it, at most `max_body_bytes`. Raises HttpRefusal: 400, 408, 413 or 415, and what
    `hold` raises, which is told of everything that is kept.
    """
    charset = _check_media_type(request, media_types)
    zipped = _check_content_encoding(request)
    limit = settings.max_body_bytes
    if (request.content_length or 0) > limit:
        raise _too_large(limit)
    await _send_continue(request)
    received = bytearray()
    try:
        await _receive(request, settings, received, hold)
        body = bytes(received)
        if zipped:
            body = await asyncio.to_thread(gunzip, body, limit)
            hold(len(body))
        _check_charset(charset, body)
    except HttpRefusal as refusal:
        refusal.received = bytes(received[:KEPT_BYTES])
        raise
    return body


async def read_start(request: web.Request, *, timeout_seconds: float = 5.0) -> bytes:
    """The first KEPT_BYTES of a body that nothing was read of, or what came of them in time."""
    start = bytearray()
    if request.headers.get("Expect"):
        return b""  # it was not asked for and does not come
    with suppress(TimeoutError, web.RequestPayloadError, ConnectionError):
        async with asyncio.timeout(timeout_seconds):
            while len(start) < KEPT_BYTES and (chunk := await request.content.readany()):
                start += chunk
    return bytes(start[:KEPT_BYTES])


def gunzip(compressed: bytes, limit: int) -> bytes:
    """Inflate one or more gzip members to at most `limit` bytes. Raises HttpRefusal: 400 when broken, 413 past it."""
    inflated, rest = bytearray(), compressed
    while rest or not inflated:
        member = zlib.decompressobj(wbits=31)
        try:
            inflated += member.decompress(rest, limit + 1 - len(inflated))
        except zlib.error as error:
            raise _broken_gzip() from error
        if len(inflated) > limit:
            raise _too_large(limit)
        if not member.eof:
            raise _broken_gzip()
        rest = member.unused_data
    return bytes(inflated)


def declared_encoding(body: bytes) -> str:
    """The encoding a document states by its byte order mark or XML declaration, UTF-8 where it states none."""
    if body[:2] in (b"\xfe\xff", b"\xff\xfe"):
        return "utf-16"
    found = _DECLARED.match(body.removeprefix(b"\xef\xbb\xbf")[:200])
    return found[1].decode("ascii").lower() if found else "utf-8"


def _check_media_type(request: web.Request, media_types: frozenset[str]) -> str | None:
    """The charset parameter under its usual name, None where there is none."""
    stated = request.headers.get("Content-Type", "").strip()
    try:
        media_type, charset = request.content_type, request.charset
    except (LookupError, TypeError, ValueError):
        media_type, charset = "", None  # in some of what is no media type Python's parser loses its way
    if not stated or media_type not in media_types:
        expected = " or ".join(sorted(media_types))
        raise HttpRefusal(415, "unsupported-media-type", f"send Content-Type: {expected}")
    if charset is not None and charset.lower() not in CHARSETS:
        raise HttpRefusal(415, "unsupported-media-type", f"charset may be {', '.join(CHARSETS)}")
    return None if charset is None else CHARSETS[charset.lower()]


def _check_content_encoding(request: web.Request) -> bool:
    """True for gzip."""
    stated = [value.strip().lower() for value in request.headers.getall("Content-Encoding", [])]
    if stated not in ([], ["identity"], ["gzip"]):
        raise HttpRefusal(415, "unsupported-content-encoding", "send gzip, once, or no Content-Encoding")
    return stated == ["gzip"]


async def _send_continue(request: web.Request) -> None:
    """Only now, after authentication and the checks of the headers, is the body asked for."""
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        # the final response has not begun yet
        request.writer.output_size = 0


async def _receive(request: web.Request, settings: Settings, body: bytearray, hold: Hold) -> None:
    """Read the body to its end into the buffer."""
    if request.content.is_eof() and 0 < (request.content_length or 0) < _WITH_HEADERS:
        body += request.content.read_nowait()  # it came with its headers: there is nothing to wait for
        hold(len(body))
        return
    pace = _Pace(settings)
    try:
        async with asyncio.timeout_at(pace.due_at) as deadline:
            while chunk := await request.content.readany():
                hold(len(chunk))
                body += chunk
                if len(body) > settings.max_body_bytes:
                    raise _too_large(settings.max_body_bytes)
                deadline.reschedule(pace.advance(len(body)))
    except TimeoutError:
        raise HttpRefusal(408, "request-timeout", pace.explain(), close=True) from None
    except web.RequestPayloadError:
        raise HttpRefusal(400, "bad-http", "the body is not framed as HTTP demands", close=True) from None


class _Pace:
    """When the next bytes are due: a quota within each PACE_SECONDS, everything within the body's deadline."""

    def __init__(self, settings: Settings) -> None:
        self._limit_seconds = settings.body_timeout_seconds
        self._rate = settings.body_bytes_per_second
        self._end = asyncio.get_running_loop().time() + self._limit_seconds
        self._quota, self.due_at = 0.0, self._end
        self.advance(0)

    def advance(self, received: int) -> float:
        """So many bytes have come; the loop's time at which more must have."""
        if self._rate and received >= self._quota:
            self._quota = received + self._rate * PACE_SECONDS
            self.due_at = min(self._end, asyncio.get_running_loop().time() + PACE_SECONDS)
        return self.due_at

    def explain(self) -> str:
        """Which of the two was missed."""
        if self.due_at < self._end:
            return f"the body came slower than {self._rate} bytes a second"
        return f"the body was not complete within {self._limit_seconds:g} seconds"


def _check_charset(charset: str | None, body: bytes) -> None:
    declared = declared_encoding(body)
    if charset is not None and CHARSETS.get(declared, declared) != charset:
        detail = f"Content-Type says {charset}, the document {declared}"
        raise HttpRefusal(400, "encoding-mismatch", detail)


def _too_large(limit: int) -> HttpRefusal:
    return HttpRefusal(413, "too-large", f"at most {limit} bytes are taken, also after gunzip")


def _broken_gzip() -> HttpRefusal:
    return HttpRefusal(400, "bad-content-encoding", "the body is not complete, intact gzip")
