"""The least an aiohttp server can do with a message: read its body and answer 202. `python -m benchmarks.bare_server`.

Prints the port it took. Ends with SIGTERM.
"""

from __future__ import annotations

import asyncio
import signal
import socket

import uvloop
from aiohttp import web


async def take(request: web.Request) -> web.Response:
    await request.read()
    return web.Response(status=202, body=b'{"status":"received"}', content_type="application/json")


async def serve() -> None:
    application = web.Application(client_max_size=16_000_000)
    application.router.add_post("/v1/declarations", take)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    await web.SockSite(runner, listener).start()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    print(listener.getsockname()[1], flush=True)
    await stop.wait()
    await runner.cleanup()


if __name__ == "__main__":
    uvloop.run(serve())
