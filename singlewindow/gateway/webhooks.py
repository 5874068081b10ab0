"""A trader's webhooks: register, change, rotate, test, and look at what became of each delivery."""

from __future__ import annotations

import asyncio
import re
from typing import Any

from aiohttp import web

from singlewindow.gateway.answers import answer_json, check_parameters, read_id, read_number, read_optional_id
from singlewindow.gateway.objects import read_object
from singlewindow.gateway.parts import NAMES, PARTS, TRADER
from singlewindow.gateway.refusals import HttpRefusal, not_found
from singlewindow.ledger.deliveries import STATES
from singlewindow.ledger.webhooks import LONGEST_OVERLAP_SECONDS, WebhookChange
from singlewindow.messages.webhook_addresses import AddressRefused, check_address, is_public
from singlewindow.name_lookups import NameLookups

PAGE, MAX_PAGE = 50, 200
LAST = 2**63 - 1
MAX_DESCRIPTION, MAX_TYPES = 200, 50
OVERLAP_SECONDS = 86_400
"""How long the secret before a rotation goes on signing where nobody says otherwise."""

RESOLVE_SECONDS = 2.0
_TYPE = re.compile(r"[a-z][a-z_]{0,39}")
_FIELDS = {"url", "description", "types"}


async def list_webhooks(request: web.Request) -> web.Response:
    """The trader's endpoints."""
    webhooks = await request.app[PARTS].webhooks.list_of(request[TRADER].id)
    return answer_json({"webhooks": webhooks})


async def create_webhook(request: web.Request) -> web.Response:
    """POST {"url", "description", "types"}: 201 with the endpoint and its secret, which is shown this once."""
    stated = await _read_fields(request, _FIELDS)
    change = await _read_change(request, stated)
    if change.url is None:
        raise _bad("url", "is required")
    webhook, secret = await request.app[PARTS].webhooks.create(
        request[TRADER].id, change.url, description=change.description or "", types=change.types or ()
    )
    return answer_json(webhook | {"secret": secret}, status=201, headers={"Location": f"/v1/webhooks/{webhook['id']}"})


async def show_webhook(request: web.Request) -> web.Response:
    """One endpoint, without its secret."""
    return _found(await request.app[PARTS].webhooks.show(request[TRADER].id, read_id(request)))


async def change_webhook(request: web.Request) -> web.Response:
    """PATCH {"url", "description", "types", "enabled"}, each optional. Enabled again, it gets what it missed."""
    stated = await _read_fields(request, _FIELDS | {"enabled"})
    change = await _read_change(request, stated)
    return _found(await request.app[PARTS].webhooks.change(request[TRADER].id, read_id(request), change))


async def delete_webhook(request: web.Request) -> web.Response:
    """204; its deliveries stop."""
    if not await request.app[PARTS].webhooks.delete(request[TRADER].id, read_id(request)):
        raise not_found()
    return web.Response(status=204)


async def rotate_webhook_secret(request: web.Request) -> web.Response:
    """POST {"overlap_seconds"}: 201 with a new secret, shown this once; until the time is over both sign."""
    stated = await _read_fields(request, {"overlap_seconds"}) if request.can_read_body else {}
    overlap = stated.get("overlap_seconds", OVERLAP_SECONDS)
    if not isinstance(overlap, int) or isinstance(overlap, bool) or not 0 <= overlap <= LONGEST_OVERLAP_SECONDS:
        raise _bad("overlap_seconds", f"must be a whole number from 0 to {LONGEST_OVERLAP_SECONDS}")
    webhook = read_id(request)
    secret = await request.app[PARTS].webhooks.rotate(request[TRADER].id, webhook, overlap_seconds=overlap)
    if secret is None:
        raise not_found()
    return answer_json({"id": str(webhook), "secret": secret, "overlap_seconds": overlap}, status=201)


async def send_test_event(request: web.Request) -> web.Response:
    """202 with the delivery of an event of type `test`, which goes the way of all others."""
    made = await request.app[PARTS].deliveries.send_test(request[TRADER].id, read_id(request))
    return _found(made, status=202)


