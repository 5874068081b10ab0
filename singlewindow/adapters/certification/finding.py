"""From what a user names to what is certified: an agency, a folder, or the address of a service."""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from singlewindow.adapters.certification.builtin_subject import describe_builtin, describe_specimen, open_builtin
from singlewindow.adapters.certification.subject import REFERENCE, Connect, Specimen, Subject
from singlewindow.adapters.declared.adapter import DeclaredAdapter
from singlewindow.adapters.declared.plans import Compiler
from singlewindow.adapters.declared.reading import AgencyFolder, agency_folders, read_agency
from singlewindow.adapters.installed import installed_adapters
from singlewindow.adapters.naming import installed_agencies
from singlewindow.adapters.port import Adapter
from singlewindow.adapters.profiles import AGENCIES
from singlewindow.adapters.soap import ServiceDescription
from singlewindow.adapters.stub.agency import REJECT
from singlewindow.adapters.stub.serving import open_stub
from singlewindow.errors import ConfigurationError
from singlewindow.settings import Settings

SPECIMEN = "specimen.toml"
PLACEHOLDER = "{agencies_url}"


class SpecimenFile(BaseModel):
    """`specimen.toml` beside agency.toml: what the robot may send. Paths are files of the folder.

    In `original` and `rejected` the text `{reference}` takes a fresh reference each time. `rejected` is a document that
    the agency must refuse.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    message_set: str
    root: str
    action: str
    original: str
    rejected: str | None = None
    leg: int | None = None
    references: dict[str, str] = Field(default_factory=dict)


@asynccontextmanager
async def open_subject(name: str, settings: Settings) -> AsyncIterator[Subject]:
    """The subject that a user calls so: a built-in agency, an installed one, a folder, or a URL.

    `settings.agencies_url` is where the service of a folder or of an installed agency is. A URL names the service of a
    built-in agency by its last step, such as https://host/customs. Raises ConfigurationError for what is none of these.
    """
    folder = Path(name)
    if name in AGENCIES:
        async with open_builtin(name) as subject:
            yield subject
    elif name.startswith(("http://", "https://")):
        base_url, _, agency = name.rstrip("/").rpartition("/")
        yield describe_builtin(agency, base_url)
    elif await asyncio.to_thread(folder.is_dir):
        yield await asyncio.to_thread(describe_folder, folder, settings.agencies_url)
    else:
        yield describe_installed(name, settings)


def describe_installed(name: str, settings: Settings) -> Subject:
    """An agency of the installation's folder or of a package. Raises ConfigurationError for a name that is none."""
    for folder in agency_folders(settings.agencies) if settings.agencies else ():
        if read_agency(folder).agency.name == name:
            return describe_folder(folder, settings.agencies_url)
    known = installed_agencies(settings)
    if name not in known:
        raise ConfigurationError(f"{name} is no agency ({', '.join(sorted(known))}), no folder and no URL")

    def connect(base_url: str, *, deadline_seconds: float) -> Adapter:  # noqa: ARG001 - a package's own business
        return installed_adapters(settings.model_copy(update={"agencies_url": base_url}))[name]

    return Subject(name, settings.agencies_url, connect, _shipped("declare"))


@asynccontextmanager
async def open_stubbed(folder: Path) -> AsyncIterator[Subject]:
    """An agency's folder before the stub of its own WSDL, which counts its effects and refuses on demand.

    Raises ConfigurationError.
    """
    read = await asyncio.to_thread(read_agency, folder)
    specimen = read_specimen(read)
    if specimen.rejected is None and "rejected" in read.agency.outcomes.codes.values():
        specimen = replace(specimen, rejected=specimen.original.replace(REFERENCE, f"{REJECT.decode()}-{REFERENCE}"))
    async with open_stub(folder) as (url, agency):

        async def count(references: Sequence[str]) -> int:
            return agency.count(references)

        counted = count if agency.sees_documents else None
        yield Subject(read.agency.name, url, _connect_moved(folder), specimen, count_effects=counted)


def describe_folder(folder: Path, service_url: str) -> Subject:
    """An agency described by a folder. Its services are looked for at `service_url`, where its addresses name
    `{agencies_url}`, else at the one host that they name. Raises ConfigurationError.
    """
    read = read_agency(folder)
    if any(PLACEHOLDER not in (table.url or "") for table in read.agency.services.values()):
        service_url = _only_host(folder, Compiler(read, service_url).services.values())
    if not urlsplit(service_url).hostname:
        raise ConfigurationError(f"--service wants a URL, not {service_url!r}")
    return Subject(read.agency.name, service_url, _connect_moved(folder), read_specimen(read))


def _connect_moved(folder: Path) -> Connect:
    def connect(base_url: str, *, deadline_seconds: float) -> DeclaredAdapter:
        return DeclaredAdapter(
            folder, base_url=base_url, environment="certification", deadline_seconds=deadline_seconds
        )

    return connect


def _only_host(folder: Path, services: Iterable[tuple[ServiceDescription, str]]) -> str:
    hosts = {urlunsplit((*urlsplit(url)[:2], "", "", "")) for _, url in services}
    if len(hosts) != 1:
        told = ", ".join(sorted(hosts))
        raise ConfigurationError(
            f"{folder}: its services are at several hosts ({told}); the robot can stand before one"
        )
    return hosts.pop()


def read_specimen(read: AgencyFolder) -> Specimen:
    """What specimen.toml says, or the shipped export declaration with the first action of agency.toml."""
    path = read.folder / SPECIMEN
    if not path.exists():
        return _shipped(next((name for name in read.agency.actions if name != "*"), "declare"))
    try:
        told = SpecimenFile.model_validate(tomllib.loads(path.read_text("utf-8")))
        original = (read.folder / told.original).read_text("utf-8")
        rejected = (read.folder / told.rejected).read_text("utf-8") if told.rejected else None
    except (tomllib.TOMLDecodeError, ValidationError, OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: {' '.join(str(error).split())}") from error
    return Specimen(
        told.message_set,
        told.root,
        told.action,
        original,
        rejected=rejected,
        leg=told.leg,
        references=told.references,
    )


def _shipped(action: str) -> Specimen:
    """The shipped declaration, of which nothing is known but that it is valid."""
    return replace(describe_specimen("customs"), action=action, rejected_ordinal=1, story=None)
