"""The gateway's own secrets in one folder: the receipts' Ed25519 key and the pepper of the API keys, made once."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from singlewindow.errors import ConfigurationError
from singlewindow.settings import Settings

PRIVATE, PUBLIC, PEPPER = "receipts.pem", "receipts.pub.pem", "pepper"
AGENCIES = "agencies"
"""Folder of the passwords by which agencies push, a file for each, named as the agency."""


@dataclass(frozen=True, slots=True)
class Keys:
    """What a gateway process needs to sign receipts and to recognise API keys."""

    receipts: Ed25519PrivateKey
    pepper: bytes


def keys_folder(settings: Settings) -> Path:
    """Where the secrets are."""
    return settings.keys_dir or settings.data_dir / "keys"


def load_keys(folder: Path) -> Keys:
    """Read the secrets, making what is missing. Safe when several processes start at once: the first one wins."""
    folder.mkdir(parents=True, exist_ok=True)
    private = _once(folder / PRIVATE, _new_private_key)
    pepper = _once(folder / PEPPER, lambda: secrets.token_bytes(32))
    key = load_pem_private_key(private, password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigurationError(f"{folder / PRIVATE} is not an Ed25519 private key")
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    _once(folder / PUBLIC, lambda: public, mode=0o644)
    return Keys(key, pepper)


def agency_password(folder: Path, agency: str) -> str | None:
    """The password by which an agency pushes its notices, as its file says now; None: it has none, and may not."""
    try:
        return (folder / AGENCIES / agency).read_text("utf-8").strip() or None
    except (OSError, UnicodeDecodeError):
        return None


def make_agency_password(folder: Path, agency: str) -> str:
    """The password of an agency, made where there is none yet. Safe when several processes start at once."""
    (folder / AGENCIES).mkdir(parents=True, exist_ok=True)
    made = _once(folder / AGENCIES / agency, lambda: secrets.token_urlsafe(32).encode())
    return made.decode().strip()


def write_private(path: Path, content: bytes) -> None:
    """A file that holds keys, in the place of one that may be there: whole or not at all, and its owner's alone."""
    _write_draft(path, content, 0o600).replace(path)


def load_public_key(path: Path) -> Ed25519PublicKey:
    """The key that verifies receipts. Raises ConfigurationError when the file is missing or of another kind."""
    try:
        key = load_pem_public_key(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"cannot read the receipts' public key {path}: {error}") from error
    if not isinstance(key, Ed25519PublicKey):
        raise ConfigurationError(f"{path} is not an Ed25519 public key")
    return key


def _new_private_key() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _once(path: Path, make: Callable[[], bytes], *, mode: int = 0o600) -> bytes:
    """The file's content; a missing one is written beside it and linked into place, so that no half file is seen."""
    if not path.exists():
        draft = _write_draft(path, make(), mode)
        with suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
    return path.read_bytes()


def _write_draft(path: Path, content: bytes, mode: int) -> Path:
    """What is to take a file's place, beside it under a name of its own: whole, and on the disk."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return draft
