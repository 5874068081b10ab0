"""The sandbox as a server: every agency, the control API, and at `/MODE/documents` each carrier's own service."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from urllib.parse import urlsplit

import aiohttp
import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from singlewindow.adapters.profiles import AGENCIES
from singlewindow.adapters.sandbox.control import Control, local_only
from singlewindow.adapters.sandbox.delays import read_range
from singlewindow.adapters.sandbox.incidents import drop
from singlewindow.adapters.sandbox.office import Office
from singlewindow.adapters.sandbox.scenario import Scenario, load_scenario
from singlewindow.adapters.sandbox.sender import POST_TIMEOUT_SECONDS, Sender
from singlewindow.adapters.sandbox.service import SERVICES, Service
from singlewindow.adapters.sandbox.sky import Sky
from singlewindow.adapters.sandbox.story import Story
from singlewindow.adapters.sandbox.transport import TransportService
from singlewindow.adapters.sandbox.transport_modes import MODES
from singlewindow.keys import keys_folder, make_agency_password
from singlewindow.settings import Settings
from singlewindow.xsd.soap_descriptions import describe_service
from singlewindow.xsd.transport_calls import describe_transport

MAX_CALL_BYTES = 64_000_000
JOURNAL = "sandbox/effects.jsonl"
"""Below the data folder."""

BASE_URL = web.AppKey("base_url", str)

_log = structlog.get_logger(__name__)


async def run_sandbox(
    settings: Settings,
    *,
    notify_url: str,
    ready: Callable[[str], None] | None = None,
    stop: asyncio.Event | None = None,
) -> None:
    """Serve every agency at `settings.agencies_url` until SIGTERM or SIGINT, or until `stop` is set.

    Notices are pushed to `{notify_url}/soap/agencies/{agency}`. `ready` hears the base URL once requests are taken.
    Raises ConfigurationError for a damaged journal or a scenario with mistakes, and OSError for a journal that cannot
    be written.
    """
    stop = stop or _stop_on_signals()
    async with open_sandbox(settings, notify_url=notify_url) as (url, working):
        _log.info("sandbox.listening", url=url)
        if ready is not None:
            ready(url)
        waiting = asyncio.create_task(stop.wait())
        await asyncio.wait({waiting, *working}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        for task in working:
            if task.done():
                task.result()


@asynccontextmanager
async def open_sandbox(
    settings: Settings, *, notify_url: str
) -> AsyncIterator[tuple[str, frozenset[asyncio.Task[None]]]]:
    """A recovered, listening sandbox; yields its base URL and its working tasks, which end only by failing."""
    async with AsyncExitStack() as stack:
        scenario = load_scenario(settings.sandbox_scenario)
        story = Story(scenario, read_range(settings.sandbox_delay_ms))
        office = Office(settings.data_dir / JOURNAL, story)
        await stack.enter_async_context(office.journal)
        office.recover()
        timeout = aiohttp.ClientTimeout(total=POST_TIMEOUT_SECONDS)
        sky = Sky(scenario.forecast())
        client = await stack.enter_async_context(aiohttp.ClientSession(timeout=timeout))
        senders = [
            Sender(
                feed, office.journal, client, sky,
                notify_url=notify_url, password=make_agency_password(keys_folder(settings), feed.agency),
            )
            for feed in office.feeds.values()
            if feed.pushes
        ]  # fmt: skip
        working = frozenset(asyncio.create_task(run()) for run in (office.timetable.run, *(one.run for one in senders)))
        stack.push_async_callback(_cancel, working)
        url = await stack.enter_async_context(
            _listening(build_application(office, sky, scenario), settings.agencies_url)
        )
        yield url, working


def build_application(office: Office, sky: Sky, scenario: Scenario) -> web.Application:
    """The routes of all agencies and of the control API."""
    application = web.Application(client_max_size=MAX_CALL_BYTES, middlewares=[local_only, _drop_while_out(sky)])
    for agency in AGENCIES:
        application.router.add_post(f"/{agency}", Service(agency, office, sky).handle)
        application.router.add_get(f"/{agency}", describe)
    for mode in MODES:
        application.router.add_post(f"/{mode}/documents", TransportService(mode, office, sky).handle)
        application.router.add_get(f"/{mode}/documents", describe_documents)
    application.add_routes(Control(office, sky, scenario).routes())
    return application


def _drop_while_out(sky: Sky) -> Middleware:
    """During an outage an agency resets every connection before it reads anything."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        return drop(request) if sky.is_out(request.path.split("/")[1]) else await handler(request)

    return middleware


async def describe(request: web.Request) -> web.Response:
    """GET /AGENCY?wsdl: the service's description with its schema within and its ports at this sandbox."""
    if "wsdl" not in {name.lower() for name in request.query}:
        raise web.HTTPNotFound
    address = f"{request.app[BASE_URL]}{request.path}"
    body = describe_service(SERVICES[request.path.strip("/")], address=address)
    return web.Response(body=body, content_type="text/xml", charset="utf-8")


async def describe_documents(request: web.Request) -> web.Response:
    """GET /MODE/documents?wsdl: the description of the carrier's own service."""
    if "wsdl" not in {name.lower() for name in request.query}:
        raise web.HTTPNotFound
    body = describe_transport(request.path.split("/")[1], address=f"{request.app[BASE_URL]}{request.path}")
    return web.Response(body=body, content_type="text/xml", charset="utf-8")


@asynccontextmanager
async def _listening(application: web.Application, url: str) -> AsyncIterator[str]:
    """The application at a URL's host and port (0 takes a free one); yields the URL it is reached at."""
    wanted = urlsplit(url)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=2.0)
    host = wanted.hostname or "127.0.0.1"
    listener = _bind(host, wanted.port or 0)
    try:
        shown = f"[{host}]" if ":" in host else host
        application[BASE_URL] = f"http://{shown}:{listener.getsockname()[1]}"
        await runner.setup()
        await web.SockSite(runner, listener, backlog=1024).start()
        yield application[BASE_URL]
    finally:
        await runner.cleanup()
        listener.close()


def _bind(host: str, port: int) -> socket.socket:
    """A bound socket: the address must be known before the first request is answered."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=1024)


async def _cancel(tasks: frozenset[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _stop_on_signals() -> asyncio.Event:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    return stop
