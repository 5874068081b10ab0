"""`singlewindow adapter record`: real exchanges with an agency into a file."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from singlewindow.adapters.declared.adapter import DeclaredAdapter
from singlewindow.adapters.declared.reading import DESCRIPTION, agency_folders, read_agency
from singlewindow.adapters.declared.seams import NoSecurity
from singlewindow.adapters.port import Call
from singlewindow.adapters.profiles import AGENCIES, FOLDERS
from singlewindow.adapters.recordings.recording import Recording, write_line
from singlewindow.adapters.recordings.replaying import Connect, Player, open_player
from singlewindow.engines.postgres import EmbeddedPostgres
from singlewindow.errors import ConfigurationError
from singlewindow.ledger.outcomes import Claim
from singlewindow.ledger.recorded_exchanges import KeptExchange, read_exchanges
from singlewindow.ledger.tasks import Tasks
from singlewindow.queue.calls import build_call
from singlewindow.settings import Settings, load_settings
from singlewindow.wiring import OpenLedger, open_ledger
from singlewindow.xsd.catalogue import Catalogue, load_catalogue
from singlewindow.xsd.personal_texts import PersonalTexts


def record(name: str, *, to: Path, most: int = 100, data: Path | None = None) -> None:
    """Write the newest exchanges with an agency into a file, to be replayed before another version of its adapter.

    They are read from the ledger, which keeps every exchange: nothing is sent to anybody, and no proxy need have stood
    by. What a message set calls personal is masked, in replies too; what is packed and no XML, such as a PDF, stays as
    it is. Credentials are never kept. Requests and readings are those of the folder as it is now: record first, then
    change it. Works on a running ledger: SINGLEWINDOW_DATABASE_URL, or the server that `singlewindow up` runs in
    --data. Exit code 3, and no file, where nothing is kept.

    Parameters
    ----------
    name
        The agency, built in or of SINGLEWINDOW_AGENCIES; or its folder.
    to
        The file, one JSON object a line.
    most
        How many exchanges at most.
    data
        Folder of the embedded server; default ./data.
    """
    settings = load_settings()
    settings = settings.model_copy(update={"data_dir": data.absolute()}) if data else settings
    url = settings.database_url or EmbeddedPostgres(settings.data_dir).dsn
    recorded = asyncio.run(_record(name, settings.model_copy(update={"database_url": url}), most))
    if not recorded:
        raise ConfigurationError(f"no exchange with {name} is kept whose documents are still there")
    to.write_bytes(b"".join(map(write_line, recorded)))
    Console(highlight=False, soft_wrap=True).print(f"{len(recorded)} exchanges with {name} are in {to}", markup=False)


def connect_folder(folder: Path) -> Connect:
    """What makes the adapter of a folder for a player: nothing is signed, and nothing asked to be."""

    def connect(base_url: str) -> DeclaredAdapter:
        return DeclaredAdapter(folder, base_url=base_url, environment="replay", security=NoSecurity())

    return connect


def find_folder(name: str, settings: Settings) -> Path:
    """The folder of an agency, by its name or as it is. Raises ConfigurationError."""
    if (Path(name) / DESCRIPTION).is_file():
        return Path(name)
    if name in AGENCIES:
        return FOLDERS / name
    for folder in agency_folders(settings.agencies) if settings.agencies else ():
        if read_agency(folder).agency.name == name:
            return folder
    raise ConfigurationError(f"{name} is no agency described by a folder; SINGLEWINDOW_AGENCIES names the folders")


async def _record(name: str, settings: Settings, most: int) -> list[Recording]:
    folder = await asyncio.to_thread(find_folder, name, settings)
    catalogue = load_catalogue(settings.message_sets)
    async with open_ledger(settings) as ledger, open_player(connect_folder(folder)) as player:
        kept = await read_exchanges(ledger.database, player.adapter.agency, limit=most)
        return [one async for one in _complete(ledger, catalogue, player, kept)]


async def _complete(
    ledger: OpenLedger, catalogue: Catalogue, player: Player, kept: list[KeptExchange]
) -> AsyncIterator[Recording]:
    """Each exchange with the call it was, the newest first; those whose originals were erased are left out."""
    tasks = Tasks(ledger.database, catalogue.manifests, clock=ledger.clock, ids=ledger.ids, on_ready=lambda _: None)
    for exchange in kept:
        claims = [Claim(one, one, one, 1, outcome_unknown=False, age_seconds=0) for one in exchange.task_ids]
        works = await tasks.describe(claims)
        bodies = await tasks.bodies([work.message_id for work in works])
        if not works or None in bodies.values():
            continue
        call = build_call(player.adapter, works, bodies, exchange.id)
        names = [name for item in call.items for name in catalogue.manifests[item.message_set].personal]
        yield await player.complete(*mask(call, exchange.reply, names), status=exchange.status)


def mask(call: Call, reply: bytes, names: Collection[str]) -> tuple[Call, bytes]:
    """A call and its reply without what is personal; see PersonalTexts."""
    texts = PersonalTexts(names)
    items = tuple(replace(item, original=texts.mask_original(item.original)) for item in call.items)
    return replace(call, items=items), texts.mask_reply(reply)
