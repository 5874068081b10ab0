"""Who is asking: API keys of traders, and the agencies' passwords. Always before a byte of the body is read."""

from __future__ import annotations

import base64
import binascii
import hmac
import re
import secrets

from aiohttp import web

from singlewindow.gateway.parts import METRICS, PARTS, TRADER
from singlewindow.gateway.problems import Handler
from singlewindow.gateway.refusals import HttpRefusal
from singlewindow.ledger.traders import Trader

MAX_KEY_LENGTH = 200
"""Longer credentials are refused without hashing them."""

KEY_PARAMETERS = frozenset({"api_key", "apikey", "access_token", "token"})
_LOOKS_LIKE_KEY = re.compile(r"sw_[A-Za-z0-9_-]{40,}")

CHALLENGE = {"WWW-Authenticate": 'Bearer realm="singlewindow"'}


def require_scope(scope: str, handler: Handler) -> Handler:
    """The handler behind the check that the request's key is live and has this scope."""

    async def guarded(request: web.Request) -> web.StreamResponse:
        trader = await authenticate(request)
        if scope not in trader.scopes:
            raise HttpRefusal(403, "forbidden", f"this API key lacks the scope {scope}")
        request[TRADER] = trader
        return await handler(request)

    return guarded


async def authenticate(request: web.Request) -> Trader:
    """The trader whose key the request carries. Raises HttpRefusal (401), alike for every wrong key."""
    _refuse_key_in_url(request)
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    trader = None
    if scheme.lower() == "bearer" and 0 < len(key) <= MAX_KEY_LENGTH:
        trader = await request.app[PARTS].traders.authenticate(key.strip())
    if trader is None:
        request.app[METRICS].count_refused_log_in()
        raise HttpRefusal(401, "unauthorized", "send a live API key as 'Authorization: Bearer KEY'", headers=CHALLENGE)
    return trader


def authenticate_agency(request: web.Request, agency: str) -> None:
    """Check an agency's own user name and password (HTTP Basic), in constant time; one without them never gets in.

    Raises HttpRefusal (401), alike for an agency that does not exist.
    """
    parts = request.app[PARTS]
    credential = parts.push_credential(agency) if agency in parts.agencies else None
    expected = ":".join(credential or ("", secrets.token_hex(16))).encode()
    if not hmac.compare_digest(_basic_credentials(request), expected) or credential is None:
        request.app[METRICS].count_refused_log_in()
        challenge = {"WWW-Authenticate": 'Basic realm="singlewindow-agencies", charset="UTF-8"'}
        raise HttpRefusal(401, "unauthorized", "send the agency's name and password (HTTP Basic)", headers=challenge)


def _basic_credentials(request: web.Request) -> bytes:
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic" or len(encoded) > MAX_KEY_LENGTH * 2:
        return b""
    try:
        return base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _refuse_key_in_url(request: web.Request) -> None:
    """URLs end up in logs and histories, so a key in one is refused even when it is right."""
    if not request.query_string:
        return
    for name, value in request.query.items():
        if name.lower() in KEY_PARAMETERS or _LOOKS_LIKE_KEY.match(value):
            raise HttpRefusal(
                401,
                "key-in-url",
                "send the API key in the Authorization header, and revoke this one",
                headers=CHALLENGE,
            )
