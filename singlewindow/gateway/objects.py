"""Reading a request's body that is one small JSON object, as the routes of operators and webhooks take it."""

from __future__ import annotations

from typing import Any

import orjson
from aiohttp import web

from singlewindow.gateway.body import JSON_TYPES, read_body
from singlewindow.gateway.parts import PARTS
from singlewindow.gateway.refusals import HttpRefusal


async def read_object(request: web.Request) -> dict[str, Any]:
    """The object that was sent. Raises HttpRefusal: what `read_body` raises, and 400 for anything else."""
    body = await read_body(request, request.app[PARTS].settings, JSON_TYPES)
    try:
        stated = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise HttpRefusal(400, "bad-request", f"not JSON: {error}") from error
    if not isinstance(stated, dict):
        raise HttpRefusal(400, "bad-request", "a JSON object is expected")
    return stated


def read_text(stated: dict[str, Any], name: str, *, most: int) -> str:
    """A member of such an object that is a text, without the white space around it; PostgreSQL keeps no NUL.

    Raises HttpRefusal (400) where it is missing, empty, too long or no text.
    """
    value = stated.get(name)
    if not isinstance(value, str) or not 0 < len(value.strip()) <= most or "\0" in value:
        raise HttpRefusal(400, "bad-parameter", f"{name} must be a text of 1 to {most} characters without NUL")
    return value.strip()
