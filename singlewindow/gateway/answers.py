"""Successful answers, and the reading of path and query parameters."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
from aiohttp import web

from singlewindow.gateway.refusals import HttpRefusal, not_found

_NUMBER = re.compile(r"[0-9]{1,19}")


def answer_json(value: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """A JSON answer."""
    return web.Response(status=status, body=orjson.dumps(value), content_type="application/json", headers=headers)


def answer_document(content: bytes, kind: str) -> web.Response:
    """A message's bytes (`kind` xml or json) to be saved, with their Repr-Digest (RFC 9530)."""
    digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
    disposition = f'attachment; filename="declaration.{kind}"'
    headers = {"Repr-Digest": f"sha-256=:{digest}:", "Content-Disposition": disposition}
    return web.Response(body=content, content_type=f"application/{kind}", headers=headers)


def read_id(request: web.Request, name: str = "id") -> UUID:
    """An id from the path; what is no UUID is simply not found."""
    try:
        return UUID(request.match_info[name])
    except ValueError:
        raise not_found() from None


def check_parameters(request: web.Request, known: Iterable[str]) -> None:
    """Refuse a query parameter that the route does not have: a misspelt filter must not list everything.

    Refuses a NUL in any of them too, which the ledger's text cannot hold.
    """
    unknown = sorted(set(request.query) - set(known))
    if unknown:
        raise _bad_parameter(unknown[0][:40], f"is not one of {', '.join(sorted(known))}")
    for name, value in request.query.items():
        if "\0" in value:
            raise _bad_parameter(name, "holds a NUL character")


def read_number(request: web.Request, name: str, *, default: int, most: int) -> int:
    """A whole number from 0 to `most`; a larger one counts as `most`."""
    text = request.query.get(name)
    return default if text is None else parse_number(name, text, most=most)


def read_limit(request: web.Request, *, default: int, most: int) -> int:
    """The length of a page, from 1 to `most`."""
    limit = read_number(request, "limit", default=default, most=most)
    if limit < 1:
        raise _bad_parameter("limit", "must be at least 1")
    return limit


def parse_number(name: str, text: str, *, most: int) -> int:
    """The value of a parameter or header that is a whole number; a larger one counts as `most`."""
    if not _NUMBER.fullmatch(text):
        raise _bad_parameter(name, "must be a whole number")
    return min(int(text), most)


def read_time(request: web.Request, name: str) -> datetime | None:
    """An ISO 8601 time; UTC where it names no offset."""
    text = request.query.get(name)
    return None if text is None else parse_time(name, text)


def parse_time(name: str, text: str) -> datetime:
    """The value of a parameter or member that is an ISO 8601 time; UTC where it names no offset."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise _bad_parameter(name, "must be a time like 2026-11-22T09:00:00Z") from None


def read_optional_id(request: web.Request, name: str) -> UUID | None:
    """An id from the query."""
    text = request.query.get(name)
    return None if text is None else parse_id(name, text)


def parse_id(name: str, text: str) -> UUID:
    """The value of a parameter or member that is an id."""
    try:
        return UUID(text)
    except ValueError:
        raise _bad_parameter(name, "must be an id") from None


def _bad_parameter(name: str, why: str) -> HttpRefusal:
    return HttpRefusal(400, "bad-parameter", f"{name} {why}")
