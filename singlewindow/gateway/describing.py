"""What can be read without a key: the contract, the installed message sets with all their files, and error codes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from aiohttp import web

from singlewindow.gateway.answers import answer_json
from singlewindow.gateway.parts import PARTS
from singlewindow.gateway.problems import TITLES
from singlewindow.gateway.refusals import not_found
from singlewindow.messages.manifest import MessageSet

_TYPES = {".xsd": "application/xml", ".xml": "application/xml", ".sch": "application/xml", ".toml": "application/toml"}


_CODE = re.compile(r"[a-z]+(?:\.[A-Za-z0-9_-]{1,80}){1,4}")

FAMILIES = {
    "xsd": "The document breaks its schema at the place named by pointer, line and column; `allowed` says what may "
    "stand there, and the schema can be downloaded under /v1/message-sets.",
    "rule": "The document is valid by its schema but breaks a rule of its message set.",
    "match": "The document was compared with the others of its consignment.",
    "agency": "The authority's own code, as it was answered.",
}
"""What the first word of a code means."""


async def show_contract(_request: web.Request) -> web.Response:
    """GET /openapi.yaml."""
    return web.Response(body=contract(), content_type="application/yaml")


@cache
def contract() -> bytes:
    """The OpenAPI document of this package."""
    return files("singlewindow.gateway").joinpath("openapi.yaml").read_bytes()


async def list_message_sets(request: web.Request) -> web.Response:
    """GET /v1/message-sets: what can be filed here, with every schema, rule, code list and sample to download."""
    sets = request.app[PARTS].sets
    return answer_json({"message_sets": [_describe(sets[name]) for name in sorted(sets)]})


async def download_file(request: web.Request) -> web.Response:
    """GET /v1/message-sets/{name}/files/{path}: one of the listed files, and no other."""
    message_set = request.app[PARTS].sets.get(request.match_info["name"])
    wanted = request.match_info["path"]
    if message_set is None or wanted not in set(_files(message_set.folder)):
        raise not_found()
    path = message_set.folder / wanted
    return web.Response(body=path.read_bytes(), content_type=_TYPES.get(path.suffix, "application/octet-stream"))


async def explain_error(request: web.Request) -> web.Response:
    """GET /docs/errors/{code}: a short page on one error code."""
    code = request.match_info["code"]
    text = request.app[PARTS].explain_code(code) or TITLES.get(code) or _explain_family(code)
    if text is None:
        raise not_found()
    page = f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(code)}</title>"
    return web.Response(
        text=f"{page}<h1><code>{escape(code)}</code></h1><p>{escape(text)}</p></html>\n",
        content_type="text/html",
        headers={"Content-Security-Policy": "default-src 'none'"},
    )


def _explain_family(code: str) -> str | None:
    """Codes are many and grow with rules and agencies; their first word says what kind they are."""
    return FAMILIES.get(code.partition(".")[0]) if _CODE.fullmatch(code) else None


def _describe(message_set: MessageSet) -> dict[str, Any]:
    base = f"/v1/message-sets/{message_set.name}/files/"
    roots = [
        {"name": root.name, "direction": root.direction, "kind": root.kind, "title": root.title}
        for root in message_set.roots.values()
    ]
    described = {"name": message_set.name, "title": message_set.title, "namespace": message_set.namespace}
    links = [base + path for path in _files(message_set.folder)]
    return {**described, "roots": roots, "schema": base + message_set.schema, "files": links}


def _files(folder: Path) -> Iterator[str]:
    """Every file of a set by its path below the folder; hidden ones and links out of it are not offered."""
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        inside = path.resolve().is_relative_to(folder.resolve())
        if path.is_file() and inside and not any(part.startswith((".", "__")) for part in relative.parts):
            yield relative.as_posix()
