"""From what a user names to what is certified: an agency, a folder, or the address of a service."""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from singlewindow.adapters.certification.builtin_subject import describe_builtin, describe_specimen, open_builtin
from singlewindow.adapters.certification.subject import Specimen, Subject
from singlewindow.adapters.declared.adapter import DeclaredAdapter
from singlewindow.adapters.declared.reading import AgencyFolder, agency_folders, read_agency
from singlewindow.adapters.installed import installed_adapters, installed_agencies
from singlewindow.adapters.port import Adapter
from singlewindow.adapters.profiles import AGENCIES
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


def describe_folder(folder: Path, service_url: str) -> Subject:
    """An agency described by a folder. Raises ConfigurationError, also for one whose services cannot be led through
    the proxy because their addresses are fixed.
    """
    read = read_agency(folder)
    for service, table in read.agency.services.items():
        if PLACEHOLDER not in (table.url or ""):
            raise ConfigurationError(
                f'{folder}/agency.toml, services.{service}: to be certified it needs url = "{PLACEHOLDER}/…", so that '
                f"the robot can stand between; the true address is given by --service"
            )

    def connect(base_url: str, *, deadline_seconds: float) -> DeclaredAdapter:
        return DeclaredAdapter(
            folder, agencies_url=base_url, environment="certification", deadline_seconds=deadline_seconds
        )

    if not urlsplit(service_url).hostname:
        raise ConfigurationError(f"--service wants a URL, not {service_url!r}")
    return Subject(read.agency.name, service_url, connect, read_specimen(read))


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
