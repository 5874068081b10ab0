"""What an agency presents when it pushes: secrets stand in agency.toml by reference only and are read when needed."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from singlewindow.adapters.declared.configuration import Agency
from singlewindow.errors import ConfigurationError
from singlewindow.keys import agency_password

ENVIRONMENT, FILE = "env:", "file:"


def check_reference(reference: str, place: str) -> None:
    """Raises ConfigurationError, which does not repeat it, for a secret that stands there itself."""
    if not reference.startswith((ENVIRONMENT, FILE)):
        raise ConfigurationError(f'{place}: a secret is named by reference, "env:NAME" or "file:PATH"')


def push_credential(agency: Agency, folder: Path, keys: Path) -> tuple[str, str]:
    """User name and password by which this agency pushes: its own table's, else its name and the password that `keys`
    holds for it. Read now, so that a new password needs no restart. Raises ConfigurationError where there is none.
    """
    given = agency.notifications.credential
    if given is None:
        password = agency_password(keys, agency.name)
        if password is None:
            raise ConfigurationError(f"{agency.name} has no password to push with")
        return agency.name, password
    username = given.username or agency.name
    if username.startswith((ENVIRONMENT, FILE)):
        username = _read(username, folder)
    return username, _read(given.password, folder)


def _read(reference: str, folder: Path) -> str:
    """The secret behind a reference. Raises ConfigurationError that names the reference alone."""
    if reference.startswith(ENVIRONMENT):
        text = os.environ.get(reference.removeprefix(ENVIRONMENT), "")
    else:
        text = _read_file(folder / reference.removeprefix(FILE), reference)
    if not text:
        raise ConfigurationError(f"{reference}: there is nothing there")
    return text


def _read_file(path: Path, reference: str) -> str:
    try:
        if path.stat().st_mode & stat.S_IRWXO:
            raise ConfigurationError(f"{reference}: everybody may open it; take the rights of others away (chmod o=)")
        return path.read_text("utf-8").strip("\r\n")
    except (OSError, UnicodeDecodeError):
        raise ConfigurationError(f"{reference}: it cannot be read") from None  # the cause may show the bytes
