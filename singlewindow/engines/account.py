"""Who the engines run as: PostgreSQL refuses root, and an unprivileged server can do less harm."""

from __future__ import annotations

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from singlewindow.errors import ConfigurationError

USE_YOUR_OWN = "or run your own PostgreSQL and name it with SINGLEWINDOW_DATABASE_URL"


@dataclass(frozen=True, slots=True)
class Account:
    """A user of this machine that a root supervisor drops its children's privileges to."""

    name: str
    uid: int
    gid: int


def engine_account(engine_dir: Path) -> Account | None:
    """The account to drop to, or None to stay who we are; root takes the folder's owner, else `nobody`.

    Raises ConfigurationError when the engine could not run: our uid has no passwd entry (initdb fails without one),
    or the folder belongs to somebody else.
    """
    owner = engine_dir.stat().st_uid if engine_dir.exists() else None
    if os.geteuid() == 0:
        return _account(owner) if owner else _nobody()
    _named_uid(os.geteuid())
    if owner not in {None, os.geteuid()}:
        raise ConfigurationError(
            f"{engine_dir} belongs to uid {owner}; run as that user or as root, or choose another --data"
        )
    return None


def reachable(path: Path, account: Account | None) -> bool:
    """Whether `account` may look below `path`: every folder on the way must let it pass. True for ourselves."""
    return account is None or all(_may_pass(folder.stat(), account) for folder in (path, *path.parents))


def make_private_folder(path: Path, account: Account | None) -> None:
    """Make `path` with mode 0700 for the account (or us); idempotent. Raises ConfigurationError if it is not ours."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = path.lstat()
    wanted = account.uid if account else os.geteuid()
    if stat.S_ISLNK(found.st_mode) or found.st_uid not in {wanted, os.geteuid()}:
        raise ConfigurationError(f"{path} exists and is not ours (owner uid {found.st_uid}); remove it or use --data")
    path.chmod(0o700)
    if account:
        os.chown(path, account.uid, account.gid)


def _may_pass(found: os.stat_result, account: Account) -> bool:
    if found.st_uid == account.uid:
        return bool(found.st_mode & stat.S_IXUSR)
    if found.st_gid == account.gid:
        return bool(found.st_mode & stat.S_IXGRP)
    return bool(found.st_mode & stat.S_IXOTH)


def _nobody() -> Account:
    try:
        return _account(pwd.getpwnam("nobody").pw_uid)
    except KeyError as error:
        raise ConfigurationError(
            f"PostgreSQL cannot run as root and there is no user nobody; {USE_YOUR_OWN}"
        ) from error


def _account(uid: int) -> Account:
    entry = _named_uid(uid)
    return Account(name=entry.pw_name, uid=entry.pw_uid, gid=entry.pw_gid)


def _named_uid(uid: int) -> pwd.struct_passwd:
    try:
        return pwd.getpwuid(uid)
    except KeyError as error:
        raise ConfigurationError(
            f"uid {uid} has no passwd entry, which PostgreSQL's initdb needs; run as a named user, {USE_YOUR_OWN}"
        ) from error
