"""The faults a network and an authority can show: each takes one HTTP exchange and spoils it in one way."""

from __future__ import annotations

import asyncio
import gzip
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Literal, Protocol
from uuid import uuid4

from singlewindow.xsd.soap_envelope import NAMESPACES, FaultRole, SoapVersion, http_headers
from singlewindow.xsd.soap_faults import Retry, SoapFault, write_fault

Malformation = Literal["html", "empty", "truncated", "namespace", "doctype", "huge", "gzip-bomb"]

HUGE_BYTES = 20_000_000
_UUID = rb"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
# our own header, and that of WS-Addressing
_CORRELATION = re.compile(rb"((?:callId|RelatesTo)(?:\s[^>]*)?>\s*(?:urn:uuid:)?)" + _UUID)
_TASK = re.compile(rb"(?<!callId>)" + _UUID)
_SOAP_NAMESPACE = re.compile(rb'="[^"]*/(?:envelope/|soap-envelope)"')
_DRIP_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class HttpMessage:
    """A request or reply: its first line, its headers as they came, and the body without transfer coding."""

    start: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def header(self, name: str) -> str:
        """The first header of this name, empty when absent."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")

    def to_bytes(self) -> bytes:
        """The message framed by Content-Length."""
        framing = {"content-length", "transfer-encoding", "connection"}
        kept = [f"{name}: {value}" for name, value in self.headers if name.lower() not in framing]
        head = "\r\n".join([self.start, *kept, f"Content-Length: {len(self.body)}", "", ""])
        return head.encode("latin-1") + self.body


class Exchange(Protocol):
    """One request that waits for its reply, and what can be done to it."""

    @property
    def request(self) -> HttpMessage:
        """What the client sent."""
        ...

    async def forward(self) -> HttpMessage:
        """Pass the request on and take the reply; each call is one more request upstream."""
        ...

    async def answer(self, raw: bytes) -> None:
        """Give the client these bytes."""
        ...

    async def half_close(self) -> None:
        """Say no more, and go on listening until the client leaves."""
        ...

    async def wait_for_client(self) -> None:
        """Return when the client has closed its side."""
        ...

    def close(self) -> None:
        """Close the connection in order (FIN)."""
        ...

    def reset(self) -> None:
        """Break the connection off (RST)."""
        ...


class Fault(Protocol):
    """One way to fail. Stateless, so that one instance serves every exchange."""

    async def strike(self, exchange: Exchange) -> None:
        """Answer the exchange, or fail to."""
        ...


@dataclass(frozen=True, slots=True)
class Refuse:
    """Break the connection off as soon as it is made; one that lives already, at its next request."""

    async def strike(self, exchange: Exchange) -> None:
        """See Fault."""
        exchange.reset()


@dataclass(frozen=True, slots=True)
class ResetAfterRequest:
    """Take the request, pass nothing on, and reset."""

    async def strike(self, exchange: Exchange) -> None:
        """See Fault."""
        exchange.reset()


@dataclass(frozen=True, slots=True)
class HalfClose:
    """The request is processed; of the reply come the first `after_bytes`, then one side is shut and the other not."""

    after_bytes: int = 0

    async def strike(self, exchange: Exchange) -> None:
        """See Fault."""
        reply = await exchange.forward()
        await exchange.answer(reply.to_bytes()[: self.after_bytes])
        await exchange.half_close()


@dataclass(frozen=True, slots=True)
class Hold:
    """Never answer; `processed` says whether the service gets the request."""

    processed: bool = False

    async def strike(self, exchange: Exchange) -> None:
        """See Fault."""
        if self.processed:
            await exchange.forward()
        await exchange.wait_for_client()


@dataclass(frozen=True, slots=True)
class Delay:
    """The reply comes, late."""

    seconds: float

    async def strike(self, exchange: Exchange) -> None:
        """See Fault."""
        reply = await exchange.forward()
        await asyncio.sleep(self.seconds)
        await exchange.answer(reply.to_bytes())


@dataclass(frozen=True, slots=True)
class Drip:
    """The reply comes in drops, so that no single read ever times out."""

    bytes_per_second: float

    async def strike(self, exchange: Exchange) -> None:
        """See Fault."""
        raw = (await exchange.forward()).to_bytes()
        drop = max(1, int(self.bytes_per_second * _DRIP_SECONDS))
        for start in range(0, len(raw), drop):
            await exchange.answer(raw[start : start + drop])
            await asyncio.sleep(drop / self.bytes_per_second)


@dataclass(frozen=True, slots=True)
class Cut:
    """The request is processed; the reply ends after so many bytes, head included; negative counts from the end."""

    after_bytes: int

    async def strike(self, exchange: Exchange) -> None:
        """See Fault."""
        raw = (await exchange.forward()).to_bytes()
        await exchange.answer(raw[: self.after_bytes])
        exchange.close()


@dataclass(frozen=True, slots=True)
class DropReply:
    """The request is processed and the reply is lost."""

    async def strike(self, exchange: Exchange) -> None:
        """See Fault."""
        await exchange.forward()
        exchange.reset()


@dataclass(frozen=True, slots=True)
class DuplicateRequest:
    """The service gets the request twice; its second reply is passed on."""

    async def strike(self, exchange: Exchange) -> None:
        """See Fault."""
        await exchange.forward()
        await exchange.answer((await exchange.forward()).to_bytes())


@dataclass(frozen=True, slots=True)
class CorruptCorrelation:
    """The reply names another call than the one it answers."""

    async def strike(self, exchange: Exchange) -> None:
        """See Fault."""
        reply = await exchange.forward()
        body = _CORRELATION.sub(rb"\g<1>" + str(uuid4()).encode(), reply.body)
        await exchange.answer(replace(reply, body=body).to_bytes())


@dataclass(frozen=True, slots=True)
class ForeignTasks:
    """The reply is to this call and speaks of other tasks."""

    async def strike(self, exchange: Exchange) -> None:
        """See Fault."""
        reply = await exchange.forward()
        body = _TASK.sub(lambda _: str(uuid4()).encode(), reply.body)
        await exchange.answer(replace(reply, body=body).to_bytes())


@dataclass(frozen=True, slots=True)
class Status:
    """A bare HTTP status before anything is processed; a redirect names this very proxy."""

    status: int
    retry_after_seconds: int | None = None

    async def strike(self, exchange: Exchange) -> None:
        """See Fault."""
        headers = {"Content-Type": "text/plain"}
        if self.retry_after_seconds is not None:
            headers["Retry-After"] = str(self.retry_after_seconds)
        if self.status // 100 == 3:  # noqa: PLR2004 - the family of redirects
            headers["Location"] = f"http://{exchange.request.header('Host')}/elsewhere"
        await exchange.answer(_reply(self.status, headers, b"no").to_bytes())


@dataclass(frozen=True, slots=True)
class SoapFaultReply:
    """A SOAP Fault in the request's version before anything is processed; `status` 200 is what some servers send."""

    role: FaultRole = "server"
    status: int = 500
    retry: Retry | None = None

    async def strike(self, exchange: Exchange) -> None:
        """See Fault."""
        version: SoapVersion = "1.2" if NAMESPACES["1.2"].encode() in exchange.request.body else "1.1"
        fault = SoapFault("planted-fault", "a fault planted by the proxy", role=self.role, retry=self.retry)
        body = write_fault(fault, version=version)
        await exchange.answer(_reply(self.status, http_headers(version), body).to_bytes())


