"""Who waits for a message to be settled, and the one look at the ledger that answers for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import ExitStack
from uuid import UUID

import structlog

from singlewindow.errors import Unavailable
from singlewindow.gateway.bus import Bus, News

POLL_SECONDS = 0.25
"""How often the ledger is asked where no news arrives."""

REST_SECONDS = 0.005
REST_PER_LOOK = 8
"""Between two looks the least rest, and so many times what the look took: looking costs a ninth of the time at most."""

Look = Callable[[Sequence[UUID]], Awaitable[Collection[UUID]]]
"""Which of these messages are settled. May raise Unavailable, which only means: not known yet."""

log = structlog.get_logger()


class Settlements:
    """What a process knows of those who wait in it. It looks while somebody waits, at news or four times a second."""

    def __init__(self, bus: Bus, look: Look, stopping: asyncio.Event) -> None:
        self._bus, self._look, self._stopping = bus, look, stopping
        self._news = News()
        self._awaited: dict[UUID, set[asyncio.Future[None]]] = {}
        self._watch: asyncio.Task[None] | None = None

    async def wait(self, trader: UUID, message_id: UUID, *, seconds: float) -> None:
        """Return once the message is settled, the time is over, or the process is to end."""
        settled = asyncio.get_running_loop().create_future()
        with ExitStack() as stack:
            stack.enter_context(self._bus.subscribe(trader, self._news))
            stack.callback(self._leave, message_id, settled)
            self._awaited.setdefault(message_id, set()).add(settled)
            self._begin_to_watch()
            await asyncio.wait((settled,), timeout=seconds)

    def _leave(self, message_id: UUID, settled: asyncio.Future[None]) -> None:
        settled.cancel()
        waiters = self._awaited[message_id]
        waiters.discard(settled)
        if not waiters:
            del self._awaited[message_id]

    def _begin_to_watch(self) -> None:
        self._news.ring()
        if self._watch is None or self._watch.done():
            self._watch = asyncio.create_task(self._watch_while_awaited(), name="settlements")
            self._watch.add_done_callback(_report)

    async def _watch_while_awaited(self) -> None:
        loop = asyncio.get_running_loop()
        while self._awaited:
            await self._news.wait(POLL_SECONDS)
            began = loop.time()
            self._wake(list(self._awaited) if self._stopping.is_set() else await self._find_settled())
            await asyncio.sleep(max(REST_SECONDS, (loop.time() - began) * REST_PER_LOOK))

    async def _find_settled(self) -> Collection[UUID]:
        try:
            return await self._look(list(self._awaited))
        except Unavailable:
            return ()

    def _wake(self, message_ids: Collection[UUID]) -> None:
        for message_id in message_ids:
            for settled in self._awaited.get(message_id, ()):
                if not settled.done():
                    settled.set_result(None)


def _report(watch: asyncio.Task[None]) -> None:
    """It ends when nobody waits; an error is shown, since the waiters would only see their time run out."""
    if not watch.cancelled() and (error := watch.exception()) is not None:
        log.error("settlements.failed", error=repr(error))
