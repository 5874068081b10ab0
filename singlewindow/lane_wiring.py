"""One process of lanes: matching, every agency's, and what goes with them."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from contextlib import AsyncExitStack

from singlewindow import failpoints
from singlewindow.adapters.installed import installed_adapters, retry_budget
from singlewindow.adapters.reloading import AgencyReloader, take_prints
from singlewindow.agency_wiring import watch_descriptions
from singlewindow.engines.garbage import settle_garbage
from singlewindow.engines.ready_pipe import announce_ready
from singlewindow.ledger.agency_pulses import AgencyPulses
from singlewindow.ledger.agency_state import AgencyStates
from singlewindow.ledger.database import Database
from singlewindow.ledger.quarantine import Quarantine
from singlewindow.ledger.sealing import Sealer
from singlewindow.ledger.tasks import Tasks
from singlewindow.logs import configure_logging
from singlewindow.messages.receipts import ReceiptSigner
from singlewindow.queue.agency_lanes import AgencyLane, LaneParts
from singlewindow.queue.delivering import Deliverer
from singlewindow.queue.failures import capture
from singlewindow.queue.lane import Lane, LaneLimits
from singlewindow.queue.matching import Matcher
from singlewindow.queue.posting import Poster
from singlewindow.queue.pulse import PulseMeter, PulseWriter
from singlewindow.queue.streams import ReadyStreams
from singlewindow.queue.watching import AgencyWatch
from singlewindow.settings import Settings
from singlewindow.wiring import follow_message_sets, make_tasks, open_core, response_reader, retry_policy
from singlewindow.xsd.catalogue import load_catalogue

Runner = AgencyLane | Lane | Sealer | Deliverer | AgencyWatch | AgencyReloader
"""What a process of lanes starts and stops."""

MATCHING = LaneLimits(batch_size=100, concurrency=2, visibility_seconds=30.0)


async def run_lanes(settings: Settings) -> None:
    """One process of lanes, matching and every agency's, until SIGTERM."""
    configure_logging(settings.log_level)
    failpoints.arm(settings.failpoint)
    async with AsyncExitStack() as stack:
        ledger, streams, bus = await open_core(stack, settings)
        prints = take_prints(settings.agencies)
        adapters = installed_adapters(settings)
        catalogue = load_catalogue(settings.message_sets, frozenset(adapters))
        await follow_message_sets(stack, settings, catalogue, _nothing)
        deliverer = Deliverer(
            ledger.deliveries, Poster(private=settings.webhook_private_addresses), ledger.clock
        )  # fmt: skip
        tasks = make_tasks(ledger, streams, bus, catalogue, settings, deliverer.wake)
        sealer = Sealer(ledger.database, ReceiptSigner(ledger.keys.receipts), ledger.clock)
        meter, quarantine = PulseMeter(), Quarantine(ledger.database, ledger.ids)
        shared = LaneParts(
            tasks, streams, response_reader(catalogue), ledger.ids, quarantine, meter,
            policy=lambda adapter: retry_policy(settings, retry_budget(adapter)),
        )  # fmt: skip
        lanes = {agency: AgencyLane(adapter, shared) for agency, adapter in adapters.items()}
        for lane in lanes.values():
            stack.push_async_callback(lane.close)
        running: list[Runner] = [
            sealer, deliverer, _matching_lane(tasks, streams, settings), *lanes.values(),
            await _watch_agencies(ledger.database, list(lanes.values())),
            await watch_descriptions(AgencyStates(ledger.database), settings, adapters, lanes, prints),
        ]  # fmt: skip
        writer = PulseWriter(meter, AgencyPulses(ledger.database))
        for one in (writer, *running):
            one.start()
        settle_garbage()
        announce_ready(settings.ready_descriptor)
        await _until_signal()
        await asyncio.gather(*(one.stop() for one in running))
        # last, for the calls that were under way are counted when they end
        await writer.stop()


async def _nothing() -> None:
    """Lanes read manifests alone, which are always those in force."""


def _matching_lane(tasks: Tasks, streams: ReadyStreams, settings: Settings) -> Lane:
    matcher = Matcher(tasks, retry_policy(settings))
    return Lane("match", tasks, streams=streams, perform=matcher.perform, limits=MATCHING)


async def _watch_agencies(database: Database, lanes: Sequence[AgencyLane]) -> AgencyWatch:
    """Knows, before the first claim, which agencies are held or away."""
    watch = AgencyWatch(AgencyStates(database), {lane.name: lane.breaker for lane in lanes})
    await capture(watch.synchronise())
    return watch


async def _until_signal() -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    await stop.wait()
