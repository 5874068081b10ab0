"""Seals the traders' feeds: each second one sealer signs the Merkle root over all events that a trader has by then."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from uuid import UUID

import structlog

from singlewindow.errors import Unavailable
from singlewindow.ledger.database import Connection, Database, Record, query
from singlewindow.ledger.dossiers import utc_now
from singlewindow.messages.identifiers import Clock
from singlewindow.messages.merkle import grow, root_of
from singlewindow.messages.proofs import CHECKPOINT, canonical_json, checkpoint_payload
from singlewindow.messages.receipts import ReceiptSigner

LOCK = 7_331_002
"""Advisory lock that keeps two sealers apart."""

INTERVAL_SECONDS = 1.0
TRADERS_A_PASS = 500
LEAVES_A_CHECKPOINT = 20_000
"""Bounds what a proof has to read: it reads the leaves between two checkpoints."""

_log = structlog.get_logger(__name__)


class Sealer:
    """Seals until stopped. Any number may run; in each moment one works, and what it was killed at leaves nothing."""

    def __init__(
        self, database: Database, signer: ReceiptSigner, clock: Clock, *, interval_seconds: float = INTERVAL_SECONDS
    ) -> None:
        self._database, self._signer, self._clock = database, signer, clock
        self._interval = interval_seconds
        self._stopping = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to seal, in a task of its own."""
        self._loop = asyncio.create_task(self._run(), name="sealer")

    async def stop(self, *, timeout_seconds: float = 20.0) -> None:
        """Finish the pass at hand, or cancel it when that takes too long; its transaction is rolled back then."""
        self._stopping.set()
        if self._loop is None:
            return
        _, unfinished = await asyncio.wait({self._loop}, timeout=timeout_seconds)
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)

    async def seal(self) -> int:
        """One pass: a checkpoint for each trader with new events; returns how many had some, at most 500.

        0 also while another sealer works. Raises Unavailable; nothing is sealed then.
        """
        async with self._database.transaction() as connection:
            lock = await connection.fetchrow(query("try_sealing"), LOCK)
            if lock is None or not lock["taken"]:
                return 0
            unsealed = await connection.fetch(query("find_unsealed"), TRADERS_A_PASS)
            for row in unsealed:
                await self._seal_trader(connection, row)
            return len(unsealed)

    async def _seal_trader(self, connection: Connection, row: Record) -> None:
        size = min(row["last_seq"], row["size"] + LEAVES_A_CHECKPOINT)
        leaves = await connection.fetch(query("read_leaves"), row["trader"], row["size"], size)
        if len(leaves) != size - row["size"]:
            # numbers are given without gaps, so somebody took rows out; what is missing must not be signed
            _log.error("feed_has_gaps", trader=str(row["trader"]), after=row["size"], up_to=size)
            return
        frontier = grow(row["frontier"], row["size"], (leaf["leaf"] for leaf in leaves))
        await self._sign(connection, row["trader"], size, frontier)

    async def _sign(self, connection: Connection, trader: UUID, size: int, frontier: Sequence[bytes]) -> None:
        root, sealed_at = root_of(frontier), utc_now(self._clock.time())
        payload = checkpoint_payload(trader, size=size, root=root, sealed_at=sealed_at)
        signature = self._signer.sign_compact(canonical_json(payload), kind=CHECKPOINT)
        await connection.execute(query("add_checkpoint"), trader, size, root, list(frontier), sealed_at, signature)

    async def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                await self.seal()
            except Unavailable as error:
                _log.warning("sealing_failed", reason=error.detail)
            except Exception as error:  # noqa: BLE001 - the one sealer must not die of one pass; the next tries again
                # no traceback: it may quote a row
                _log.error("sealing_failed", error=type(error).__name__)
            await self._rest()

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(self._interval):
                await self._stopping.wait()
        except TimeoutError:
            pass
