"""The catalogue of message sets: folders with a `message-set.toml`; schemas are compiled once, from local files."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from lxml import etree

from singlewindow.errors import ConfigurationError
from singlewindow.messages.destinations import check_destinations
from singlewindow.messages.manifest import MessageSet, Root
from singlewindow.messages.rule import Rule
from singlewindow.xsd.authority_codes import AuthorityCodes, load_authority_codes
from singlewindow.xsd.manifest_reading import read_manifest
from singlewindow.xsd.parser import MAX_ELEMENTS
from singlewindow.xsd.paths import qualify
from singlewindow.xsd.reading import UnitReader
from singlewindow.xsd.response_reading import ResponseReader
from singlewindow.xsd.rules.book import RuleBook, load_rules
from singlewindow.xsd.rules.compiling import raise_severity
from singlewindow.xsd.rules.ledger_rules import read_ledger_rules
from singlewindow.xsd.rules.questions import Screening
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
    """One message set with its compiled schemas and rules. `sharing` holds the folder whose rules apply here too."""

    def __init__(self, message_set: MessageSet, sharing: Path | None = None) -> None:
        self.message_set = message_set
        self._sharing = sharing
        self._schemas: dict[Path, etree.XMLSchema] = {}
        self._judging: dict[str, etree.XMLSchema] = {}
        self._readers: dict[str, UnitReader] = {}
        self._response_readers: dict[str, ResponseReader] = {}

    @property
    def schema(self) -> etree.XMLSchema:
        """The schema of the whole set, as libxml2 judges by it; compiled on first use. Raises ConfigurationError."""
        return self._compiled(self.message_set.folder / self.message_set.schema)

    def schema_for(self, root: str) -> etree.XMLSchema:
        """The schema by which a root is judged; compiled on first use. Raises ConfigurationError."""
        if root not in self._judging:
            self._judging[root] = self._compiled(self.schema_path(root))
        return self._judging[root]

    def schema_path(self, root: str) -> Path:
        """The entry file of a root's schema."""
        return self.message_set.folder / (self.message_set.roots[root].schema or self.message_set.schema)

    @cached_property
    def rules(self) -> RuleBook:
        """The rules of the set and of the one it shares, compiled on first use. Raises ConfigurationError."""
        return load_rules(self.rule_folders, self.message_set.raised)

    @cached_property
    def authority_codes(self) -> AuthorityCodes:
        """What the authority's codes mean. Raises ConfigurationError."""
        return load_authority_codes(self.rule_folders)

    @property
    def rule_folders(self) -> list[Path]:
        """Where its rules and code lists lie: the folder of the set it shares, and its own."""
        return [self._sharing, self.message_set.folder] if self._sharing else [self.message_set.folder]

    def compile(self) -> None:
        """Compile schemas, rules and what reads each root before the first message comes. Raises ConfigurationError."""
        for root in self.message_set.roots:
            self.schema_for(root)
            self.reader(root)
            self.screening(root)

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

    def _compiled(self, path: Path) -> etree.XMLSchema:
        if path not in self._schemas:
            self._schemas[path] = compile_schema(path, self.message_set.folder)
        return self._schemas[path]

    def reader(self, root: str) -> UnitReader:
        """What reads the declarations of a root; compiled on first use."""
        if root not in self._readers:
            self._readers[root] = UnitReader(self.message_set, self.message_set.roots[root])
        return self._readers[root]

    def response_reader(self, root: str) -> ResponseReader:
        """What reads the responses of a root; compiled on first use."""
        if root not in self._response_readers:
            found = self.message_set.roots[root]
            self._response_readers[root] = ResponseReader(self.message_set, found, self.authority_codes)
        return self._response_readers[root]

    def screening(self, root: str) -> Screening:
        """The screening of one message of a root by the rules; what it needs is compiled on first use."""
        return self.rules.screening(*self._paths[root])

    @cached_property
    def _paths(self) -> dict[str, tuple[str, tuple[str, ...]]]:
        """Every root and the steps to its declarations, as Clark names."""
        own, below = self.message_set.namespace, self.message_set.element_namespace
        return {
            name: (qualify(name, own), tuple(qualify(step, below) for step in root.unit.split("/") if root.unit != "."))
            for name, root in self.message_set.roots.items()
        }

    def root(self, name: str) -> Root | None:
        """The root of this local name."""
        return self.message_set.roots.get(name)


def compile_schema(path: Path, folder: Path) -> etree.XMLSchema:
    """The schema of an entry file, which may include files of its set's folder only. Raises ConfigurationError."""
    parser = etree.XMLParser(no_network=True, resolve_entities=False, load_dtd=False)
    parser.resolvers.add(_OnlyFrom(folder))
    try:
        return etree.XMLSchema(etree.fromstring(path.read_bytes(), parser, base_url=str(path)))
    except (OSError, etree.XMLSyntaxError, etree.XMLSchemaParseError) as error:
        raise ConfigurationError(f"{path}: {' '.join(str(error).split())[:500]}") from error


