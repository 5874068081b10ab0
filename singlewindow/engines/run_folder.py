"""The folder of the engines' sockets: short enough for a Unix socket, reachable for the account that serves it."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from singlewindow.engines.account import Account, make_private_folder, reachable
from singlewindow.errors import ConfigurationError

SOCKET_PATH_BYTES = 107
LONGEST_NAME = "/.s.PGSQL.5432"


def run_folder(data_dir: Path, account: Account | None) -> Path:
    """`DATA/run`, or a short folder of the system where that is too deep or hidden from the account. Idempotent.

    The substitute's name depends on the data folder and the user alone, so that it is found again after a restart.
    """
    folder = data_dir / "run"
    if not (_fits(folder) and reachable(data_dir, account)):
        folder = _substitute(data_dir, account)
    make_private_folder(folder, account)
    return folder


def _fits(folder: Path) -> bool:
    return len(os.fsencode(f"{folder}{LONGEST_NAME}")) <= SOCKET_PATH_BYTES


def _substitute(data_dir: Path, account: Account | None) -> Path:
    digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]
    # /run first for root: no tidying service empties it while a server runs.
    parents = (*(["/run"] if os.geteuid() == 0 else []), tempfile.gettempdir(), "/tmp", "/var/tmp")  # noqa: S108  last resorts, the folder itself is made 0700 and its owner checked
    for parent in map(Path, parents):
        folder = parent / f"singlewindow-{os.geteuid()}-{digest}"
        if parent.is_dir() and os.access(parent, os.W_OK) and reachable(parent, account) and _fits(folder):
            return folder
    raise ConfigurationError(f"{data_dir} is too deep for a Unix socket and no temporary folder is usable; use --data")
