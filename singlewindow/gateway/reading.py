"""Everything a trader reads: declarations, messages, receipts, documents and cases. Others' ids answer 404."""

from __future__ import annotations

import orjson
from aiohttp import web

from singlewindow.gateway.answers import (
    answer_document,
    answer_json,
    check_parameters,
    read_id,
    read_limit,
    read_number,
    read_optional_id,
    read_time,
)
from singlewindow.gateway.negotiation import choose_form
from singlewindow.gateway.parts import PARTS, TRADER
from singlewindow.gateway.refusals import HttpRefusal, or_not_found
from singlewindow.gateway.xml_view import write_receipt
from singlewindow.ledger.reading import Document

FILTERS = frozenset({"key", "status", "kind", "since", "until", "after", "limit"})
PAGE, MAX_PAGE = 50, 200
DOCUMENT_FORMS = ("original", "xml", "json")


async def list_declarations(request: web.Request) -> web.Response:
    """A page, newest first. `next` is the `after` of the next page, null on the last."""
    check_parameters(request, FILTERS)
    limit = read_limit(request, default=PAGE, most=MAX_PAGE)
    found = await request.app[PARTS].reader.declarations(
        request[TRADER].id,
        key=request.query.get("key"),
        status=request.query.get("status"),
        kind=request.query.get("kind"),
        since=read_time(request, "since"),
        until=read_time(request, "until"),
        after=read_optional_id(request, "after"),
        limit=limit,
    )
    return answer_json({"declarations": found, "next": found[-1]["id"] if len(found) == limit else None})


async def show_declaration(request: web.Request) -> web.Response:
    """Status, parts, legs, holder, what is waited for."""
    view = await request.app[PARTS].reader.declaration(request[TRADER].id, read_id(request))
    return answer_json(or_not_found(view))


async def show_events(request: web.Request) -> web.Response:
    """The history of one declaration, oldest first."""
    reader, trader, declaration = request.app[PARTS].reader, request[TRADER].id, read_id(request)
    or_not_found(await reader.declaration(trader, declaration))
    return answer_json({"events": await reader.events(trader, declaration)})


async def show_document(request: web.Request) -> web.Response:
    """The message the declaration came in, byte for byte unless another form is asked for, with its Repr-Digest."""
    check_parameters(request, frozenset({"form"}))
    wanted = request.query.get("form", "original")
    if wanted not in DOCUMENT_FORMS:
        raise HttpRefusal(400, "bad-parameter", f"form is one of {', '.join(DOCUMENT_FORMS)}")
    found = or_not_found(await request.app[PARTS].reader.document(request[TRADER].id, read_id(request)))
    content, kind = await _in_form(request, found, wanted)
    return answer_document(content, kind)


async def _in_form(request: web.Request, found: Document, wanted: str) -> tuple[bytes, str]:
    is_json = found.derived is not None
    if wanted == "xml" or (wanted == "original" and not is_json):
        return found.derived or found.content, "xml"
    if is_json:
        return found.content, "json"
    door, whose = request.app[PARTS].door, request[TRADER].id
    return await door.write_json(found.content, editions=(found.message_set,), whose=whose), "json"


async def show_exchanges(request: web.Request) -> web.Response:
    """The SOAP requests and replies it took part in."""
    found = await request.app[PARTS].reader.exchanges(request[TRADER].id, read_id(request))
    return answer_json({"exchanges": or_not_found(found)})


async def show_message(request: web.Request) -> web.Response:
    """A message and the current views of its declarations."""
    return answer_json(or_not_found(await request.app[PARTS].reader.message(request[TRADER].id, read_id(request))))


async def show_receipt(request: web.Request) -> web.Response:
    """The receipt exactly as stored, or an XML view of it."""
    form = choose_form(request)
    receipt = or_not_found(await request.app[PARTS].reader.receipt(request[TRADER].id, read_id(request)))
    if form == "xml":
        return web.Response(body=write_receipt(orjson.loads(receipt)), content_type="application/xml")
    return web.Response(body=receipt, content_type="application/json")


async def show_proof(request: web.Request) -> web.Response:
    """The inclusion proof of the receipt; 409 with Retry-After until the first checkpoint over it."""
    check_parameters(request, frozenset({"tree_size"}))
    size = read_number(request, "tree_size", default=0, most=2**53) or None
    reader = request.app[PARTS].reader
    return answer_json(or_not_found(await reader.proof(request[TRADER].id, read_id(request), tree_size=size)))


async def show_checkpoint(request: web.Request) -> web.Response:
    """The newest signed head of the trader's tree, to be kept where we cannot reach it."""
    return answer_json(or_not_found(await request.app[PARTS].reader.checkpoint(request[TRADER].id)))


async def show_case(request: web.Request) -> web.Response:
    """A consignment with its documents, as far as this trader may see them."""
    return answer_json(or_not_found(await request.app[PARTS].reader.case(request[TRADER].id, read_id(request))))