async def list_webhook_deliveries(request: web.Request) -> web.Response:
    """A page of the endpoint's log, newest first; `next` is the `after` of the following one."""
    check_parameters(request, {"state", "after", "limit"})
    state = request.query.get("state")
    if state is not None and state not in STATES:
        raise _bad("state", f"is one of {', '.join(sorted(STATES))}")
    limit = max(1, read_number(request, "limit", default=PAGE, most=MAX_PAGE))
    page = await request.app[PARTS].deliveries.read_log(
        request[TRADER].id, read_id(request), before=read_optional_id(request, "after"), state=state, limit=limit
    )
    if page is None:
        raise not_found()
    return answer_json({"deliveries": page, "next": page[-1]["id"] if len(page) == limit else None})


async def redeliver(request: web.Request) -> web.Response:
    """202 with a new delivery of the same event under the same `webhook-id`."""
    trader, webhook, delivery = request[TRADER].id, read_id(request), read_id(request, "delivery")
    return _found(await request.app[PARTS].deliveries.redeliver(trader, webhook, delivery), status=202)


async def replay(request: web.Request) -> web.Response:
    """202: everything numbered above `after` is delivered again, under the same `webhook-id`s."""
    trader, webhook, parts = request[TRADER].id, read_id(request), request.app[PARTS]
    # what a stranger asks wrongly must look like what he asks rightly
    if await parts.webhooks.show(trader, webhook) is None:
        raise not_found()
    check_parameters(request, {"after"})
    if "after" not in request.query:
        raise _bad("after", "is required: the number of the last event that need not come again")
    after = read_number(request, "after", default=0, most=LAST)
    start = await parts.deliveries.replay(trader, webhook, after=after)
    return _found(None if start is None else {"after": start}, status=202)


async def _read_fields(request: web.Request, known: set[str]) -> dict[str, Any]:
    stated = await read_object(request)
    unknown = sorted(set(stated) - known)
    if unknown:
        raise _bad(unknown[0][:40], f"is not one of {', '.join(sorted(known))}")
    return stated


async def _read_change(request: web.Request, stated: dict[str, Any]) -> WebhookChange:
    url, description, types, enabled = (stated.get(name) for name in ("url", "description", "types", "enabled"))
    if url is not None:
        await _check_address(request, url)
    if description is not None and (not isinstance(description, str) or len(description) > MAX_DESCRIPTION):
        raise _bad("description", f"must be a text of at most {MAX_DESCRIPTION} characters")
    if types is not None and not _are_types(types):
        raise _bad("types", f"must be a list of at most {MAX_TYPES} types of events, like state or part")
    if enabled is not None and not isinstance(enabled, bool):
        raise _bad("enabled", "must be true or false")
    return WebhookChange(url, _storable(description), types, enabled)


def _storable(text: str | None) -> str | None:
    """PostgreSQL keeps no NUL, and no half of a surrogate pair is text."""
    if text is not None and ("\x00" in text or not text.isprintable()):
        raise _bad("description", "may hold printable characters only")
    return text


def _are_types(types: Any) -> bool:
    if not isinstance(types, list) or len(types) > MAX_TYPES:
        return False
    return all(isinstance(one, str) and _TYPE.fullmatch(one) for one in types)


async def _check_address(request: web.Request, url: Any) -> None:
    """Refuse what can be told now: how it is spelt, and what the name stands for today. Delivering asks again."""
    if not isinstance(url, str):
        raise _bad("url", "must be a text")
    private = request.app[PARTS].settings.webhook_private_addresses
    parts = check_address(url, private=private)
    if private:
        return
    addresses = await _resolve(request.app[NAMES], parts.hostname or "")
    if not all(is_public(address) for address in addresses):
        raise AddressRefused("the host does not stand for a public address")


async def _resolve(names: NameLookups, host: str) -> list[str]:
    """The addresses of a name; none where it does not resolve now, which each delivery will find out anew."""
    try:
        async with asyncio.timeout(RESOLVE_SECONDS):
            found = await names.find(host)
    except (OSError, TimeoutError, UnicodeError):
        return []
    return [str(entry[4][0]) for entry in found]


def _found(view: dict[str, Any] | None, *, status: int = 200) -> web.Response:
    if view is None:
        raise not_found()
    return answer_json(view, status=status)


def _bad(name: str, why: str) -> HttpRefusal:
    return HttpRefusal(400, "bad-parameter", f"{name} {why}")
