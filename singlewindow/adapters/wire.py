"""The wire to one agency: HTTP by aiohttp with a deadline, a cap on replies, and nothing followed or inherited."""

from __future__ import annotations

import io
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field

import aiohttp

from singlewindow import failpoints
from singlewindow.adapters.outcomes import WireReply, refuse_unreadable, translate_transport

REPLY_LIMIT_BYTES = 16_000_000
CONNECT_TIMEOUT_SECONDS = 5.0
# shorter than any common server's own, so that a call seldom meets a connection the server is closing
IDLE_TIMEOUT_SECONDS = 10.0
_CHUNK_BYTES = 65_536
# aiohttp wants larger bodies as a stream
_INLINE_BODY_BYTES = 1_000_000
# of a reply that is too large, as much as is kept with the exchange
_KEPT_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Credentials:
    """HTTP Basic user and password."""

    user: str
    password: str = field(repr=False)


class Wire:
    """POSTs to one agency. No redirects, cookies, proxies of the environment or compressed replies."""

    def __init__(
        self,
        agency: str,
        *,
        deadline_seconds: float,
        connections: int,
        credentials: Credentials | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._agency = agency
        self._deadline_seconds = deadline_seconds
        self._connections = connections
        self._credentials = credentials
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> WireReply:
        """Send once and read the whole reply, whatever its status. Raises AgencyError when there is none to read."""
        data = body if len(body) <= _INLINE_BODY_BYTES else io.BytesIO(body)
        with translate_transport(self._agency):
            async with self._open().post(url, headers=headers, data=data, allow_redirects=False) as response:
                await failpoints.reach("W3")
                return await self._read(response)

    async def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _open(self) -> aiohttp.ClientSession:
        """The session, made on first use because it belongs to the running loop."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                auto_decompress=False,
                connector=self._connector(),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers=_session_headers(self._credentials),
                timeout=self._timeout(),
                trust_env=False,
            )
        return self._session

    def _connector(self) -> aiohttp.TCPConnector:
        tls = True if self._tls is None else self._tls
        return aiohttp.TCPConnector(limit=self._connections, keepalive_timeout=IDLE_TIMEOUT_SECONDS, ssl=tls)

    def _timeout(self) -> aiohttp.ClientTimeout:
        connect_seconds = min(CONNECT_TIMEOUT_SECONDS, self._deadline_seconds / 2)
        return aiohttp.ClientTimeout(total=self._deadline_seconds, sock_connect=connect_seconds)

    async def _read(self, response: aiohttp.ClientResponse) -> WireReply:
        encoding = response.headers.get("Content-Encoding", "identity")
        if encoding != "identity":
            empty = WireReply(response.status, response.headers, b"")
            raise refuse_unreadable(self._agency, empty, f"compressed by {encoding[:40]}")
        body = bytearray()
        async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
            body += chunk
            if len(body) > REPLY_LIMIT_BYTES:
                start = WireReply(response.status, response.headers, bytes(body[:_KEPT_BYTES]))
                refused = refuse_unreadable(self._agency, start, f"more than {REPLY_LIMIT_BYTES} bytes")
                refused.size = len(body)
                raise refused
        return WireReply(response.status, response.headers, bytes(body))


def _session_headers(credentials: Credentials | None) -> dict[str, str]:
    headers = {"Accept-Encoding": "identity", "User-Agent": "singlewindow"}
    if credentials is not None:
        headers["Authorization"] = aiohttp.encode_basic_auth(credentials.user, credentials.password, encoding="utf-8")
    return headers
