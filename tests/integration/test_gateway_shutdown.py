"""Ending the gateway: what is in work is finished, nothing new is begun, and a filing once started is never cut off."""

from __future__ import annotations

import asyncio
import os
import signal
import socket

import aiohttp
import pytest

from singlewindow.errors import Unavailable
from singlewindow.gateway.accepting import Acceptor
from singlewindow.gateway.application import build_application
from singlewindow.gateway.in_flight import InFlight
from singlewindow.gateway.parts import IN_FLIGHT
from singlewindow.gateway.serving import serve
from tests.integration.gateway_stage import PATIENCE_SECONDS, GatewayStage, gateway_stage, order, until, xml_headers


async def serve_until_signalled(stage: GatewayStage, listener: socket.socket) -> None:
    await serve(build_application(stage.parts), stage.parts.settings, listener=listener)


async def test_sigterm_finishes_what_is_in_work_and_accepts_nothing_more(database_url: str) -> None:
    async with gateway_stage(database_url) as stage:
        listener = socket.create_server(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1/declarations"
        serving = asyncio.create_task(serve_until_signalled(stage, listener))
        headers = xml_headers(Authorization=f"Bearer {stage.key}")
        async with aiohttp.ClientSession() as client:
            async with stage.database.transaction() as connection:
                await connection.execute("LOCK TABLE message")
                filing = asyncio.create_task(client.post(url, data=order(), headers=headers))

                async def waits() -> bool:
                    return bool(await connection.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"))

                await until(waits)
                for _ in range(2):
                    os.kill(os.getpid(), signal.SIGTERM)
                    await asyncio.sleep(0)

                async def refuses() -> bool:
                    try:
                        _, writer = await asyncio.open_connection("127.0.0.1", listener.getsockname()[1])
                    except OSError:
                        return True
                    writer.close()
                    return False

                await until(refuses)
                assert not serving.done()
            assert (await asyncio.wait_for(filing, PATIENCE_SECONDS)).status == 202
        await asyncio.wait_for(serving, PATIENCE_SECONDS)


async def test_a_client_accepted_in_the_last_moment_is_still_answered(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    accepted, opened, stop, open_at_once = asyncio.Event(), asyncio.Event(), asyncio.Event(), Acceptor._open

    async def open_late(acceptor: Acceptor, connection: socket.socket) -> None:
        accepted.set()
        await asyncio.sleep(0.2)
        await open_at_once(acceptor, connection)
        opened.set()

    async with gateway_stage(database_url) as stage, aiohttp.ClientSession() as client:
        monkeypatch.setattr(Acceptor, "_open", open_late)
        listener = socket.create_server(("127.0.0.1", 0))
        application = build_application(stage.parts)
        serving = asyncio.create_task(serve(application, stage.parts.settings, listener=listener, stop=stop))
        calling = asyncio.create_task(client.get(f"http://127.0.0.1:{listener.getsockname()[1]}/health/live"))
        await asyncio.wait_for(accepted.wait(), PATIENCE_SECONDS)
        stop.set()
        await asyncio.wait_for(serving, PATIENCE_SECONDS)
        assert opened.is_set()
        async with await asyncio.wait_for(calling, PATIENCE_SECONDS) as answer:
            assert (answer.status, answer.headers["Connection"]) == (200, "close")


async def test_a_request_that_waits_for_news_is_answered_early_at_the_end(database_url: str) -> None:
    async with aiohttp.ClientSession() as client:
        async with gateway_stage(database_url) as stage:
            headers = xml_headers(Authorization=f"Bearer {stage.key}", Prefer="wait=30")
            waiting = asyncio.create_task(client.post(f"{stage.url}/v1/declarations", data=order(), headers=headers))

            async def stored() -> bool:
                return stage.parts.bus.waiters == 1

            await until(stored)
        assert (await asyncio.wait_for(waiting, PATIENCE_SECONDS)).status == 202


async def test_kept_work_outlives_the_request_that_began_it() -> None:
    in_flight, release, done = InFlight(1), asyncio.Event(), asyncio.Event()

    async def work() -> None:
        await release.wait()
        done.set()

    request = asyncio.create_task(in_flight.keep(work()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    assert await in_flight.drain(0.01) == 1
    release.set()
    assert await in_flight.drain(PATIENCE_SECONDS) == 0
    assert done.is_set()


async def test_an_error_of_kept_work_reaches_its_request() -> None:
    async def fail() -> None:
        raise Unavailable("away")

    with pytest.raises(Unavailable):
        await InFlight(1).keep(fail())


async def test_the_application_counts_nothing_in_work_at_rest(database_url: str) -> None:
    async with gateway_stage(database_url) as stage:
        for _ in range(3):
            await stage.submit(order())
            await stage.submit(b"<broken")
        assert stage.application[IN_FLIGHT]._admitted == 0
