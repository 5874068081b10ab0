"""GET /docs/errors: a page for every error code, in the reader's language."""

from __future__ import annotations

from aiohttp import web

from singlewindow.gateway.error_pages import PAGE_POLICY, render_error_index, render_error_page
from singlewindow.gateway.languages import language_headers, preferred_language
from singlewindow.gateway.parts import PARTS
from singlewindow.gateway.refusals import not_found


async def list_errors(request: web.Request) -> web.Response:
    """Every code, those of the installed rules among them."""
    return _answer(request, render_error_index(preferred_language(request), rules=request.app[PARTS].rules()))


async def explain_error(request: web.Request) -> web.Response:
    """What one code means and how to mend it."""
    rules = {rule.id: rule for rule in request.app[PARTS].rules()}
    page = render_error_page(request.match_info["code"], preferred_language(request), find_rule=rules.get)
    if page is None:
        raise not_found()
    return _answer(request, page)


def _answer(request: web.Request, page: str) -> web.Response:
    headers = {"Content-Security-Policy": PAGE_POLICY, **language_headers(preferred_language(request))}
    return web.Response(text=page, content_type="text/html", headers=headers)
