"""References of the installed sets, read in a thread when they are first asked for and kept as long as their set."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from weakref import WeakKeyDictionary

from singlewindow.xsd.catalogue import Catalogue, InstalledSet
from singlewindow.xsd.reference import RootReference, SetReference
from singlewindow.xsd.reference_rules import RulesByPlace


class OpenedSet:
    """One set's reference, whose roots can be read. One schema is read at a time: a crowd of readers waits in line."""

    def __init__(self, installed: InstalledSet, reference: SetReference) -> None:
        self.reference = reference
        self._installed = installed
        self._roots: dict[str, RootReference] = {}
        self._rules = RulesByPlace(reference.rules)
        self._reading = asyncio.Lock()

    async def read_root(self, name: str) -> RootReference | None:
        """A root with its elements, or None for no root of the set. The first of a schema takes up to seconds."""
        if name not in self.reference.message_set.roots:
            return None
        async with self._reading:
            if name not in self._roots:
                self._roots |= await asyncio.to_thread(self._read, self._installed.schema_path(name))
        return self._roots.get(name)

    def _read(self, schema_path: Path) -> dict[str, RootReference]:
        roots = [
            root
            for name, root in self.reference.message_set.roots.items()
            if self._installed.schema_path(name) == schema_path
        ]
        from singlewindow.xsd.reference_elements import read_roots

        return read_roots(schema_path, roots, self._rules)


def _read_set(installed: InstalledSet) -> SetReference:
    from singlewindow.xsd.reference_sets import read_set  # with xmlschema, 10 MB: for readers, not for filing

    return read_set(installed)


class ReferenceShelf:
    """The references of a catalogue. A set that was reloaded is another set, and is read again."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._opened: WeakKeyDictionary[InstalledSet, OpenedSet] = WeakKeyDictionary()
        self._reading = asyncio.Lock()

    async def describe_set(self, name: str) -> OpenedSet | None:
        """A set's reference, or None for no installed one. Raises ConfigurationError for rules that do not load."""
        installed = self._catalogue.sets.get(name)
        if installed is None:
            return None
        async with self._reading:
            if installed not in self._opened:
                self._opened[installed] = OpenedSet(installed, await asyncio.to_thread(_read_set, installed))
        return self._opened[installed]

    def refused_sets(self) -> Mapping[str, str]:
        """Why changed folders were not taken, by folder."""
        return self._catalogue.refused
