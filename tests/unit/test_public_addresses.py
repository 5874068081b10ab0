"""Addresses of webhooks: tricks of spelling at registration, and names that change what they stand for."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from singlewindow.messages.webhook_addresses import AddressRefused, check_address, is_public
from singlewindow.queue.posting import Poster
from singlewindow.queue.public_addresses import NotPublic, PublicResolver, open_public_socket

REFUSED = [
    "http://hooks.example.com/", "file:///etc/passwd", "gopher://example.com/", "//example.com/", "example.com", "",
    "https://", "https:///path", "https://127.0.0.1/", "https://127.0.0.1:443/", "https://10.1.2.3/",
    "https://169.254.169.254/latest/meta-data", "https://192.168.1.1/", "https://172.16.0.1/", "https://100.64.0.1/",
    "https://0.0.0.0/", "https://224.0.0.1/", "https://255.255.255.255/", "https://0x7f.1/", "https://0x7f000001/",
    "https://2130706433/", "https://127.1/", "https://0177.0.0.1/", "https://017700000001/", "https://127.0.0.1./",
    "https://127.0.0.01/", "https://8.8.8.8.8/", "https://1.2.3.0x/", "https://[::1]/", "https://[::]/",
    "https://[::ffff:127.0.0.1]/", "https://[::ffff:7f00:1]/", "https://[0:0:0:0:0:ffff:10.0.0.1]/",
    "https://[fe80::1]/", "https://[fe80::1%25eth0]/", "https://[fd00::1]/", "https://[64:ff9b::7f00:1]/",
    "https://[2002:7f00:1::]/", "https://[2001:0:7f00:1::]/", "https://[::127.0.0.1]/", "https://[ff0e::1]/",
    "https://[fec0::1]/", "https://localhost/", "https://LOCALHOST/", "https://localhost./", "https://a.localhost/",
    "https://printer.local/", "https://metadata.google.internal/", "https://intranet/", "https://db.corp/",
    "https://router.home.arpa/", "https://user@example.com/", "https://user:pw@example.com/", "https://@example.com/",
    "https://example.com:22/", "https://example.com:80/", "https://example.com:6379/", "https://example.com:99999/",
    "https://example.com:x/", "https://example.com:0/", "https://example.com/#f", "https://example.com/#",
    "https://example.com\\@127.0.0.1/", "https://exa mple.com/", "https://example.com/\r\nX: y", "\thttps://example.com/",
    "https://ⓔxample.com/", "https://127。0。0。1/", "https://１２７.0.0.1/", "https://%31%32%37.0.0.1/",
    "https://-a.example.com/", "https://a..example.com/", "https://example.com/" + "a" * 2000,
]  # fmt: skip
TAKEN = [
    "https://hooks.example.com/", "https://hooks.example.com", "https://hooks.example.com:443/a?b=c",
    "https://hooks.example.com:8443/a", "https://xn--bcher-kva.example/", "https://8.8.8.8/", "https://[2001:4860:4860::8888]/",
    "https://localhost.example.com/", "https://1.example.com/", "https://a_b.example.com/",
]  # fmt: skip


@pytest.mark.parametrize("url", REFUSED)
def test_an_address_that_is_not_plainly_public_is_refused(url: str) -> None:
    with pytest.raises(AddressRefused):
        check_address(url)


@pytest.mark.parametrize("url", TAKEN)
def test_a_public_https_address_is_taken(url: str) -> None:
    assert check_address(url).scheme == "https"


@pytest.mark.parametrize("url", ["http://127.0.0.1:9000/hook", "http://localhost:80/", "https://[::1]:1/"])
def test_an_operator_may_allow_http_and_private_addresses(url: str) -> None:
    assert check_address(url, private=True).hostname


@pytest.mark.parametrize("url", ["file:///etc/passwd", "http://u@127.0.0.1/", "http://0x7f.1/", "ftp://127.0.0.1/"])
def test_what_is_no_plain_web_address_is_refused_even_then(url: str) -> None:
    with pytest.raises(AddressRefused):
        check_address(url, private=True)


@pytest.mark.parametrize("address", ["8.8.8.8", "::ffff:8.8.8.8", "64:ff9b::808:808", "2001:4860:4860::8888"])
def test_wrapped_public_addresses_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", ["127.0.0.1", "::ffff:10.0.0.1", "fe80::1%eth0", "2001:4860:4860::8888%1", "x", ""])
def test_everything_else_is_not(address: str) -> None:
    assert not is_public(address)


class Answering(AbstractResolver):
    """A name server of an attacker: one answer after the other, the last one for ever."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        addresses = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            ResolveResult(hostname=host, host=one, port=port, family=socket.AF_INET, proto=0, flags=0)
            for one in addresses
        ]

    async def close(self) -> None:
        pass


async def test_of_what_a_name_stands_for_only_the_public_addresses_are_kept() -> None:
    resolver = PublicResolver(Answering(["10.0.0.1", "8.8.8.8"]))
    assert [one["host"] for one in await resolver.resolve("mixed.example")] == ["8.8.8.8"]


async def test_a_name_that_was_public_and_is_private_when_connecting_is_refused() -> None:
    async with listening() as (port, met):
        resolver = PublicResolver(Answering(["8.8.8.8"], ["127.0.0.1"]))
        assert await resolver.resolve("rebound.example", port)
        with pytest.raises(NotPublic):
            await resolver.resolve("rebound.example", port)
        poster = Poster(resolver=Answering(["127.0.0.1"]))
        posted = await poster.post("https://rebound.example:8443/", {}, b"{}")
        await poster.close()
    assert posted.status is None
    assert posted.error == "the host does not stand for a public address"
    assert not met


async def test_a_socket_is_refused_whatever_the_resolver_let_through() -> None:
    async with listening() as (port, met):
        connector = aiohttp.TCPConnector(resolver=Answering(["127.0.0.1"]), socket_factory=open_public_socket)
        async with aiohttp.ClientSession(connector=connector) as session:
            with pytest.raises(aiohttp.ClientConnectorError) as refused:
                await session.post(f"http://let-through.example:{port}/")
            with pytest.raises(aiohttp.ClientConnectorError):
                await session.post(f"http://127.0.0.1:{port}/")
    assert isinstance(refused.value.os_error, NotPublic)
    assert not met


async def test_an_address_registered_under_laxer_rules_is_refused_before_it_is_resolved() -> None:
    poster = Poster(resolver=Answering(["8.8.8.8"]))
    posted = await poster.post("http://hooks.example.com/", {}, b"{}")
    await poster.close()
    assert posted.error == "a webhook's address begins with https://"


@asynccontextmanager
async def listening() -> AsyncIterator[tuple[int, list[int]]]:
    """A port of this machine, and a note of everybody who connected."""
    met: list[int] = []

    async def meet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        met.append(1)
        writer.close()

    async with await asyncio.start_server(meet, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1], met
