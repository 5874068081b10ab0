"""The webhook receiver of the proof: checks each signature, fails now and then, and writes down what came."""

from __future__ import annotations

import json
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus

from aiohttp import web
from aiohttp.test_utils import unused_port

from singlewindow.messages.webhook_signatures import SignatureInvalid, read_secret, verify_delivery
from tests.faults.proof.ledgers import Ledgers, now


@dataclass
class Hooks:
    """A receiver; `secrets` are its endpoints' secrets by trader.

    `fails` is the part of the deliveries refused when they come first: a second failure would wait for minutes.
    """

    url: str
    ledgers: Ledgers
    dice: random.Random
    secrets: dict[str, str] = field(default_factory=dict)
    fails: float = 0.0
    seen: set[str] = field(default_factory=set)
    bad_signatures: int = 0

    async def take(self, request: web.Request) -> web.Response:
        """204 when the delivery is on disk; sometimes 503, before it is."""
        trader, body = request.match_info["trader"], await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        try:
            verify_delivery(headers, body, read_secret(self.secrets[trader]), now=time.time())
        except SignatureInvalid:
            self.bad_signatures += 1
            return web.Response(status=HTTPStatus.UNAUTHORIZED)
        if headers["webhook-id"] not in self.seen and self.dice.random() < self.fails:
            self.seen.add(headers["webhook-id"])
            return web.Response(status=HTTPStatus.SERVICE_UNAVAILABLE)
        self.seen.add(headers["webhook-id"])
        event = json.loads(body)
        line = {"trader": trader, "seq": event["seq"], "event": event["id"], "id": headers["webhook-id"], "at": now()}
        await self.ledgers.hooks.append([line])
        return web.Response(status=HTTPStatus.NO_CONTENT)


@asynccontextmanager
async def hook_receiver(ledgers: Ledgers, dice: random.Random, host: str) -> AsyncIterator[Hooks]:
    """The receiver on a port of its own."""
    port = unused_port()
    hooks = Hooks(f"http://{host}:{port}/hook", ledgers, dice)
    application = web.Application()
    application.router.add_post("/hook/{trader}", hooks.take)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield hooks
    finally:
        await runner.cleanup()
