"""Posts a delivery to its endpoint: one deadline, no redirects, and no more read of the answer than is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import aiohttp
from aiohttp.abc import AbstractResolver

from singlewindow.errors import TraderMistake
from singlewindow.messages.webhook_addresses import check_address
from singlewindow.queue.public_addresses import NotPublic, public_connector

DEADLINE_SECONDS = 15.0
ANSWER_BYTES = 4096
USER_AGENT = "singlewindow-webhooks/1"


_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (TimeoutError, "no answer within the deadline"),
    (aiohttp.ClientSSLError, "no TLS connection could be made"),
    (aiohttp.ClientConnectorDNSError, "the host's name does not resolve"),
    (aiohttp.ClientConnectorError, "no connection could be made"),
)


@dataclass(frozen=True, slots=True)
class Posted:
    """What came back. `status` None: no answer, and `error` says why; `retry_after` is the header as it stood."""

    status: int | None = None
    answer: bytes = b""
    retry_after: str = ""
    error: str | None = None


class Poster:
    """Posts to endpoints. No cookies, no proxy of the environment, no compressed answers."""

    def __init__(
        self,
        *,
        private: bool = False,
        resolver: AbstractResolver | None = None,
        deadline_seconds: float = DEADLINE_SECONDS,
    ) -> None:
        self._private, self._resolver, self._deadline_seconds = private, resolver, deadline_seconds
        self._session: aiohttp.ClientSession | None = None

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Posted:
        """Send once. Whatever goes wrong on the way is an answer too: nothing is raised."""
        try:
            # the rules may have become stricter since the address was registered
            check_address(url, private=self._private)
            async with self._open().post(url, headers=headers, data=body, allow_redirects=False) as response:
                answer = await _read_beginning(response)
                return Posted(response.status, answer, response.headers.get("Retry-After", ""))
        except (aiohttp.ClientError, TraderMistake, OSError, TimeoutError, ValueError) as error:
            return Posted(error=_explain(error))

    async def close(self) -> None:
        """Close the connections; a later post opens new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _open(self) -> aiohttp.ClientSession:
        """The session, made on first use because it belongs to the running loop."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=public_connector(private=self._private, resolver=self._resolver),
                timeout=aiohttp.ClientTimeout(total=self._deadline_seconds),
                headers={"Content-Type": "application/json", "User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
            )
        return self._session


def retry_after_seconds(stated: str, *, now: float) -> float:
    """What a Retry-After asks for, in seconds or as a date (RFC 9110, 10.2.3); 0 where it says nothing readable."""
    if stated.isascii() and stated.isdigit():
        return float(stated[:9])
    try:
        return max(parsedate_to_datetime(stated).timestamp() - now, 0.0)
    except (ValueError, OverflowError):
        return 0.0


async def _read_beginning(response: aiohttp.ClientResponse) -> bytes:
    """At most 4 kB; the status has been said, so an answer that breaks off or dawdles changes nothing."""
    answer = bytearray()
    try:
        while len(answer) < ANSWER_BYTES:
            chunk = await response.content.read(ANSWER_BYTES - len(answer))
            if not chunk:
                return bytes(answer)
            answer += chunk
    except (aiohttp.ClientError, TimeoutError, asyncio.IncompleteReadError):
        pass
    # the rest is not read: the connection ends with it
    response.close()
    return bytes(answer)


def _explain(error: Exception) -> str:
    """One sentence for the trader, without what the network or a certificate said word by word."""
    if isinstance(error, TraderMistake):
        return error.detail
    if _causes(error, NotPublic):
        return "the host does not stand for a public address"
    return next((text for kind, text in _REASONS if isinstance(error, kind)), "the connection broke")


def _causes(error: BaseException | None, kind: type[BaseException]) -> bool:
    while error is not None:
        if isinstance(error, kind) or isinstance(getattr(error, "os_error", None), kind):
            return True
        error = error.__cause__ or error.__context__
    return False
