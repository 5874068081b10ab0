"""GET /v1/declarations/{id}/responses: what the authorities said, explained; and each document as it was received."""

from __future__ import annotations

import base64
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
from aiohttp import web

from singlewindow.errors import SingleWindowError
from singlewindow.gateway.answers import answer_json, check_parameters, read_id
from singlewindow.gateway.languages import language_headers, preferred_language
from singlewindow.gateway.negotiation import choose_form
from singlewindow.gateway.parts import PARTS, TRADER, GatewayParts
from singlewindow.gateway.refusals import HttpRefusal, not_found
from singlewindow.gateway.xml_view import write_responses
from singlewindow.ledger.reading import AuthorityResponse
from singlewindow.xsd.envelope_writing import write_envelope


async def show_responses(request: web.Request) -> web.Response:
    """Oldest first; with `?notice=` the one document byte for byte, and as XML a list that carries each in Base64.

    `?notice=&envelope=dxp` puts the one document into an envelope, back to the sender of the one it was filed in.
    """
    check_parameters(request, frozenset({"notice", "envelope"}))
    found = await request.app[PARTS].reader.responses(request[TRADER].id, read_id(request))
    if found is None:
        raise not_found()
    if "notice" in request.query:
        return await _answer_document(request, found)
    form = choose_form(request)
    headers = language_headers(preferred_language(request))
    told = [_describe(request.app[PARTS], response) for response in found]
    if form == "xml":
        listed = [{**entry, "document": _base64(response)} for entry, response in zip(told, found, strict=True)]
        return web.Response(body=write_responses(listed), content_type="application/xml", headers=headers)
    return answer_json({"responses": told}, headers=headers)


async def _answer_document(request: web.Request, found: list[AuthorityResponse]) -> web.Response:
    notice = request.query["notice"]
    wanted = next((response for response in found if response.view["notice_id"] == notice), None)
    if wanted is None or wanted.document is None:
        raise not_found()
    document = wanted.document
    if "envelope" in request.query:
        document = await _enclose(request, wanted.document, notice)
    headers = {"Content-Disposition": 'attachment; filename="response.xml"'}
    return web.Response(body=document, content_type="application/xml", headers=headers)


async def _enclose(request: web.Request, document: bytes, notice: str) -> bytes:
    if request.query["envelope"] != "dxp":
        raise HttpRefusal(400, "bad-parameter", "envelope may be dxp")
    parts, trader = request.app[PARTS], request[TRADER].id
    view = await parts.reader.declaration(trader, read_id(request)) or {}
    receipt = await parts.reader.receipt(trader, UUID(view["message_id"]))
    receiver = orjson.loads(receipt or b"{}").get("envelope", {}).get("SenderId")
    if receiver is None:
        raise HttpRefusal(409, "not-enclosed", "the declaration was not filed in an envelope, so there is no address")
    sender = parts.settings.envelope_sender
    return write_envelope(document, message_id=notice, sender=sender, receiver=receiver, at=datetime.now(UTC))


def _describe(parts: GatewayParts, response: AuthorityResponse) -> dict[str, Any]:
    text = None if response.document is None else response.document.decode("utf-8", "replace")
    return {**response.view, "details": _details(parts, response), "document": text}


def _details(parts: GatewayParts, response: AuthorityResponse) -> list[dict[str, Any]]:
    """Every code of the document with its meaning; none where it cannot be read, which was recorded when it came."""
    if response.document is None:
        return []
    try:
        units = parts.read_response(response.message_set, response.document)
    except SingleWindowError:
        return []
    details = dict.fromkeys(detail for unit in units for detail in unit.details)
    return [asdict(detail) for detail in details]


def _base64(response: AuthorityResponse) -> str | None:
    return None if response.document is None else base64.b64encode(response.document).decode()
