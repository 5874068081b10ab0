"""Who waits for a message to be settled, and the one look at the ledger that answers for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from uuid import UUID

import structlog

from singlewindow.errors import Unavailable
from singlewindow.gateway.bus import Bus, News
from singlewindow.ledger.reading import View

POLL_SECONDS = 0.25
"""How often the ledger is asked where no news arrives."""

REST_SECONDS = 0.01
REST_PER_LOOK = 1.0
"""Between two looks the least rest, and so many times what the look took: half of the time nobody looks."""

Look = Callable[[Sequence[UUID]], Awaitable[Mapping[UUID, list[View]]]]
"""The views of those of these messages that are settled. May raise Unavailable, which only means: not known yet."""

log = structlog.get_logger()


class Waiters:
    """What a process knows of those who wait in it. It looks while somebody waits, at news or four times a second."""

    def __init__(self, bus: Bus, look: Look, stopping: asyncio.Event) -> None:
        self._bus, self._look, self._stopping = bus, look, stopping
        self._news = News()
        self._awaited: dict[UUID, set[asyncio.Future[list[View]]]] = {}
        self._watch: asyncio.Task[None] | None = None

    async def wait(self, trader: UUID, message_id: UUID, *, seconds: float) -> list[View] | None:
        """The views of a trader's own message once it is settled; None when the time is over or the process is to end.

        It is looked at once at least, however short the time.
        """
        settled: asyncio.Future[list[View]] = asyncio.get_running_loop().create_future()
        with ExitStack() as stack:
            stack.enter_context(self._bus.subscribe(trader, self._news))
            stack.callback(self._leave, message_id, settled)
            self._awaited.setdefault(message_id, set()).add(settled)
            self._begin_to_watch()
            await asyncio.wait((settled,), timeout=seconds)
            if settled.done() and not settled.cancelled():
                return settled.result()
        return None if self._stopping.is_set() else (await self._find_settled([message_id])).get(message_id)

    def _leave(self, message_id: UUID, settled: asyncio.Future[list[View]]) -> None:
        settled.cancel()
        waiters = self._awaited[message_id]
        waiters.discard(settled)
        if not waiters:
            del self._awaited[message_id]

    def _begin_to_watch(self) -> None:
        self._news.ring()
        if self._watch is None or self._watch.done():
            self._watch = asyncio.create_task(self._watch_while_awaited(), name="waiters")
            self._watch.add_done_callback(_report)

    async def _watch_while_awaited(self) -> None:
        loop = asyncio.get_running_loop()
        while self._awaited:
            await self._news.wait(POLL_SECONDS)
            if self._stopping.is_set():
                self._give_up()
            began = loop.time()
            for message_id, views in (await self._find_settled(list(self._awaited))).items():
                self._answer(message_id, views)
            await asyncio.sleep(max(REST_SECONDS, (loop.time() - began) * REST_PER_LOOK))

    async def _find_settled(self, message_ids: Sequence[UUID]) -> Mapping[UUID, list[View]]:
        try:
            return await self._look(message_ids)
        except Unavailable:
            return {}

    def _answer(self, message_id: UUID, views: list[View]) -> None:
        for settled in self._awaited.get(message_id, ()):
            if not settled.done():
                settled.set_result(views)

    def _give_up(self) -> None:
        for settled in (one for waiters in self._awaited.values() for one in waiters):
            settled.cancel()


def _report(watch: asyncio.Task[None]) -> None:
    """It ends when nobody waits; an error is shown, since the waiters would only see their time run out."""
    if not watch.cancelled() and (error := watch.exception()) is not None:
        log.error("waiters.failed", error=repr(error))
