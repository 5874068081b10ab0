"""What an agency presents when it pushes: secrets stand in agency.toml by reference only and are read when needed."""

from __future__ import annotations

from pathlib import Path

from singlewindow.adapters.declared.configuration import Agency
from singlewindow.adapters.security.configuration import FROM_ENVIRONMENT, FROM_FILE
from singlewindow.adapters.security.references import read_secret
from singlewindow.errors import ConfigurationError
from singlewindow.keys import agency_password


def check_reference(reference: str, place: str) -> None:
    """Raises ConfigurationError, which does not repeat it, for a secret that stands there itself."""
    if not reference.startswith((FROM_ENVIRONMENT, FROM_FILE)):
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
    if username.startswith((FROM_ENVIRONMENT, FROM_FILE)):
        username = read_secret(username, folder).text
    return username, read_secret(given.password, folder).text
