"""The turnstile before intake: while it is full, a submission is refused before its key is looked up or its body read.

Whoever overloads a house sends more of what it cannot take; a refusal must then cost next to nothing, or refusing is
all that the house does. So its bytes are written once for each form and language.
"""

from __future__ import annotations

from functools import lru_cache

from aiohttp import web

from singlewindow.errors import SingleWindowError
from singlewindow.gateway.in_flight import TooManyAtOnce
from singlewindow.gateway.languages import Language, preferred_language
from singlewindow.gateway.negotiation import Form, preferred_form
from singlewindow.gateway.parts import IN_FLIGHT, TRADER, TURNED_AWAY
from singlewindow.gateway.problems import Handler, render, state_problem, status_of

DROPPED_BYTES = 65_536
"""What is read of a refused body so that its connection lives on; aiohttp drops it, within LINGERING_SECONDS."""


def behind_turnstile(handler: Handler) -> Handler:
    """The handler of a submission, called while intake has room for who asks."""

    async def pass_through(request: web.Request) -> web.StreamResponse:
        credential = request.headers.get("Authorization", "")
        refusal = request.app[IN_FLIGHT].foresee(credential)
        if refusal is not None:
            request[TURNED_AWAY] = True
            return _turn_away(request, refusal)
        try:
            return await handler(request)
        except TooManyAtOnce:
            request.app[IN_FLIGHT].remember(credential, request[TRADER].id)
            raise

    return pass_through


def _turn_away(request: web.Request, refusal: SingleWindowError) -> web.Response:
    """The problem that a refusal becomes. A small body that is still on its way is dropped, a large one costs the
    connection.
    """
    form = preferred_form(request) if "Accept" in request.headers else "json"
    language = preferred_language(request) if "Accept-Language" in request.headers else "en"
    after = getattr(refusal, "retry_after_seconds", 1)
    written = _write(refusal.code, status_of(refusal), refusal.detail, after, form, language)
    response = web.Response(status=written.status, body=written.body, headers=written.headers)
    if not request.content.is_eof() and not 0 < (request.content_length or 0) <= DROPPED_BYTES:
        response.force_close()
    return response


@lru_cache(maxsize=64)
def _write(
    code: str, status: int, detail: str, retry_after_seconds: int, form: Form | None, language: Language
) -> web.Response:
    problem = state_problem(code, status, detail)
    return render(problem, form, language=language, headers={"Retry-After": str(retry_after_seconds)})
