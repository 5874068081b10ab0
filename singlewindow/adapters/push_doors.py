"""Which agencies may push their notices to us, what they present, and how their pushes are read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from singlewindow.adapters.declared.credentials import push_credential
from singlewindow.adapters.declared.reading import agency_folders, read_agency
from singlewindow.errors import ConfigurationError
from singlewindow.keys import agency_password
from singlewindow.settings import Settings

if TYPE_CHECKING:
    from singlewindow.adapters.declared.adapter import DeclaredAdapter

log = structlog.get_logger()


class PushDoors:
    """The doors of one gateway process. `keys` is the folder that holds the agencies' passwords; `declared` are the
    agencies of the operator's folders, with an adapter where they push and None where they do not.
    """

    def __init__(self, keys: Path, declared: Mapping[str, DeclaredAdapter | None]) -> None:
        self._keys = keys
        self._declared = dict(declared)

    def credential(self, agency: str) -> tuple[str, str] | None:
        """User name and password by which an agency may push at this moment; None: it may not."""
        if agency not in self._declared:
            password = agency_password(self._keys, agency)
            return None if password is None else (agency, password)
        adapter = self._declared[agency]
        if adapter is None:
            return None
        try:
            return push_credential(adapter.configuration, adapter.folder, self._keys)
        except ConfigurationError as error:
            log.error("agencies.no_credential", agency=agency, reason=error.detail)  # noqa: TRY400 - no trace is wanted
            return None

    def reader(self, agency: str) -> DeclaredAdapter | None:
        """Who reads the pushes of an agency that describes them itself."""
        adapter = self._declared.get(agency)
        return adapter if adapter is not None and adapter.reads_pushes else None

    async def take(self, adapter: DeclaredAdapter) -> None:
        """Read pushes by a changed description from now on."""
        self._declared[adapter.agency] = adapter if _pushes(adapter) else None


def open_push_doors(settings: Settings, keys: Path) -> tuple[PushDoors, dict[Path, str]]:
    """The doors, and the names of the operator's agencies by folder. WSDLs are read of those that push, no more.

    Raises ConfigurationError.
    """
    names: dict[Path, str] = {}
    declared: dict[str, DeclaredAdapter | None] = {}
    for folder in agency_folders(settings.agencies) if settings.agencies else ():
        agency = read_agency(folder).agency
        names[folder] = agency.name
        pushes = agency.notifications.mode == "pushed"
        declared[agency.name] = read_adapter(settings, folder) if pushes else None
    return PushDoors(keys, declared), names


def read_adapter(settings: Settings, folder: Path) -> DeclaredAdapter:
    """The adapter of an agency that pushes; with the first one zeep is loaded. Raises ConfigurationError."""
    from singlewindow.adapters.installed import read_declared  # 9 MB that a gateway without such agencies goes without

    return read_declared(settings, folder)


def _pushes(adapter: DeclaredAdapter) -> bool:
    return adapter.configuration.notifications.mode == "pushed"
