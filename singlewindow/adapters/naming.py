"""The names of this installation's agencies, for those who need no adapter."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points

from singlewindow.adapters.declared.reading import agency_folders, read_agency
from singlewindow.adapters.profiles import AGENCIES
from singlewindow.settings import Settings

ENTRY_POINTS = "singlewindow.adapters"
"""Group of the entry points of packages that bring an adapter: the name is the agency's, the object a callable that
takes the Settings and returns an Adapter.
"""


def installed_agencies(settings: Settings) -> frozenset[str]:
    """Of all that have an adapter; no WSDL is read, no package loaded. Raises ConfigurationError for a broken toml."""
    folders = agency_folders(settings.agencies) if settings.agencies else ()
    declared = (read_agency(folder).agency.name for folder in folders)
    return frozenset((*AGENCIES, *declared, *(point.name for point in adapter_packages())))


def adapter_packages() -> list[EntryPoint]:
    """The entry points of packages that bring an adapter, by name."""
    return sorted(entry_points(group=ENTRY_POINTS), key=lambda point: point.name)
