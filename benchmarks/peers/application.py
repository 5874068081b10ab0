"""The service a user would write: FastAPI, a validator, asyncpg; `uvicorn benchmarks.peers.application:lxml_service`.

It does the least that makes it comparable: the same XSD, and one durable INSERT before the answer. It knows no
traders and keys, no duplicates, rules, matching, signed receipts or tasks.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import xmlschema
from fastapi import FastAPI, Request, Response
from lxml import etree

SCHEMA = Path(__file__).resolve().parents[2] / "singlewindow" / "xsd" / "sets" / "ceb-2018" / "ceb.xsd"
TABLE = """CREATE TABLE IF NOT EXISTS peer (
    id uuid PRIMARY KEY, sha256 bytea NOT NULL, received_at timestamptz NOT NULL, content bytea NOT NULL)"""
CONNECTIONS = 8
"""As many as a gateway process has."""

IsValid = Callable[[bytes], bool]


def lxml_service() -> FastAPI:
    """libxml2 judges."""
    schema = etree.XMLSchema(etree.parse(str(SCHEMA)))
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    return _service(lambda body: schema.validate(etree.fromstring(body, parser)))


def xmlschema_service() -> FastAPI:
    """The xmlschema package judges."""
    schema = xmlschema.XMLSchema(str(SCHEMA), allow="local")
    return _service(lambda body: schema.is_valid(body.decode()))


def _service(is_valid: IsValid) -> FastAPI:
    service = FastAPI(lifespan=_with_pool)

    # not the decorator: this module's annotations are strings, which FastAPI reads in its globals
    async def file(request: Request) -> Response:
        body = await request.body()
        if not is_valid(body):
            return Response(status_code=422)
        message_id = await _store(request.app.state.pool, body)
        return Response(f'{{"message_id":"{message_id}","verdict":"received"}}', 202, media_type="application/json")

    service.add_api_route("/v1/declarations", file, methods=["POST"])
    return service


async def _store(pool: asyncpg.Pool[Any], body: bytes) -> str:
    message_id = uuid4()
    await pool.execute(
        "INSERT INTO peer (id, sha256, received_at, content) VALUES ($1, $2, $3, $4)",
        message_id, hashlib.sha256(body).digest(), datetime.now(UTC), body,
    )  # fmt: skip
    return str(message_id)


@asynccontextmanager
async def _with_pool(service: FastAPI) -> AsyncIterator[None]:
    async with asyncpg.create_pool(os.environ["PEER_DATABASE_URL"], min_size=2, max_size=CONNECTIONS) as pool:
        await pool.execute(TABLE)
        service.state.pool = pool
        yield
