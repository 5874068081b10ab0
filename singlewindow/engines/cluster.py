"""A PostgreSQL data folder: made whole or not at all, of our major version, with no lock of the dead in it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from singlewindow.engines.account import Account, make_private_folder
from singlewindow.errors import ConfigurationError

USER = "singlewindow"
DATABASE = "singlewindow"
BUILTIN_LOCALE_SINCE = 17
ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
PROGRAM_TIMEOUT_SECONDS = 120


def prepare_cluster(cluster: Path, bin_dir: Path, account: Account | None) -> None:
    """Make the data folder with the empty database in it; nothing happens where it exists.

    Raises ConfigurationError for a folder of another major version, or when initdb fails (with its output).
    """
    major = server_major(bin_dir)
    if (cluster / "PG_VERSION").exists():
        _refuse_other_major(cluster, major)
        return
    unfinished = cluster.with_name(f"{cluster.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    make_private_folder(unfinished, account)
    _initialise(unfinished, bin_dir, account, major)
    unfinished.rename(cluster)


def folder_argument(cluster: Path, account: Account | None) -> str:
    """How a server whose working folder is `cluster` is told about it.

    An unprivileged server cannot walk a path through a 0700 folder, but it may always use its own working folder.
    """
    return "/proc/self/cwd" if account and sys.platform == "linux" else str(cluster)


def lock_holder(cluster: Path) -> int | None:
    """Process id of the server that holds the folder; None when there is none, and then a stale lock is removed.

    PostgreSQL believes any live process of that number and user, which in a restarted container is soon ourselves.
    """
    lock = cluster / "postmaster.pid"
    try:
        pid = int(lock.read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None
    if _works_in(pid, cluster):
        return pid
    lock.unlink(missing_ok=True)
    return None


def server_major(bin_dir: Path) -> int:
    """Major version of the binaries, asked from `postgres --version`."""
    answer = subprocess.run(  # noqa: S603  our own binary
        [bin_dir / "postgres", "--version"], capture_output=True, text=True, check=True, timeout=PROGRAM_TIMEOUT_SECONDS
    ).stdout
    number = re.search(r"\d+", answer)
    if number is None:
        raise ConfigurationError(f"{bin_dir / 'postgres'} --version answers {answer!r}, which names no version")
    return int(number[0])


def _refuse_other_major(cluster: Path, major: int) -> None:
    found = (cluster / "PG_VERSION").read_text().strip()
    if found != str(major):
        raise ConfigurationError(
            f"{cluster} was written by PostgreSQL {found}, this is PostgreSQL {major}. To carry the data over: start"
            f" the old server on it (PostgreSQL {found}'s `postgres -D {cluster}`), save it with `pg_dump -Fc"
            f" {DATABASE} > singlewindow.dump`, move the folder away, start again so that an empty one is made, and"
            f" load it with `pg_restore --clean --if-exists -d {DATABASE} singlewindow.dump`. Or keep the old server"
            " and name it with SINGLEWINDOW_DATABASE_URL."
        )


def _initialise(folder: Path, bin_dir: Path, account: Account | None, major: int) -> None:
    where = folder_argument(folder, account)
    locale = ["--locale=C"]
    if major >= BUILTIN_LOCALE_SINCE:
        locale += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    options = [f"--username={USER}", "--auth=trust", "--encoding=UTF8", "--data-checksums", *locale]
    _run([str(bin_dir / "initdb"), f"--pgdata={where}", *options], folder, account)
    _run(
        [str(bin_dir / "postgres"), "--single", "-D", where, "postgres"],
        folder,
        account,
        f"CREATE DATABASE {DATABASE}\n",
    )


def _run(argv: list[str], folder: Path, account: Account | None, feed: str = "") -> None:
    try:
        subprocess.run(  # noqa: S603  our own binary
            argv,
            input=feed,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=True,
            cwd=folder,
            env=ENVIRONMENT,
            timeout=PROGRAM_TIMEOUT_SECONDS,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
    except subprocess.CalledProcessError as error:
        raise ConfigurationError(f"{Path(argv[0]).name} failed in {folder}:\n{error.stdout}") from error
    except (OSError, subprocess.SubprocessError) as error:
        raise ConfigurationError(f"{argv[0]} cannot run: {error}") from error


def _works_in(pid: int, folder: Path) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    if sys.platform != "linux":
        return True
    try:
        return Path(f"/proc/{pid}/cwd").readlink() == folder.resolve()
    except OSError:
        return Path(f"/proc/{pid}").exists()
