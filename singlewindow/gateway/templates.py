"""The pages: their templates, and the answers they go out in. They need no script, image or font from anywhere."""

from __future__ import annotations

from functools import cache

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined

from singlewindow.gateway.languages import Language, language_headers

PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"
"""The Content-Security-Policy of every page: all that a browser must allow them."""


@cache
def page_templates() -> Environment:
    """The environment that all pages are rendered in."""
    loader = PackageLoader("singlewindow.gateway", "pages")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


def answer_page(page: str, language: Language) -> web.Response:
    """A page in a reader's language."""
    headers = {"Content-Security-Policy": PAGE_POLICY, **language_headers(language)}
    return web.Response(text=page, content_type="text/html", headers=headers)
