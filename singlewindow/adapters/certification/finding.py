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
from singlewindow.adapters.certification.reaching import is_example, require_reachable
from singlewindow.adapters.certification.subject import REFERENCE, Connect, Specimen, Subject
from singlewindow.adapters.declared.adapter import DeclaredAdapter
from singlewindow.adapters.declared.plans import Compiler
from singlewindow.adapters.declared.reading import AgencyFolder, agency_folders, read_agency
from singlewindow.adapters.installed import installed_adapters
from singlewindow.adapters.naming import installed_agencies
from singlewindow.adapters.port import Adapter
from singlewindow.adapters.profiles import AGENCIES
from singlewindow.adapters.security.loading import load_security, read_passwords
from singlewindow.adapters.soap import ServiceDescription
from singlewindow.adapters.stub.agency import REJECT
from singlewindow.adapters.stub.serving import open_stub
from singlewindow.errors import ConfigurationError, Unavailable
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
    built-in agency by its last step, such as https://host/customs. A folder whose address is an example's has its stub.
    Raises ConfigurationError for what is none of these, Unavailable for a folder whose service cannot be reached: a
    stub in its place would certify an authority that nobody asked.
    """
    folder = Path(name) if await asyncio.to_thread(Path(name).is_dir) else _installed_folder(name, settings)
    if name in AGENCIES:
        async with open_builtin(name) as subject:
            yield subject
    elif name.startswith(("http://", "https://")):
        base_url, _, agency = name.rstrip("/").rpartition("/")
        yield describe_builtin(agency, base_url)
    elif folder is not None:
        async with _open_folder(folder, settings.agencies_url) as subject:
            yield subject
    else:
        yield describe_packaged(name, settings)


def describe_packaged(name: str, settings: Settings) -> Subject:
    """An agency that an installed package brings. Raises ConfigurationError for a name that is none."""
    known = installed_agencies(settings)
    if name not in known:
        raise ConfigurationError(f"{name} is no agency ({', '.join(sorted(known))}), no folder and no URL")

    def connect(base_url: str, *, deadline_seconds: float) -> Adapter:  # noqa: ARG001 - a package's own business
        return installed_adapters(settings.model_copy(update={"agencies_url": base_url}))[name]

    return Subject(name, settings.agencies_url, connect, _shipped("declare"))


def _installed_folder(name: str, settings: Settings) -> Path | None:
    folders = agency_folders(settings.agencies) if settings.agencies else ()
    return next((folder for folder in folders if read_agency(folder).agency.name == name), None)


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
        named, secrets = read.agency.name, read_passwords(read)
        yield Subject(named, url, _connect_stub(folder), specimen, secrets, count_effects=counted, stub=True)


@asynccontextmanager
async def _open_folder(folder: Path, service_url: str) -> AsyncIterator[Subject]:
    subject = await asyncio.to_thread(describe_folder, folder, service_url)
    if is_example(subject.service_url):
        async with open_stubbed(folder) as stubbed:
            yield stubbed
        return
    try:
        await require_reachable(subject.service_url)
    except Unavailable as error:
        raise Unavailable(f"{error.detail}; --stub tries {folder} before a stub of it") from error
    yield subject


def describe_folder(folder: Path, service_url: str) -> Subject:
    """An agency described by a folder. Its services are looked for at `service_url`, where its addresses name
    `{agencies_url}`, else at the one host that they name. Raises ConfigurationError.
    """
    read = read_agency(folder)
    if any(PLACEHOLDER not in (table.url or "") for table in read.agency.services.values()):
        service_url = _only_host(folder, Compiler(read, service_url).services.values())
    if not urlsplit(service_url).hostname:
        raise ConfigurationError(f"--service wants a URL, not {service_url!r}")
    security = load_security(read, [service_url])
    tls = security.tls if security else None
    specimen, secrets = read_specimen(read), read_passwords(read)
    return Subject(read.agency.name, service_url, _connect_moved(folder), specimen, secrets, tls=tls)


def _connect_moved(folder: Path) -> Connect:
    def connect(base_url: str, *, deadline_seconds: float) -> DeclaredAdapter:
        return DeclaredAdapter(
            folder, base_url=base_url, environment="certification", deadline_seconds=deadline_seconds
        )

    return connect


def _connect_stub(folder: Path) -> Connect:
    def connect(base_url: str, *, deadline_seconds: float) -> DeclaredAdapter:
        security = load_security(read_agency(folder), [base_url])
        return DeclaredAdapter(
            folder,
            base_url=base_url,
            environment="certification",
            deadline_seconds=deadline_seconds,
            security=security.without_proof() if security else None,
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
