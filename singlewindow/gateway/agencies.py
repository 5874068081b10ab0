"""POST /soap/agencies/{agency}: authorities push their notices; the reply comes after they are stored."""

from __future__ import annotations

import os

import structlog
from aiohttp import web

from singlewindow.errors import SingleWindowError, Unavailable
from singlewindow.gateway.authentication import authenticate_agency
from singlewindow.gateway.body import SOAP_TYPES, read_body
from singlewindow.gateway.parts import IN_FLIGHT, PARTS, GatewayParts
from singlewindow.gateway.refusals import not_found
from singlewindow.ledger.outcomes import Word
from singlewindow.xsd.soap_descriptions import describe_service
from singlewindow.xsd.soap_envelope import (
    MalformedSoap,
    SoapMessage,
    SoapVersion,
    check_soap_action,
    http_headers,
    open_envelope,
)
from singlewindow.xsd.soap_faults import SoapFault, describe_mistake, fault_status, write_fault
from singlewindow.xsd.soap_notices import Notification, read_notification, write_notification_reply

log = structlog.get_logger()


async def receive_notices(request: web.Request) -> web.Response:
    """Take 1 to 100 notices. Repeats count as accepted; whatever goes wrong is a SOAP Fault that says if to resend."""
    agency, parts = request.match_info["agency"], request.app[PARTS]
    authenticate_agency(request, agency)
    body = await read_body(request, parts.settings, SOAP_TYPES)
    try:
        message = open_envelope(body)
    except MalformedSoap as mistake:
        return _answer_fault(describe_mistake(mistake), mistake.version)
    try:
        return await _take(request, parts, agency, message)
    except MalformedSoap as mistake:
        return _answer_fault(describe_mistake(mistake), message.version, message)
    except SingleWindowError as error:
        return _answer_fault(_excuse(error), message.version, message)


async def describe_notifications(request: web.Request) -> web.Response:
    """GET /soap/agencies/{agency}?wsdl: the service's description, at the address we were reached by."""
    parts, agency = request.app[PARTS], request.match_info["agency"]
    if agency not in parts.agencies or "wsdl" not in {name.lower() for name in request.query}:
        raise not_found()
    address = f"http://{_own_address(request)}/soap/agencies/{agency}"
    return web.Response(body=describe_service("notification", address=address), content_type="text/xml")


async def _take(request: web.Request, parts: GatewayParts, agency: str, message: SoapMessage) -> web.Response:
    check_soap_action(message, _soap_action(request, message.version))
    notification = read_notification(message)
    _check_sender(notification, agency, message)
    words: list[Word] = parts.read_words(agency, notification.notices)
    await request.app[IN_FLIGHT].keep(parts.tasks.take_words(words))
    reply = write_notification_reply(message, accepted=len(notification.notices))
    return web.Response(body=reply, headers=http_headers(message.version))


def _own_address(request: web.Request) -> str:
    """HOST:PORT of the socket we were reached at; the Host header is the client's to choose."""
    host, port = request.get_extra_info("sockname", ("127.0.0.1", 0))[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _check_sender(notification: Notification, agency: str, message: SoapMessage) -> None:
    """An agency speaks for itself alone, whatever its document says."""
    if notification.agency != agency:
        raise MalformedSoap("the notification names another agency than the one logged in", version=message.version)


def _soap_action(request: web.Request, version: SoapVersion) -> str | None:
    if version == "1.1":
        return request.headers.get("SOAPAction")
    parameters = request.headers.get("Content-Type", "").split(";")[1:]
    return next((part.strip()[7:] for part in parameters if part.strip().startswith("action=")), None)


def _excuse(error: SingleWindowError) -> SoapFault:
    """Our own trouble: the agency shall send again."""
    if isinstance(error, Unavailable):
        return SoapFault(error.code, error.detail, retry="resend", retry_after_seconds=error.retry_after_seconds)
    reference = os.urandom(6).hex()
    log.error("gateway.notices_refused", reference=reference, error=type(error).__name__)
    return SoapFault("internal", f"recorded under reference {reference}", retry="resend")


def _answer_fault(fault: SoapFault, version: SoapVersion, call: SoapMessage | None = None) -> web.Response:
    body = write_fault(fault, version=version, call=call)
    return web.Response(status=fault_status(fault, version), body=body, headers=http_headers(version))
