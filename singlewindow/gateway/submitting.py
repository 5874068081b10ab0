"""POST /v1/declarations: read, judge, check the company, file durably, answer with the receipt as it was stored."""

from __future__ import annotations

from typing import Any

import orjson
from aiohttp import web

from singlewindow import failpoints
from singlewindow.gateway.answers import answer_json, read_id
from singlewindow.gateway.deliveries import Delivery, judge_delivery, read_delivery
from singlewindow.gateway.in_flight import Hold
from singlewindow.gateway.negotiation import Form, choose_form
from singlewindow.gateway.parts import IN_FLIGHT, METRICS, PARTS, TRADER, GatewayParts
from singlewindow.gateway.refusals import HttpRefusal, or_not_found
from singlewindow.gateway.verdicts import check_direction, find_foreign, refuse_untakable
from singlewindow.gateway.waiting import await_settled, read_patience
from singlewindow.gateway.xml_view import write_receipt
from singlewindow.ledger.submissions import Filed, Submission
from singlewindow.ledger.traders import Trader

MAX_IDEMPOTENCY_KEY = 255


async def submit(request: web.Request) -> web.Response:
    """File the declarations of one message; 202 with the receipt, or 200 when waited for and settled."""
    form, key, patience = choose_form(request), read_idempotency_key(request), read_patience(request)
    with request.app[IN_FLIGHT].admit(request[TRADER].id) as hold:
        filed = await _read_and_file(request, key, hold)
    request.app[METRICS].count_verdicts(filed.verdicts)
    settled = None
    if patience is not None and form == "json":
        settled = await await_settled(request, request[TRADER].id, filed.message_id, seconds=patience)
    if settled is not None:
        return await _send(request, _answer_settled(filed, settled, patience))
    return await _send(request, _answer_received(filed, form))


async def _send(request: web.Request, answer: web.Response) -> web.Response:
    """The answer, written here already where a failpoint stands behind it."""
    if failpoints.armed:
        await answer.prepare(request)
        await answer.write_eof()
        await failpoints.reach("F6")
    return answer


async def _read_and_file(request: web.Request, key: str | None, hold: Hold) -> Filed:
    parts, trader = request.app[PARTS], request[TRADER]
    delivery = await read_delivery(request, hold)
    await failpoints.reach("F0")
    submission = await prepare(parts, trader, delivery, key=key)
    await failpoints.reach("F1")
    # from here on a vanished client must not undo half of the work
    filed = await request.app[IN_FLIGHT].keep(parts.intake.file(submission))
    parts.bus.announce({trader.id})
    return filed


async def prepare(parts: GatewayParts, trader: Trader, delivery: Delivery, *, key: str | None) -> Submission:
    """Judge a message and decide what may be filed of it. Raises a TraderMistake; nothing is stored yet."""
    judged = await judge_delivery(parts, trader, delivery)
    judgement = judged.judgement
    check_direction(judgement)
    found = parts.sets[judgement.message_set]
    foreign = find_foreign(judgement, trader, found)
    refuse_untakable(judgement, foreign, found)
    return Submission(
        trader.id,
        judgement.message_set,
        judgement.root,
        delivery.body,
        judgement,
        foreign,
        idempotency_key=key,
        environment=parts.settings.environment,
        derived=judged.derived,
    )


async def send_held(request: web.Request) -> web.Response:
    """POST /v1/declarations/{id}/send: let a held declaration go although documents are missing."""
    parts, trader, declaration = request.app[PARTS], request[TRADER].id, read_id(request)
    # looked for before it is locked: a stranger must neither hold it up nor see by the time that there is one
    or_not_found(await parts.reader.declaration(trader, declaration))
    sent = await parts.tasks.send_held(trader, declaration)
    view = or_not_found(await parts.reader.declaration(trader, declaration))
    if not sent:
        raise HttpRefusal(409, "not-held", f"the declaration is {view['status']}, and only a held one can be sent")
    return answer_json(view, status=202)


def read_idempotency_key(request: web.Request) -> str | None:
    """The Idempotency-Key: 1 to 255 printable ASCII characters. Raises HttpRefusal (400)."""
    stated = request.headers.getall("Idempotency-Key", [])
    if not stated:
        return None
    key = stated[0].strip()
    if len(stated) > 1 or not (0 < len(key) <= MAX_IDEMPOTENCY_KEY and key.isascii() and key.isprintable()):
        detail = f"Idempotency-Key must be one value of 1 to {MAX_IDEMPOTENCY_KEY} printable ASCII characters"
        raise HttpRefusal(400, "bad-parameter", detail)
    return key


def _answer_received(filed: Filed, form: Form) -> web.Response:
    headers = _headers(filed)
    if form == "xml":
        receipt = write_receipt(orjson.loads(filed.receipt))
        return web.Response(status=202, body=receipt, content_type="application/xml", headers=headers)
    return web.Response(status=202, body=filed.receipt, content_type="application/json", headers=headers)


def _answer_settled(filed: Filed, views: list[dict[str, Any]], patience: int | None) -> web.Response:
    """The receipt goes in unchanged, byte for byte."""
    body = b'{"receipt":' + filed.receipt + b',"declarations":' + orjson.dumps(views) + b"}"
    headers = _headers(filed) | {"Preference-Applied": f"wait={patience}"}
    return web.Response(status=200, body=body, content_type="application/json", headers=headers)


def _headers(filed: Filed) -> dict[str, str]:
    headers = {"Location": f"/v1/messages/{filed.message_id}"}
    return headers | ({"Idempotent-Replay": "true"} if filed.replayed else {})
