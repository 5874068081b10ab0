"""Names whose servers do not answer: whoever looks them up waits, and nobody else."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest

from singlewindow.name_lookups import MOST_RUNNING, NameLookups
from singlewindow.queue.posting import Poster
from singlewindow.queue.public_addresses import SystemResolver

SLOW = [f"{number}.slow.example" for number in range(10)]


class NameServer:
    """Answers for every name but those below slow.example, until it is let go."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.let_go = threading.Event()

    def getaddrinfo(self, host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        self.asked[host] += 1
        if host.endswith(".slow.example"):
            self.let_go.wait(20)
            raise socket.gaierror(socket.EAI_AGAIN, "no server answered")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Iterator[NameServer]:
    server = NameServer()
    monkeypatch.setattr(socket, "getaddrinfo", server.getaddrinfo)
    yield server
    server.let_go.set()


async def test_names_that_do_not_answer_keep_no_agency_from_being_found(names: NameServer) -> None:
    poster = Poster(deadline_seconds=0.5)
    posts = [asyncio.create_task(poster.post(f"https://{name}/", {}, b"{}")) for name in SLOW for _ in range(16)]
    await asyncio.sleep(0)
    async with asyncio.timeout(5.0):
        agency = await aiohttp.ThreadedResolver().resolve("agency.example", 443)
        assert [one["host"] for one in agency] == ["127.0.0.1"]
        answered = await SystemResolver().resolve("another-traders.example", 443)
        assert [one["host"] for one in answered] == ["127.0.0.1"]
    assert {posted.error for posted in await asyncio.gather(*posts)} == {"no answer within the deadline"}
    assert {names.asked[name] for name in SLOW} == {1}
    names.let_go.set()
    await poster.close()


async def test_who_leaves_takes_the_lookup_from_nobody(names: NameServer) -> None:
    lookups = NameLookups()
    first, second = (asyncio.create_task(lookups.find(SLOW[0])) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    names.let_go.set()
    with pytest.raises(socket.gaierror):
        await second
    with pytest.raises(asyncio.CancelledError):
        await first
    with pytest.raises(socket.gaierror):
        await lookups.find(SLOW[0])
    assert names.asked[SLOW[0]] == 2


async def test_what_is_asked_does_not_fill_the_memory(names: NameServer) -> None:
    lookups = NameLookups()
    asked = [asyncio.create_task(lookups.find(f"{number}.slow.example")) for number in range(MOST_RUNNING)]
    await asyncio.sleep(0)
    with pytest.raises(OSError, match="too many"):
        await lookups.find("one-more.slow.example")
    names.let_go.set()
    await asyncio.gather(*asked, return_exceptions=True)
    assert await lookups.find("one-more.example")
