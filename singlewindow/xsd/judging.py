"""The door that messages come through: small sound ones are judged here, large and refused ones in a judge child."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from uuid import UUID

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
        """Compile the schemas here and meanwhile in a first judge child. Raises ConfigurationError for a wrong one."""
        await asyncio.gather(asyncio.to_thread(self._compile), self._pool.warm())

    async def close(self) -> None:
        """End the judge children."""
        await self._pool.close()

    async def judge(self, body: bytes, *, editions: Sequence[str] = (), whose: UUID | None = None) -> Judgement:
        """The verdict on a message, every error with its place.

        Where several sets know its root, the first of `editions` that does judges it; where none of these does, the
        first set that takes it. `whose` is the trader that sent it: one alone never keeps every judge child busy.

        Raises Refused where the body cannot be judged at all, Unavailable where too many wait to be judged.
        """
        if len(body) <= LOOP_BYTES and (accepted := examine(self.catalogue, body, editions)) is not None:
            return accepted
        return await self._pool.judge(body, editions, whose=whose)

    async def judge_json(
        self, body: bytes, *, editions: Sequence[str] = (), whose: UUID | None = None
    ) -> tuple[Judgement, bytes]:
        """The verdict on a message in JSON and the XML it was judged as. Raises as `judge`, and JsonRefused."""
        return await self._pool.judge_json(body, editions, whose=whose)

    async def write_json(self, body: bytes, *, editions: Sequence[str] = (), whose: UUID | None = None) -> bytes:
        """A message in JSON, mapped by its schema. Raises as `judge`."""
        return await self._pool.write_json(body, editions, whose=whose)

    async def renew(self) -> None:
        """Judge by the sets that the catalogue holds now, in children too."""
        await self._pool.renew(self.catalogue.extra)

    def _compile(self) -> None:
        for installed in self.catalogue.sets.values():
            installed.compile()