class Catalogue:
    """The installed sets, by name and by root element.

    `sets` is replaced as a whole when sets are reloaded; whoever keeps `manifests` sees the newest. `refused` says, by
    folder, why a changed set was not taken. `agencies` are those that routes may lead to; None: routes are not checked.
    """

    def __init__(
        self,
        installed: dict[str, InstalledSet],
        extra: Path | None = None,
        agencies: frozenset[str] | None = None,
    ) -> None:
        self._sets = installed
        self.extra = extra
        self.agencies = agencies
        self.refused: dict[str, str] = {}
        self.manifests: Mapping[str, MessageSet] = Manifests(self)

    @property
    def sets(self) -> dict[str, InstalledSet]:
        """The installed sets by name; replaced as a whole."""
        return self._sets

    @sets.setter
    def sets(self, installed: dict[str, InstalledSet]) -> None:
        self._sets = installed
        for name in ("max_elements", "encodings", "_by_name"):
            self.__dict__.pop(name, None)

    @cached_property
    def max_elements(self) -> int:
        """The most elements that any set takes; past it a message is refused before it is parsed."""
        return max((one.message_set.max_elements for one in self.sets.values()), default=MAX_ELEMENTS)

    @cached_property
    def encodings(self) -> frozenset[str]:
        """The encodings beside UTF-8 and UTF-16 that some set takes."""
        return frozenset(name for one in self.sets.values() for name in one.message_set.encodings)

    def rules(self) -> list[Rule]:
        """The rules of all sets, each once."""
        return list({rule.id: rule for one in self.sets.values() for rule in one.rules.rules}.values())

    def knowing(self, name: str, editions: Sequence[str] = (), *, namespace: str | None = None) -> list[InstalledSet]:
        """The sets that know this root, by name; where some are among `editions`, the first of those alone."""
        known = {
            installed.message_set.name: installed
            for installed in self._by_name
            if installed.root(name) is not None and namespace in {None, installed.message_set.namespace}
        }
        chosen = next((known[edition] for edition in editions if edition in known), None)
        return [chosen] if chosen else list(known.values())

    @cached_property
    def _by_name(self) -> list[InstalledSet]:
        return [installed for _, installed in sorted(self.sets.items())]

    def by_root(self, namespace: str, name: str, preferred: str | None = None) -> InstalledSet | None:
        """The set that knows this root; of several the preferred one, else the first by name."""
        return next(iter(self.knowing(name, (preferred,) if preferred else (), namespace=namespace)), None)


class Manifests(Mapping[str, MessageSet]):
    """The sets of a catalogue as data, for the parts that need no XML; always those in force."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def __getitem__(self, name: str) -> MessageSet:
        return self._catalogue.sets[name].message_set

    def __iter__(self) -> Iterator[str]:
        return iter(self._catalogue.sets)

    def __len__(self) -> int:
        return len(self._catalogue.sets)


def load_catalogue(extra: Path | None = None, agencies: frozenset[str] | None = None) -> Catalogue:
    """The built-in sets and those of a further folder, whose routes lead to `agencies` only (None: to any).

    Raises ConfigurationError that names file and key.
    """
    installed: dict[str, InstalledSet] = {}
    for folder in [*set_folders(BUILT_IN), *(set_folders(extra) if extra else [])]:
        one = load_set(folder, installed, agencies)
        installed[one.message_set.name] = one
    return Catalogue(installed, extra, agencies)


def load_set(
    folder: Path, installed: Mapping[str, InstalledSet], agencies: frozenset[str] | None = None
) -> InstalledSet:
    """The set of one folder, beside those installed; see load_catalogue. Raises ConfigurationError."""
    message_set = _with_ledger_rules(read_manifest(_load_toml(folder / MANIFEST), folder), installed)
    if agencies is not None:
        check_destinations(message_set, agencies, str(folder / MANIFEST))
    if message_set.name in installed:
        raise ConfigurationError(f"{folder / MANIFEST}: a message set named {message_set.name} is installed already")
    if message_set.shares is None:
        return InstalledSet(message_set)
    if message_set.shares not in installed:
        raise ConfigurationError(f"{folder / MANIFEST}: shares: no message set named {message_set.shares} is installed")
    return InstalledSet(message_set, installed[message_set.shares].message_set.folder)


def _with_ledger_rules(message_set: MessageSet, installed: Mapping[str, InstalledSet]) -> MessageSet:
    """The set with the texts of its ledger's rules, those of the set it shares included."""
    sharing = installed.get(message_set.shares or "")
    shared = sharing.message_set.rules if sharing else {}
    own = {rule.id: rule for rule in read_ledger_rules(message_set.folder / "rules" / "ledger.toml")}
    rules = {name: raise_severity(rule, message_set.raised) for name, rule in {**shared, **own}.items()}
    if unknown := set(message_set.ledger_rules.values()) - set(rules):
        raise ConfigurationError(f"{message_set.folder / MANIFEST}: ledger_rules: no rule {', '.join(sorted(unknown))}")
    return replace(message_set, rules=rules)


def set_folders(parent: Path) -> Iterator[Path]:
    """The folders with a manifest: the given one itself, or those in it. Raises ConfigurationError for no folder."""
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
