"""The adapters of this installation: the built-in agencies, those of a folder, and those of installed packages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from singlewindow.adapters.declared.adapter import DeclaredAdapter
from singlewindow.adapters.declared.configuration import Retry
from singlewindow.adapters.declared.reading import agency_folders
from singlewindow.adapters.naming import ENTRY_POINTS, adapter_packages
from singlewindow.adapters.port import Adapter
from singlewindow.adapters.profiles import AGENCIES, FOLDERS
from singlewindow.errors import ConfigurationError
from singlewindow.settings import Settings


def installed_adapters(settings: Settings) -> dict[str, Adapter]:
    """An adapter for every agency, by name; nothing is connected yet.

    Raises ConfigurationError for a folder or package whose adapter cannot be made, and for a name given twice.
    """
    adapters: dict[str, Adapter] = dict(builtin_adapters(settings))
    for source, adapter in (*_declared(settings), *_from_packages(settings)):
        if adapter.agency in adapters:
            raise ConfigurationError(f"{source}: an adapter for the agency {adapter.agency} is installed already")
        adapters[adapter.agency] = adapter
    return adapters


def builtin_adapters(settings: Settings) -> dict[str, DeclaredAdapter]:
    """An adapter for every built-in agency, by name, made of its folder in `agencies`. Opens no connection."""
    return {
        agency: DeclaredAdapter(FOLDERS / agency, agencies_url=settings.agencies_url, environment=settings.environment)
        for agency in AGENCIES
    }


def retry_budget(adapter: Adapter) -> Retry:
    """The adapter's own retry budget; an empty one where it brings none."""
    budget = getattr(adapter, "retry", None)
    return budget if isinstance(budget, Retry) else Retry()


def read_declared(settings: Settings, folder: Path) -> DeclaredAdapter:
    """The adapter of one folder. Raises ConfigurationError."""
    return DeclaredAdapter(folder, agencies_url=settings.agencies_url, environment=settings.environment)


def _declared(settings: Settings) -> Iterator[tuple[str, Adapter]]:
    for folder in agency_folders(settings.agencies) if settings.agencies else ():
        yield str(folder), read_declared(settings, folder)


def _from_packages(settings: Settings) -> Iterator[tuple[str, Adapter]]:
    for point in adapter_packages():
        adapter = _load(point)(settings)
        if adapter.agency != point.name:
            raise ConfigurationError(
                f"entry point {point.name} of {ENTRY_POINTS}: its adapter says it is for {adapter.agency}"
            )
        yield f"entry point {point.value}", adapter


def _load(point: EntryPoint) -> Callable[[Settings], Adapter]:
    try:
        make: Any = point.load()
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(f"entry point {point.name} = {point.value}: {error}") from error
    if not callable(make):
        raise ConfigurationError(f"entry point {point.name} = {point.value}: not something to call with the settings")
    loaded: Callable[[Settings], Adapter] = make
    return loaded
