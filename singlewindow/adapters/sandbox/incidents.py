"""What befalls one call, by word or by weather: refused before any effect, answered late, acted upon and not told."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, Literal

from aiohttp import web

from singlewindow.adapters.sandbox.magic import FAILED_ATTEMPTS, SLOW_SECONDS
from singlewindow.adapters.sandbox.weather import Fault
from singlewindow.xsd.soap_envelope import SoapMessage, SoapVersion, http_headers
from singlewindow.xsd.soap_faults import SoapFault, fault_status, write_fault

HALF_OPEN_SECONDS: Final = 1.0
"""How long the reading half of a half-closed connection stays open."""

TRANSPORT_WORDS: Final = frozenset({"SLOW", "FAULT", "FAULTC", "HTTP500", "LOST"})

_DOCTYPE = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]>'
_HTML = b"<!DOCTYPE html><html><body><h1>It works!</h1><br></body></html>"
_FOREIGN = b'<?xml version="1.0"?><order xmlns="urn:some:other:service"><number>1</number></order>'


@dataclass(frozen=True, slots=True)
class Incident:
    """What befalls one call. `form`, from 0 to 1, chooses how a reply is malformed; `reason` is told if it can be."""

    fault: Fault | Literal["client_fault"] | None = None
    slow_seconds: float = 0.0
    retry_after_seconds: int = 1
    form: float = 0.0
    reason: str = ""


def ask_magic(words: frozenset[str], attempt: int) -> Incident | None:
    """What the magic words want of this attempt (from 1); None without a word about transport."""
    if not words & TRANSPORT_WORDS:
        return None
    early = attempt <= FAILED_ATTEMPTS
    if "FAULTC" in words:
        return Incident("client_fault", reason="FAULTC in the reference asks for this")
    if "FAULT" in words and early:
        return Incident("server_fault", reason="FAULT in the reference asks for this; the next attempts will be taken")
    if "HTTP500" in words and early:
        return Incident("http_500", reason="HTTP500 in the reference asks for this")
    slow_seconds = SLOW_SECONDS if "SLOW" in words else 0.0
    return Incident("lost_reply" if "LOST" in words and attempt == 1 else None, slow_seconds)


def refuse(incident: Incident, message: SoapMessage) -> web.Response | None:
    """The answer of an agency that does nothing; None when it acts."""
    match incident.fault:
        case "http_500":
            return web.Response(status=HTTPStatus.INTERNAL_SERVER_ERROR, text=incident.reason)
        case "http_503":
            headers = {"Retry-After": str(incident.retry_after_seconds)}
            return web.Response(status=HTTPStatus.SERVICE_UNAVAILABLE, text=incident.reason, headers=headers)
        case "server_fault":
            return answer_fault(SoapFault("sandbox-fault", incident.reason), message.version, message)
        case "client_fault":
            fault = SoapFault("sandbox-refusal", incident.reason, role="client")
            return answer_fault(fault, message.version, message)
        case _:
            return None


async def reply(request: web.Request, incident: Incident, message: SoapMessage, body: bytes) -> web.StreamResponse:
    """The answer of an agency that has acted, or what is left of it on its way."""
    await asyncio.sleep(incident.slow_seconds)
    headers = http_headers(message.version)
    match incident.fault:
        case "lost_reply":
            return drop(request)
        case "half_closed":
            return await _close_half(request, headers, body)
        case "malformed_reply":
            return web.Response(body=spoil(body, incident.form), headers=headers)
        case _:
            return web.Response(body=body, headers=headers)


def drop(request: web.Request) -> web.StreamResponse:
    """Reset the connection; what is returned reaches nobody."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def spoil(body: bytes, form: float) -> bytes:
    """What comes in place of a reply: one quarter of the forms each cut short, HTML, a foreign document, a DOCTYPE."""
    forms = (body[: len(body) * 2 // 3], _HTML, _FOREIGN, _DOCTYPE + body.partition(b"?>")[2])
    return forms[min(int(form * len(forms)), len(forms) - 1)]


def answer_fault(fault: SoapFault, version: SoapVersion, call: SoapMessage | None = None) -> web.Response:
    """A SOAP Fault with the status its version prescribes."""
    body = write_fault(fault, version=version, call=call)
    return web.Response(status=fault_status(fault, version), body=body, headers=http_headers(version))


async def _close_half(request: web.Request, headers: dict[str, str], body: bytes) -> web.StreamResponse:
    """Promise the whole, send half, say that no more will come, and go on listening for a while."""
    response = web.StreamResponse(headers=headers | {"Content-Length": str(len(body))})
    response.force_close()
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    if request.transport is not None and request.transport.can_write_eof():
        request.transport.write_eof()
    await asyncio.sleep(HALF_OPEN_SECONDS)
    return response
