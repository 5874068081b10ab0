"""How agencies' descriptions reach the parts that go by them: lanes that send, and the gateway's doors for pushes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from singlewindow.adapters.declared.adapter import DeclaredAdapter
from singlewindow.adapters.installed import read_declared
from singlewindow.adapters.reloading import AgencyReloader
from singlewindow.ledger.agency_state import AgencyStates
from singlewindow.queue.agency_lanes import AgencyLane
from singlewindow.queue.failures import capture
from singlewindow.queue.port import Adapter
from singlewindow.settings import Settings
from singlewindow.xsd.reloading import Print


async def watch_descriptions(
    states: AgencyStates,
    settings: Settings,
    adapters: Mapping[str, Adapter],
    lanes: Mapping[str, AgencyLane],
    prints: Mapping[Path, Print],
) -> AgencyReloader:
    """Has the lanes go on by a changed agency.toml; why one is refused is in the ledger for all to see."""
    names = {one.folder: one.agency for one in adapters.values() if isinstance(one, DeclaredAdapter)}
    names = {folder: agency for folder, agency in names.items() if folder in prints}

    async def note(agency: str, refused: str | None) -> None:
        await capture(states.note_description(agency, refused))

    for agency in names.values():
        await note(agency, None)

    async def take(adapter: DeclaredAdapter) -> None:
        await lanes[adapter.agency].replace(adapter)

    return AgencyReloader(names, prints, make=partial(read_declared, settings), take=take, note=note)
