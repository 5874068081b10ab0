"""What can be read without a key: the contract, and the installed message sets with all their files."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from aiohttp import web

from singlewindow.gateway.answers import answer_json
from singlewindow.gateway.parts import PARTS
from singlewindow.gateway.refusals import not_found
from singlewindow.messages.manifest import MessageSet

_TYPES = {".xsd": "application/xml", ".xml": "application/xml", ".sch": "application/xml", ".toml": "application/toml"}


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
