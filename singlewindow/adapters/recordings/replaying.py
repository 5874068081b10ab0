"""Plays recorded replies to an adapter, as if the agency answered, and tells what it makes of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from difflib import unified_diff

from aiohttp import web

from singlewindow.adapters.port import Adapter, Call
from singlewindow.adapters.recordings.recording import Recording, read_said
from singlewindow.errors import AgencyError, SingleWindowError
from singlewindow.xsd.xml_differences import list_differences

MOST_BYTES = 200_000_000

Connect = Callable[[str], Adapter]
"""Makes an adapter whose services are looked for at a base URL."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What an adapter does otherwise in one exchange: lines that begin with - (then) or + (now), none where equal."""

    recording: Recording
    request: list[str]
    reading: list[str]

    def __bool__(self) -> bool:
        return bool(self.request or self.reading)


class Player:
    """An agency that answers as it was recorded."""

    def __init__(self, connect: Connect, base_url: str) -> None:
        self.adapter = connect(base_url)
        self.status, self.reply = 200, b""

    async def close(self) -> None:
        """Close the adapter."""
        await self.adapter.close()

    async def complete(self, call: Call, reply: bytes, *, status: int) -> Recording:
        """The recording that this adapter would have made."""
        request, reading = await self._play(call, status, reply)
        return Recording(call, request, status, reply, reading)

    async def compare(self, recording: Recording) -> Difference:
        """What this adapter does otherwise."""
        request, reading = await self._play(recording.call, recording.status, recording.reply)
        told = unified_diff(recording.reading, reading, lineterm="", n=0)
        changed = [line for line in told if line[:1] in {"-", "+"} and line[:3] not in {"---", "+++"}]
        return Difference(recording, list_differences(recording.request, request), changed)

    async def _play(self, call: Call, status: int, reply: bytes) -> tuple[bytes, list[str]]:
        """The request, and what is read of the reply; an error where there is one."""
        self.status, self.reply = status, reply
        call = replace(call, agency=self.adapter.agency)
        try:
            envelope = self.adapter.prepare(call)
        except SingleWindowError as error:
            return b"", [f"no request: {error.detail}"]
        try:
            answers = (await self.adapter.send(envelope, call)).answers
        except AgencyError as error:
            told = "temporary" if error.temporary else "definite"
            return envelope.record, [f"error: {told}{', outcome unknown' if error.outcome_unknown else ''}"]
        return envelope.record, read_said(answers)


@asynccontextmanager
async def open_player(connect: Connect) -> AsyncIterator[Player]:
    """A player on loopback. Raises ConfigurationError for an adapter that cannot be made."""
    playing: list[Player] = []

    async def answer(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(status=playing[0].status, body=playing[0].reply, content_type="text/xml")

    application = web.Application(client_max_size=MOST_BYTES)
    application.router.add_post("/{path:.*}", answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=2.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        playing.append(Player(connect, f"http://127.0.0.1:{runner.addresses[0][1]}"))
        yield playing[0]
    finally:
        for player in playing:
            await player.close()
        await runner.cleanup()
