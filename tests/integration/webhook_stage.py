"""A gateway whose webhooks are delivered to a receiver, by a clock that a test moves."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from singlewindow.messages.identifiers import Clock
from singlewindow.messages.webhook_signatures import read_secret, verify_delivery
from singlewindow.queue.delivering import Deliverer
from singlewindow.queue.posting import Poster
from tests.integration.gateway_stage import GatewayStage, gateway_stage, order
from tests.integration.webhook_receiver import Received, Receiver, webhook_receiver

DAY = 86_400


@dataclass
class Stage:
    """A gateway, a deliverer whose time a test moves, and a receiver."""

    gateway: GatewayStage
    deliverer: Deliverer
    receiver: Receiver
    clock: Clock

    async def call(self, method: str, path: str, body: Any = None, *, key: str | None = None) -> tuple[int, Any]:
        """Status and JSON of one request."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        async with self.gateway.client.request(method, path, json=body, headers=headers) as response:
            content = await response.read()
        return response.status, json.loads(content) if content else None

    async def register(self, **fields: Any) -> dict[str, Any]:
        """An endpoint at the receiver, with its secret."""
        status, made = await self.call("POST", "/v1/webhooks", {"url": self.receiver.url} | fields)
        assert status == 201, made
        webhook: dict[str, Any] = made
        return webhook

    async def file(self) -> str:
        """File an order and match it: several events of one declaration; its id."""
        response = await self.gateway.submit(order())
        receipt = json.loads(await response.read())
        await self.gateway.match_all()
        return str(receipt["declarations"][0]["id"])

    async def deliver(self, *, after_seconds: float = 0.0) -> None:
        """Let this time pass, then one pass and everything it started."""
        self.clock.offset_seconds += after_seconds
        await self.deliverer.pass_once()
        await self.deliverer.finish_lanes()

    async def log(self, webhook: dict[str, Any], query: str = "") -> list[dict[str, Any]]:
        """The endpoint's deliveries, newest first."""
        _, page = await self.call("GET", f"/v1/webhooks/{webhook['id']}/deliveries?limit=200{query}")
        deliveries: list[dict[str, Any]] = page["deliveries"]
        return deliveries

    async def feed(self) -> list[dict[str, Any]]:
        """The trader's events."""
        _, page = await self.call("GET", "/v1/events?limit=1000")
        events: list[dict[str, Any]] = page["events"]
        return events

    def verify(self, received: Received, secret: str) -> None:
        """Check a request as its receiver would."""
        verify_delivery(received.headers, received.body, read_secret(secret), now=self.clock.time())


@asynccontextmanager
async def opened_stage(database_url: str, **settings: Any) -> AsyncIterator[Stage]:
    async with gateway_stage(database_url, **settings) as gateway, webhook_receiver() as receiver:
        deliveries = gateway.parts.deliveries
        clock = deliveries._clock
        deliverer = Deliverer(deliveries, Poster(private=True), clock, draw=lambda low, _: low)
        try:
            yield Stage(gateway, deliverer, receiver, clock)
        finally:
            await deliverer.stop()
            # the tests of this module share a database, and another test's receiver may get this one's port
            async with gateway.database.connection() as connection:
                await connection.execute("UPDATE webhook SET deleted_at = now()")
