"""Adapters that are each broken in how they use HTTP."""

from __future__ import annotations

from collections.abc import Mapping

import aiohttp

from singlewindow.adapters.declared.adapter import DeclaredAdapter
from singlewindow.adapters.outcomes import ReplyRefused, WireReply
from singlewindow.adapters.port import Call, Envelope, Reply
from singlewindow.adapters.wire import Wire
from singlewindow.errors import AgencyError
from tests.contract.broken_adapters import Wrapped


class RedirectedWire(Wire):
    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> WireReply:
        try:
            async with self._open().post(url, headers=headers, data=body) as response:
                return WireReply(response.status, response.headers, await response.read())
        except aiohttp.TooManyRedirects as error:
            raise AgencyError("redirected too often", temporary=False) from error


class FollowsRedirects(Wrapped):
    """Redirects are followed where they are the reply; other failures go by the good wire."""

    async def send(self, envelope: Envelope, call: Call) -> Reply:
        try:
            return await self.good.send(envelope, call)
        except ReplyRefused as error:
            if error.status // 100 != 3:
                raise
        wire = RedirectedWire(self.agency, deadline_seconds=self.deadline_seconds, connections=1)
        try:
            await wire.post(envelope.url, envelope.headers, envelope.body)
        finally:
            await wire.close()
        raise AgencyError("redirected to nowhere", temporary=False)


class PatientWire(Wire):
    def _timeout(self) -> aiohttp.ClientTimeout:
        return aiohttp.ClientTimeout(total=None, sock_connect=5.0, sock_read=self._deadline_seconds)


class NoTotalDeadline(Wrapped):
    """Its time-out starts anew with every byte."""

    def __init__(self, good: DeclaredAdapter) -> None:
        super().__init__(good)
        good._wire = PatientWire(good.agency, deadline_seconds=good.deadline_seconds, connections=4)
