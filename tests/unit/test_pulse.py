"""Counts of calls on their way to the ledger."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from uuid import UUID

from singlewindow.ledger.agency_pulses import Pulse
from singlewindow.queue.pulse import PulseMeter, PulseWriter


class Rows:
    """The ledger's rows, written to once `open`; each write replaces what the minute had."""

    def __init__(self) -> None:
        self.open, self.asked = asyncio.Event(), asyncio.Event()
        self.calls: dict[str, int] = {}

    async def write(self, _process: UUID, pulses: Sequence[tuple[str, Pulse]]) -> None:
        counted = {agency: pulse.calls for agency, pulse in pulses}
        self.asked.set()
        await self.open.wait()
        self.calls |= counted


async def test_what_is_counted_while_the_last_counts_are_written_is_written_before_it_stops() -> None:
    meter, rows = PulseMeter(), Rows()
    writer = PulseWriter(meter, rows, interval_seconds=0.001)
    meter.count("customs", "answered", 0.01, failed=False)
    writer.start()
    await asyncio.wait_for(rows.asked.wait(), 10)
    stopping = asyncio.create_task(writer.stop())
    await asyncio.sleep(0)
    meter.count("road", "answered", 0.01, failed=False)
    rows.open.set()
    await asyncio.wait_for(stopping, 10)
    assert rows.calls == {"customs": 1, "road": 1}
