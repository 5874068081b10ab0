"""Webhooks on the running chain: every event is pushed and signed, also where its sender is killed in between."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time

from singlewindow.messages.webhook_signatures import read_secret, verify_delivery
from tests.end_to_end.chain import SETTLE_SECONDS, Chain, Client
from tests.end_to_end.documents import Parcel
from tests.integration.webhook_receiver import webhook_receiver


def sender_of(chain: Chain) -> list[int]:
    """The process ids of the chain's workers."""
    return chain.processes("work")


async def test_every_event_is_pushed_though_the_sender_is_killed(chain: Chain, trader: Client) -> None:
    async with webhook_receiver() as receiver:
        body = json.dumps({"url": receiver.url}).encode()
        webhook = (await trader.call("POST", "/v1/webhooks", body, Content_Type="application/json")).json
        filed = [await trader.file_one(Parcel().order()) for _ in range(10)]
        for pid in sender_of(chain):
            os.kill(pid, signal.SIGKILL)
        filed += [await trader.file_one(Parcel().order()) for _ in range(10)]

        for declaration in filed:
            await trader.until_status(declaration, "registered")
        page = (await trader.call("GET", f"/v1/events?after={webhook['cursor']}&limit=1000")).json
        expected = {event["seq"] for event in page["events"] if event["declaration_id"] in filed}
        # what the killed process held is tried again after 25 seconds
        async with asyncio.timeout(SETTLE_SECONDS):
            while not expected <= {one.event["seq"] for one in receiver.got}:
                await asyncio.sleep(0.1)
        ids = {one.id: one.event["id"] for one in receiver.got}
        assert len(set(ids.values())) == len(ids)
        for one in receiver.got:
            verify_delivery(one.headers, one.body, read_secret(webhook["secret"]), now=time.time())
        await trader.call("DELETE", f"/v1/webhooks/{webhook['id']}")
