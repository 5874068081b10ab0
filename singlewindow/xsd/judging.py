"""The door that messages come through: small sound ones are judged here, large and refused ones in a judge child."""

from __future__ import annotations

import asyncio

from singlewindow.messages.judgement import Judgement
from singlewindow.xsd.catalogue import Catalogue
from singlewindow.xsd.examining import examine
from singlewindow.xsd.judge_pool import JudgePool

LOOP_BYTES = 256_000
"""Messages up to this size are judged in the event loop, where a valid one takes well under a millisecond."""


class Door:
    """Judges messages by the installed sets. One per process and event loop; messages share nothing but schemas."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self._pool = JudgePool(catalogue.extra)

    async def warm(self) -> None:
        """Compile the schemas here and in a first judge child. Raises ConfigurationError for a schema that is wrong."""
        await asyncio.to_thread(self._compile)
        await self._pool.warm()

    async def close(self) -> None:
        """End the judge children."""
        await self._pool.close()

    async def judge(self, body: bytes, *, message_set: str | None = None) -> Judgement:
        """The verdict on a message, every error with its place; `message_set` decides where several know its root.

        Raises Refused where the body cannot be judged at all, Unavailable where too many wait to be judged.
        """
        if len(body) <= LOOP_BYTES and (accepted := examine(self.catalogue, body, message_set)) is not None:
            return accepted
        return await self._pool.judge(body, message_set)

    def _compile(self) -> None:
        for installed in self.catalogue.sets.values():
            installed.compile()