@dataclass(frozen=True, slots=True)
class Malformed:
    """The request is processed, and what comes back with HTTP 200 is no answer."""

    kind: Malformation

    async def strike(self, exchange: Exchange) -> None:
        """See Fault."""
        await exchange.answer(_MALFORMATIONS[self.kind](await exchange.forward()).to_bytes())


def _truncate(reply: HttpMessage) -> HttpMessage:
    return replace(reply, body=reply.body[: len(reply.body) * 2 // 3])


def _rename(reply: HttpMessage) -> HttpMessage:
    return replace(reply, body=_SOAP_NAMESPACE.sub(b'="urn:else"', reply.body))


def _declare_entity(reply: HttpMessage) -> HttpMessage:
    start = reply.body.find(b"?>") + 2 if reply.body.startswith(b"<?xml") else 0
    doctype = b'<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/hostname">]>'
    return replace(reply, body=reply.body[:start] + doctype + reply.body[start:])


def _compress(reply: HttpMessage) -> HttpMessage:
    bomb = gzip.compress(reply.body + b" " * HUGE_BYTES, 1)
    return replace(reply, headers=(*reply.headers, ("Content-Encoding", "gzip")), body=bomb)


_MALFORMATIONS: dict[Malformation, Callable[[HttpMessage], HttpMessage]] = {
    "html": lambda _: _reply(200, {"Content-Type": "text/html"}, b"<html><body><p>Please log in<br></body></html>"),
    "empty": lambda reply: replace(reply, body=b""),
    "truncated": _truncate,
    "namespace": _rename,
    "doctype": _declare_entity,
    "huge": lambda reply: replace(reply, body=reply.body + b" " * HUGE_BYTES),
    "gzip-bomb": _compress,
}


def _reply(status: int, headers: dict[str, str], body: bytes) -> HttpMessage:
    return HttpMessage(f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", tuple(headers.items()), body)
