"""The catalogue of message sets: folders with a `message-set.toml`; schemas are compiled once, from local files."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from lxml import etree

from singlewindow.errors import ConfigurationError
from singlewindow.messages.manifest import MessageSet, Root
from singlewindow.xsd.manifest_reading import read_manifest
from singlewindow.xsd.parser import MAX_ELEMENTS
from singlewindow.xsd.reading import UnitReader
from singlewindow.xsd.schema_files import repeatable_names, simple_type_bases

BUILT_IN = Path(__file__).parent / "sets"
MANIFEST = "message-set.toml"


class _OnlyFrom(etree.Resolver):
    """Lets a schema include files of its own folder and nothing else."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder.resolve()

    def resolve(self, system_url: str | None, _public_id: str | None, context: Any) -> object:  # type: ignore[override]
        path = Path((system_url or "").removeprefix("file://"))
        resolved = (path if path.is_absolute() else self._folder / path).resolve()
        if not resolved.is_relative_to(self._folder) or not resolved.is_file():
            raise ConfigurationError(f"a schema in {self._folder} asks for {system_url}, which is not in that folder")
        return self.resolve_string(resolved.read_bytes(), context, base_url=str(resolved))


class InstalledSet:
    """One message set with its compiled schema."""

    def __init__(self, message_set: MessageSet) -> None:
        self.message_set = message_set
        self._readers: dict[str, UnitReader] = {}

    @cached_property
    def schema(self) -> etree.XMLSchema:
        """The schema as libxml2 judges by it; compiled on first use. Raises ConfigurationError."""
        path = self.message_set.folder / self.message_set.schema
        parser = etree.XMLParser(no_network=True, resolve_entities=False, load_dtd=False)
        parser.resolvers.add(_OnlyFrom(self.message_set.folder))
        try:
            return etree.XMLSchema(etree.fromstring(path.read_bytes(), parser, base_url=str(path)))
        except (OSError, etree.XMLSyntaxError, etree.XMLSchemaParseError) as error:
            raise ConfigurationError(f"{path}: {' '.join(str(error).split())[:500]}") from error

    def compile(self) -> None:
        """Compile the schema and what reads each root now, not with the first message. Raises ConfigurationError."""
        _ = self.schema
        for root in self.message_set.roots:
            self.reader(root)

    @cached_property
    def repeatable(self) -> frozenset[str]:
        """The local names of elements that may repeat: pointers to these carry an ordinal."""
        return repeatable_names(self._schema_files())

    @cached_property
    def type_bases(self) -> dict[str, str]:
        """The local name of each named simple type's base."""
        return simple_type_bases(self._schema_files())

    def _schema_files(self) -> list[bytes]:
        return [file.read_bytes() for file in sorted(self.message_set.folder.glob("**/*.xsd"))]

    def reader(self, root: str) -> UnitReader:
        """What reads the declarations of a root; compiled on first use."""
        if root not in self._readers:
            self._readers[root] = UnitReader(self.message_set, self.message_set.roots[root])
        return self._readers[root]

    def root(self, name: str) -> Root | None:
        """The root of this local name."""
        return self.message_set.roots.get(name)


class Catalogue:
    """The installed sets, by name and by root element."""

    def __init__(self, installed: dict[str, InstalledSet], extra: Path | None = None) -> None:
        self.sets = installed
        self.extra = extra

    @property
    def max_elements(self) -> int:
        """The most elements that any set takes; past it a message is refused before it is parsed."""
        return max((one.message_set.max_elements for one in self.sets.values()), default=MAX_ELEMENTS)

    @property
    def manifests(self) -> dict[str, MessageSet]:
        """The sets as data, for the parts that need no XML."""
        return {name: installed.message_set for name, installed in self.sets.items()}

    def by_root(self, namespace: str, name: str, preferred: str | None = None) -> InstalledSet | None:
        """The set that knows this root; of several the preferred one, else the first by name."""
        known = [
            installed
            for installed in self.sets.values()
            if installed.message_set.namespace == namespace and installed.root(name) is not None
        ]
        return next((one for one in known if one.message_set.name == preferred), known[0] if known else None)


def load_catalogue(extra: Path | None = None) -> Catalogue:
    """The built-in sets and those of a further folder. Raises ConfigurationError that names file and key."""
    folders = [*_set_folders(BUILT_IN), *(_set_folders(extra) if extra else [])]
    installed: dict[str, InstalledSet] = {}
    for folder in folders:
        message_set = read_manifest(_load_toml(folder / MANIFEST), folder)
        if message_set.name in installed:
            raise ConfigurationError(
                f"{folder / MANIFEST}: a message set named {message_set.name} is installed already"
            )
        installed[message_set.name] = InstalledSet(message_set)
    return Catalogue(installed, extra)


def _set_folders(parent: Path) -> Iterator[Path]:
    if (parent / MANIFEST).is_file():
        yield parent
    elif parent.is_dir():
        yield from sorted(entry.parent for entry in parent.glob(f"*/{MANIFEST}"))
    else:
        raise ConfigurationError(f"{parent} is not a folder with message sets")


def _load_toml(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{path}: {error}") from error
