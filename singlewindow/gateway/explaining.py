"""GET /docs/errors: a page for every error code, in the reader's language."""

from __future__ import annotations

from aiohttp import web

from singlewindow.gateway.error_pages import render_error_index, render_error_page
from singlewindow.gateway.languages import preferred_language
from singlewindow.gateway.parts import PARTS
from singlewindow.gateway.refusals import not_found
from singlewindow.gateway.templates import answer_page


async def list_errors(request: web.Request) -> web.Response:
    """Every code, those of the installed rules among them."""
    language = preferred_language(request)
    return answer_page(render_error_index(language, rules=request.app[PARTS].rules()), language)


async def explain_error(request: web.Request) -> web.Response:
    """What one code means and how to mend it."""
    language, rules = preferred_language(request), {rule.id: rule for rule in request.app[PARTS].rules()}
    page = render_error_page(request.match_info["code"], language, find_rule=rules.get)
    if page is None:
        raise not_found()
    return answer_page(page, language)
