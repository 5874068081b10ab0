"""A built-in agency as a subject: its adapter before a sandbox in this process, or before a service elsewhere."""

from __future__ import annotations

import re
import secrets
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path

import aiohttp
from aiohttp import web

from singlewindow.adapters.certification.subject import REFERENCE, Connect, PushedNotices, Specimen, Story, Subject
from singlewindow.adapters.declared.adapter import DeclaredAdapter
from singlewindow.adapters.exchange import read_notice
from singlewindow.adapters.profiles import AGENCIES, FOLDERS
from singlewindow.adapters.sandbox.serving import open_sandbox
from singlewindow.adapters.wire import Credentials
from singlewindow.errors import ConfigurationError
from singlewindow.settings import Settings
from singlewindow.xsd.catalogue import BUILT_IN
from singlewindow.xsd.soap_envelope import http_headers, open_envelope
from singlewindow.xsd.soap_notices import read_notification, write_notification_reply

SAMPLE = BUILT_IN / "export-1" / "samples" / "valid" / "four_legs.xml"
# the sample holds one declaration: an agency asked for another must refuse
_ABSENT_ORDINAL = 99
_STORIES = {
    "customs": ("declare", Story((), 3)),
    "inspection": ("inspect", Story(("INSPECT",), 2)),
}
_CARRIER_STORY = ("release", Story(("MOVES",), 2))
_EFFECTS_TIMEOUT = aiohttp.ClientTimeout(total=10.0)

CountEffects = Callable[[Sequence[str]], Awaitable[int]]


@asynccontextmanager
async def open_builtin(agency: str) -> AsyncIterator[Subject]:
    """A built-in agency with a sandbox of its own. Raises ConfigurationError for another agency."""
    pushed = PushedNotices()
    with tempfile.TemporaryDirectory(prefix="certification-") as folder:
        settings = Settings(
            data_dir=Path(folder),
            agencies_url="http://127.0.0.1:0",
            sandbox_delay_ms="0-20",
        )
        async with (
            _receiving(pushed) as notify_url,
            open_sandbox(settings, notify_url=notify_url) as (url, _),
            _counting(url, agency) as count,
        ):
            yield describe_builtin(agency, url, count_effects=count, pushed=pushed)


def describe_builtin(
    agency: str, base_url: str, *, count_effects: CountEffects | None = None, pushed: PushedNotices | None = None
) -> Subject:
    """A built-in agency whose service is at `{base_url}/{agency}`. Raises ConfigurationError for another agency."""
    if agency not in AGENCIES:
        raise ConfigurationError(f"there is no built-in agency {agency}; there is {', '.join(AGENCIES)}")
    password = secrets.token_hex(16)
    specimen = describe_specimen(agency)
    if pushed is None:
        specimen = replace(specimen, story=None)
    return Subject(agency, base_url, _connect(agency, password), specimen, (password,), count_effects, pushed)


def describe_specimen(agency: str) -> Specimen:
    """The shipped sample as this agency's document."""
    action, story = _STORIES.get(agency, _CARRIER_STORY)
    original = re.sub(r"<LRN>[^<]*</LRN>", f"<LRN>{REFERENCE}</LRN>", SAMPLE.read_text("utf-8"))
    return Specimen(
        "export-1",
        "ExportDeclaration",
        action,
        original,
        rejected_ordinal=_ABSENT_ORDINAL,
        leg=None if agency in _STORIES else 1,
        story=story,
    )


def _connect(agency: str, password: str) -> Connect:
    @cache  # its WSDL is read once; closed, it opens new connections when it is used again
    def connect(base_url: str, *, deadline_seconds: float) -> DeclaredAdapter:
        return DeclaredAdapter(
            FOLDERS / agency,
            agencies_url=base_url,
            environment="certification",
            deadline_seconds=deadline_seconds,
            credentials=Credentials("certification", password),
        )

    return connect


@asynccontextmanager
async def _counting(url: str, agency: str) -> AsyncIterator[CountEffects]:
    async with aiohttp.ClientSession(timeout=_EFFECTS_TIMEOUT) as session:

        async def count(references: Sequence[str]) -> int:
            wanted = set(references)
            async with session.get(f"{url}/sandbox/effects") as reply:
                effects = (await reply.json())["effects"]
            return sum(
                effect["agency"] == agency and not wanted.isdisjoint(effect["business_key"].split("|"))
                for effect in effects
            )

        yield count


@asynccontextmanager
async def _receiving(pushed: PushedNotices) -> AsyncIterator[str]:
    """A single window that only listens; yields its base URL."""

    async def receive(request: web.Request) -> web.Response:
        if pushed.away:
            pushed.refused.set()
            return web.Response(status=503)
        message = open_envelope(await request.read())
        notices = read_notification(message).notices
        pushed.heard += map(read_notice, notices)
        reply = write_notification_reply(message, accepted=len(notices))
        return web.Response(body=reply, headers=http_headers(message.version))

    application = web.Application()
    application.router.add_post("/soap/agencies/{agency}", receive)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=2.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
