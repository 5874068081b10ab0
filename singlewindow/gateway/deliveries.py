"""What a trader hands in: a message as XML, as JSON, or as XML in the form field `xml`; read, and judged as one."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from aiohttp import web

from singlewindow.gateway.body import FORM_TYPES, JSON_TYPES, XML_TYPES, read_body
from singlewindow.gateway.in_flight import Hold
from singlewindow.gateway.parts import PARTS, TRADER, TURNS, GatewayParts
from singlewindow.gateway.refusals import HttpRefusal
from singlewindow.gateway.verdicts import note_transfer, raise_warnings
from singlewindow.ledger.traders import Trader
from singlewindow.messages.judgement import Judgement

DELIVERY_TYPES = XML_TYPES | JSON_TYPES | FORM_TYPES
FIELD = b"xml"


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message as it was handed in. `editions` are the sets to judge it by where they know its root."""

    body: bytes
    is_json: bool
    editions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdict on a delivery; `derived` is the XML that JSON was judged and is forwarded as."""

    judgement: Judgement
    derived: bytes | None = None


async def read_delivery(request: web.Request, hold: Hold) -> Delivery:
    """The message of a request, once it is its turn to be judged; `hold` is its place's.

    Raises HttpRefusal: 400, 408, 413, 415 or 422, and what `hold` raises.
    """
    editions = read_editions(request)
    body = await read_body(request, request.app[PARTS].settings, DELIVERY_TYPES, hold=hold)
    if request.content_type in FORM_TYPES:
        body = read_field(body)
    await request.app[TURNS].take(len(body))
    return Delivery(body, request.content_type in JSON_TYPES, editions)


def read_editions(request: web.Request) -> tuple[str, ...]:
    """The set named by Message-Set, else those of the trader's registration. Raises HttpRefusal (422)."""
    name, installed = request.headers.get("Message-Set"), request.app[PARTS].sets
    if name is None:
        return request[TRADER].message_sets
    if name not in installed:
        raise HttpRefusal(422, "unknown-message-set", f"installed message sets: {', '.join(sorted(installed))}")
    return (name,)


def read_field(form: bytes) -> bytes:
    """The bytes of the form's one field `xml`. Raises HttpRefusal (400)."""
    fields = [field.partition(b"=") for field in form.split(b"&")]
    values = [value for name, _, value in fields if name == FIELD]
    if len(values) != 1:
        raise HttpRefusal(400, "bad-request", "the form must have one field `xml` that holds the document")
    return unquote_to_bytes(values[0].replace(b"+", b" "))


async def judge_delivery(parts: GatewayParts, trader: Trader, delivery: Delivery) -> Judged:
    """The verdict, with the trader's own severities. Raises a TraderMistake where the bytes cannot be judged."""
    judged = await _judge(parts, trader, delivery)
    raised = (*parts.sets[judged.judgement.message_set].raised, *trader.raised)
    return Judged(raise_warnings(note_transfer(judged.judgement, trader), raised), judged.derived)


async def _judge(parts: GatewayParts, trader: Trader, delivery: Delivery) -> Judged:
    body, editions = delivery.body, delivery.editions
    if delivery.is_json:
        return Judged(*await parts.door.judge_json(body, editions=editions, whose=trader.id))
    return Judged(await parts.door.judge(body, editions=editions, whose=trader.id))
