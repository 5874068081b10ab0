"""What can be read without a key: the contract, and the installed message sets with all that they hold.

A browser gets pages, everybody else JSON. Files, rules and schemas are read in threads: a set may be large.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import cache, partial
from importlib.resources import files
from pathlib import PurePosixPath
from typing import Any, NoReturn

from aiohttp import web

from singlewindow.gateway import reference_json, reference_pages
from singlewindow.gateway.answers import answer_json
from singlewindow.gateway.languages import Language, preferred_language
from singlewindow.gateway.negotiation import prefers_page
from singlewindow.gateway.parts import PARTS
from singlewindow.gateway.refusals import not_found
from singlewindow.gateway.set_files import build_archive, read_file
from singlewindow.gateway.templates import answer_page
from singlewindow.messages.manifest import MessageSet
from singlewindow.xsd.reference_shelf import OpenedSet

_TYPES = {".xsd": "application/xml", ".xml": "application/xml", ".sch": "application/xml", ".toml": "application/toml"}


async def show_contract(_request: web.Request) -> web.Response:
    """GET /openapi.yaml."""
    return web.Response(body=contract(), content_type="application/yaml")


@cache
def contract() -> bytes:
    """The OpenAPI document of this package."""
    return files("singlewindow.gateway").joinpath("openapi.yaml").read_bytes()


async def list_message_sets(request: web.Request) -> web.Response:
    """GET /v1/message-sets: what can be filed here, and which folders were refused for what reason."""
    parts = request.app[PARTS]
    sets = [(message_set, await _count(request, message_set)) for _, message_set in sorted(parts.sets.items())]
    refused = reference_json.describe_refused(parts.refused_sets())
    return await _answer(
        request,
        lambda: {"message_sets": [reference_json.describe_manifest(*one) for one in sets], "refused": refused},
        lambda language: reference_pages.render_index(language, sets, refused=refused),
    )


async def show_message_set(request: web.Request) -> web.Response:
    """GET /v1/message-sets/{name}: one set with its messages, rules, code lists and samples."""
    reference = (await _open(request)).reference
    sets, own = request.app[PARTS].sets, reference.message_set
    editions = [name for name, one in sets.items() if one.key_space == own.key_space and name != own.name]
    return await _answer(
        request,
        partial(reference_json.describe_set, reference),
        partial(reference_pages.render_set, reference=reference, editions=editions),
    )


async def show_root(request: web.Request) -> web.Response:
    """GET /v1/message-sets/{name}/roots/{root}: every element of a message."""
    opened = await _open(request)
    read = await opened.read_root(request.match_info["root"]) or _refuse()
    return await _answer(
        request,
        partial(reference_json.describe_root, opened.reference.message_set, read),
        partial(reference_pages.render_root, reference=opened.reference, read=read),
    )


async def show_rules(request: web.Request) -> web.Response:
    """GET /v1/message-sets/{name}/rules: every rule with its source and cases."""
    reference = (await _open(request)).reference
    return await _answer(
        request,
        lambda: {"rules": reference_json.describe_rules(reference)},
        partial(reference_pages.render_rules, reference=reference),
    )


async def show_list(request: web.Request) -> web.Response:
    """GET /v1/message-sets/{name}/lists/{list}: the codes of a list."""
    reference = (await _open(request)).reference
    listed = reference.find_list(request.match_info["list"]) or _refuse()
    return await _answer(
        request,
        partial(reference_json.describe_list, listed),
        partial(reference_pages.render_list, reference=reference, listed=listed),
    )


async def download_archive(request: web.Request) -> web.Response:
    """GET /v1/message-sets/{name}.zip: the set's folder, the same bytes as long as it does not change."""
    message_set = _find(request)
    body = await asyncio.to_thread(build_archive, message_set.folder, message_set.name)
    named = {"Content-Disposition": f'attachment; filename="{message_set.name}.zip"'}
    return web.Response(body=body, content_type="application/zip", headers=named)


async def download_file(request: web.Request) -> web.Response:
    """GET /v1/message-sets/{name}/files/{path}: one of the listed files, and no other."""
    wanted = request.match_info["path"]
    body = await asyncio.to_thread(read_file, _find(request).folder, wanted)
    if body is None:
        raise not_found()
    return web.Response(body=body, content_type=_TYPES.get(PurePosixPath(wanted).suffix, "application/octet-stream"))


async def _answer(
    request: web.Request, describe: Callable[[], dict[str, Any]], render: Callable[[Language], str]
) -> web.Response:
    """The page for a browser, JSON for everybody else; both are made in a thread."""
    if not prefers_page(request):
        return answer_json(await asyncio.to_thread(describe), headers={"Vary": "Accept"})
    language = preferred_language(request)
    return answer_page(await asyncio.to_thread(render, language), language)


def _find(request: web.Request) -> MessageSet:
    return request.app[PARTS].sets.get(request.match_info["name"]) or _refuse()


async def _open(request: web.Request) -> OpenedSet:
    return await request.app[PARTS].describe_set(_find(request).name) or _refuse()


async def _count(request: web.Request, message_set: MessageSet) -> dict[str, int] | None:
    opened = await request.app[PARTS].describe_set(message_set.name)
    return None if opened is None else reference_json.count_parts(opened.reference)


def _refuse() -> NoReturn:
    raise not_found()
