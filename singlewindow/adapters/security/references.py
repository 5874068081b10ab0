"""Secrets by reference: read once when an agency is loaded, and shown to nobody."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from singlewindow.adapters.security.configuration import FROM_ENVIRONMENT, FROM_FILE
from singlewindow.errors import ConfigurationError

_MOST_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret's text, which no repr, log or error shows, and the reference it was read by."""

    reference: str
    text: str = field(repr=False)


def read_secret(reference: str, folder: Path) -> Secret:
    """The secret behind `env:NAME` or `file:PATH` (relative to `folder`), without the line end of a file.

    Raises ConfigurationError that names the reference: an unset variable, a file that is missing or that all may read.
    """
    if reference.startswith(FROM_ENVIRONMENT):
        text = os.environ.get(reference.removeprefix(FROM_ENVIRONMENT), "")
        why_empty = "the variable is not set"
    else:
        text = _read_text(reference, secret_file(reference, folder)).rstrip("\r\n")
        why_empty = "the file is empty"
    if not text:
        raise ConfigurationError(f"{reference}: {why_empty}")
    return Secret(reference, text)


def secret_file(reference: str, folder: Path) -> Path:
    """The file of a `file:` reference. Raises ConfigurationError when it is missing or others than its group may open
    it.
    """
    path = folder / reference.removeprefix(FROM_FILE)
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise ConfigurationError(f"{reference}: {error.strerror}") from error
    if not stat.S_ISREG(mode):
        raise ConfigurationError(f"{reference}: it is not a file")
    if mode & stat.S_IRWXO:
        raise ConfigurationError(f"{reference}: everybody may open it; take the rights of others away (chmod o=)")
    return path


def _read_text(reference: str, path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
        text = content.decode()
    except OSError as error:
        raise ConfigurationError(f"{reference}: {error.strerror}") from error
    except UnicodeDecodeError:
        raise ConfigurationError(f"{reference}: it is not text in UTF-8") from None  # the cause would show the bytes
    if len(content) > _MOST_BYTES:
        raise ConfigurationError(f"{reference}: more than {_MOST_BYTES} bytes are no secret")
    return text
