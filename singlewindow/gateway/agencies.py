"""POST /soap/agencies/{agency}: authorities push their notices; the reply comes after they are stored."""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import web

from singlewindow.errors import SingleWindowError
from singlewindow.gateway.authentication import authenticate_agency
from singlewindow.gateway.body import MTOM_TYPES, SOAP_TYPES, read_body, read_start
from singlewindow.gateway.parts import IN_FLIGHT, PARTS, GatewayParts, PushedWords, PushReader
from singlewindow.gateway.push_refusals import (
    answer_fault,
    excuse,
    keep_refused_request,
    keep_unreadable_push,
    refuse_foreign,
)
from singlewindow.gateway.refusals import HttpRefusal, not_found
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
from singlewindow.xsd.soap_faults import describe_mistake
from singlewindow.xsd.soap_notices import Notification, read_notification, write_notification_reply


async def receive_notices(request: web.Request) -> web.Response:
    """Take an agency's notices, each id once. What goes wrong is a SOAP Fault that says if to resend; what cannot be
    read, or is about a task of another agency, is quarantined with its bytes.
    """
    agency, parts = request.match_info["agency"], request.app[PARTS]
    authenticate_agency(request, agency)
    reader = parts.push_reader(agency)
    try:
        body = await read_body(request, parts.settings, SOAP_TYPES if reader is None else SOAP_TYPES | MTOM_TYPES)
    except HttpRefusal as refusal:
        if refusal.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE and not refusal.received:
            refusal.received = await read_start(request)
        await keep_refused_request(parts, agency, refusal, announced=request.content_length)
        raise
    if reader is not None:
        return await _take_described(request, parts, reader, body)
    try:
        message = open_envelope(body)
    except MalformedSoap as mistake:
        return await _refuse(parts, agency, body, mistake)
    try:
        return await _take(request, parts, message, body)
    except MalformedSoap as mistake:
        return await _refuse(parts, agency, body, mistake, message)
    except SingleWindowError as error:
        return answer_fault(excuse(error), message.version, message)


async def describe_notifications(request: web.Request) -> web.Response:
    """GET /soap/agencies/{agency}?wsdl: the service's description, at the address we were reached by.

    An agency that describes its pushes itself has its own.
    """
    parts, agency = request.app[PARTS], request.match_info["agency"]
    asked = "wsdl" in {name.lower() for name in request.query}
    if agency not in parts.agencies or not asked or parts.push_reader(agency) is not None:
        raise not_found()
    address = f"http://{_own_address(request)}/soap/agencies/{agency}"
    return web.Response(body=describe_service("notification", address=address), content_type="text/xml")


async def _take(request: web.Request, parts: GatewayParts, message: SoapMessage, body: bytes) -> web.Response:
    """1 to 100 notices of notification.wsdl."""
    agency = request.match_info["agency"]
    check_soap_action(message, _soap_action(request, message.version))
    notification = read_notification(message)
    _check_sender(notification, agency, message)
    foreign = await _store(request, parts, parts.read_words(agency, notification.notices))
    if foreign:
        return answer_fault(await refuse_foreign(parts, agency, body, foreign), message.version, message)
    reply = write_notification_reply(message, accepted=len(notification.notices))
    return web.Response(body=reply, headers=http_headers(message.version))


async def _take_described(request: web.Request, parts: GatewayParts, reader: PushReader, body: bytes) -> web.Response:
    """A push that the agency's own description tells how to read and to answer."""
    agency = request.match_info["agency"]
    try:
        pushed = _read(reader, body, request.headers.get("Content-Type", ""))
    except MalformedSoap as mistake:
        return await _refuse(parts, agency, body, mistake)
    try:
        foreign = [*await _store(request, parts, pushed.words), *pushed.nameless]
        if foreign:
            return answer_fault(await refuse_foreign(parts, agency, body, foreign), reader.version)
        answer = reader.answer(len(pushed.words))
    except SingleWindowError as error:
        return answer_fault(excuse(error), reader.version)
    return web.Response(status=answer.status, body=answer.body, headers=answer.headers)


def _read(reader: PushReader, body: bytes, content_type: str) -> PushedWords:
    """Raises MalformedSoap in the agency's version of SOAP."""
    try:
        return reader.read(body, content_type)
    except SingleWindowError as error:
        version = getattr(error, "version", reader.version)
        raise MalformedSoap(error.detail, version=version, role=getattr(error, "role", "client")) from error


async def _store(request: web.Request, parts: GatewayParts, words: list[Word]) -> list[str]:
    """Store what is about the agency's own tasks; the notice ids of what is not."""
    foreign = await request.app[IN_FLIGHT].keep(parts.tasks.take_pushed(words))
    return [word.notice_id for word in foreign]


async def _refuse(
    parts: GatewayParts, agency: str, body: bytes, mistake: MalformedSoap, call: SoapMessage | None = None
) -> web.Response:
    try:
        await keep_unreadable_push(parts, agency, body, mistake.detail)
    except SingleWindowError as error:
        return answer_fault(excuse(error), mistake.version, call)
    return answer_fault(describe_mistake(mistake), mistake.version, call)


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
