"""Every refusal as problem details (RFC 9457), in JSON or XML; the one place where our errors become HTTP statuses."""

from __future__ import annotations

import os
import traceback
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

import orjson
import structlog
from aiohttp import web

from singlewindow.errors import SingleWindowError, TraderMistake, Unavailable
from singlewindow.gateway.languages import Language, language_headers, localise_problem, preferred_language
from singlewindow.gateway.negotiation import Form, preferred_form
from singlewindow.gateway.refusals import HttpRefusal, MessageRefused
from singlewindow.gateway.titles import title_of
from singlewindow.gateway.xml_view import write_problem
from singlewindow.ledger.submissions import Refusal
from singlewindow.messages.judgement import MAX_ERRORS, Problem

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

PROBLEM_TYPES = "https://singlewindow.example/problems/"
"""Prefix of problem types: an identifier that is the same on every installation, not an address."""

_FRAMEWORK_CODES = {404: "not-found", 405: "method-not-allowed", 413: "too-large"}

log = structlog.get_logger()


@web.middleware
async def answer_problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn whatever a handler raises into a problem. Only what is nobody's mistake is logged, with a reference."""
    try:
        _check_version(request)
        return await handler(request)
    except SingleWindowError as error:
        return refuse(request, error)
    except web.HTTPException as error:
        return refuse(request, _translate(error))
    except ConnectionError:
        # the client has gone; there is nobody to answer
        raise
    except Exception as error:  # noqa: BLE001 - the last door: a trader must never see a stack trace
        return _refuse_unexpected(request, error)


def refuse(request: web.BaseRequest, error: SingleWindowError) -> web.Response:
    """The answer to a refused request."""
    if status_of(error) == HTTPStatus.INTERNAL_SERVER_ERROR:
        return _refuse_unexpected(request, error)
    return respond(request, describe(error), headers=_headers(error), close=getattr(error, "close", False))


def respond(
    request: web.BaseRequest, problem: dict[str, Any], *, headers: dict[str, str] | None = None, close: bool = False
) -> web.Response:
    """A problem in the form and language the client reads. A body not read to its end closes the connection."""
    response = render(problem, preferred_form(request), language=preferred_language(request), headers=headers)
    if close or not request.content.is_eof():
        response.force_close()
    return response


def render(
    problem: dict[str, Any], form: Form | None, *, language: Language = "en", headers: dict[str, str] | None = None
) -> web.Response:
    """A problem in this form and language, JSON where the client takes neither form."""
    told = localise_problem(problem, language)
    if form == "xml":
        body, media_type = write_problem(told), "application/problem+xml"
    else:
        body, media_type = orjson.dumps(told), "application/problem+json"
    stated = language_headers(language) | (headers or {})
    return web.Response(status=problem["status"], body=body, content_type=media_type, headers=stated)


def status_of(error: SingleWindowError) -> int:
    """The HTTP status of an error: its own where it carries one, else by its branch of the tree."""
    stated = getattr(error, "status", None)
    if isinstance(stated, int):
        return stated
    if isinstance(error, Unavailable):
        return 503
    return 400 if isinstance(error, TraderMistake) else 500


def describe(error: SingleWindowError) -> dict[str, Any]:
    """The problem's members in the shape of the HTTP contract."""
    return state_problem(error.code, status_of(error), error.detail) | _details(error)


def state_problem(code: str, status: int, detail: str) -> dict[str, Any]:
    """The members that every problem has."""
    return {"type": PROBLEM_TYPES + code, "title": title_of(code), "status": status, "code": code, "detail": detail}


def _details(error: SingleWindowError) -> dict[str, Any]:
    if isinstance(error, MessageRefused):
        return {"errors": error.errors} | ({"truncated": True} if error.truncated else {})
    if isinstance(error, Refusal):
        return _refusal_details(error)
    line = getattr(error, "line", None)
    if line is None:
        return {}
    place = Problem(error.code, error.detail, line=line, column=getattr(error, "column", None))
    return {"errors": [place.as_json()]}


def _refusal_details(refusal: Refusal) -> dict[str, Any]:
    errors = [problem for entry in refusal.entries for problem in entry.get("errors", [])]
    first = next((entry["with"] for entry in refusal.entries if "with" in entry), None)
    details: dict[str, Any] = {"errors": errors[:MAX_ERRORS], "declarations": refusal.entries}
    if len(errors) > MAX_ERRORS:
        details["truncated"] = True
    if first is not None:
        details["existing"] = f"/v1/declarations/{first}"
    return details


def _headers(error: SingleWindowError) -> dict[str, str]:
    headers: dict[str, str] = dict(getattr(error, "headers", {}))
    after = getattr(error, "retry_after_seconds", None)
    if after is not None:
        headers["Retry-After"] = str(after)
    return headers


def _translate(error: web.HTTPException) -> HttpRefusal:
    code = _FRAMEWORK_CODES.get(error.status, "bad-request")
    headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
    return HttpRefusal(error.status, code, title_of(code), headers=headers)


def _check_version(request: web.Request) -> None:
    if request.version.major != 1:
        raise HttpRefusal(505, "http-version", "this socket speaks HTTP/1.0 and HTTP/1.1", close=True)


def _refuse_unexpected(request: web.BaseRequest, error: Exception) -> web.Response:
    """The log gets the place, never the message, which may hold what a trader wrote."""
    reference = os.urandom(6).hex()
    frames = traceback.extract_tb(error.__traceback__)
    where = [f"{frame.filename}:{frame.lineno}" for frame in frames[-4:]]
    log.error("gateway.unexpected", reference=reference, error=type(error).__name__, where=where)
    detail = f"the fault is ours and was recorded under reference {reference}"
    problem = {"type": f"{PROBLEM_TYPES}internal", "title": title_of("internal"), "status": 500, "code": "internal"}
    return respond(request, problem | {"detail": detail, "reference": reference}, close=True)
