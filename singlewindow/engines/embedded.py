"""Both engines over one data folder, minus those that the operator runs himself."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from singlewindow.engines.child import Child
from singlewindow.engines.postgres import EmbeddedPostgres
from singlewindow.engines.supervisor import running
from singlewindow.engines.valkey import EmbeddedValkey
from singlewindow.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class EngineUrls:
    """Where PostgreSQL and Valkey are reached, embedded or not."""

    database_url: str
    redis_url: str


@dataclass(frozen=True, slots=True)
class Engines:
    """The children to supervise (none for an engine that was given by URL) and the URLs to hand to everyone else."""

    children: tuple[Child, ...]
    urls: EngineUrls


def prepare_engines(data_dir: Path, *, database_url: str | None = None, redis_url: str | None = None) -> Engines:
    """Make ready what has to run in `data_dir`; an engine whose URL is given is neither prepared nor started.

    Raises ConfigurationError where an engine cannot run here; its text says what to do.
    """
    children: list[Child] = []
    if database_url is None:
        postgres = EmbeddedPostgres(data_dir)
        postgres.prepare()
        children.append(postgres.child())
        database_url = postgres.dsn
    if redis_url is None:
        valkey = EmbeddedValkey(data_dir)
        children.append(valkey.child())
        redis_url = valkey.url
    return Engines(children=tuple(children), urls=EngineUrls(database_url=database_url, redis_url=redis_url))


@contextmanager
def engines(data_dir: Path, *, database_url: str | None = None, redis_url: str | None = None) -> Iterator[EngineUrls]:
    """Running engines for the length of a block; call it from the main thread. Nothing restarts them in between."""
    with data_dir_held(data_dir):
        prepared = prepare_engines(data_dir, database_url=database_url, redis_url=redis_url)
        with running([prepared.children], log_dir=data_dir / "log"):
            yield prepared.urls


@contextmanager
def data_dir_held(data_dir: Path) -> Iterator[None]:
    """Keep a second supervisor away from the folder. Raises ConfigurationError that names the one in it,
    or says that the folder cannot be written.

    The lock is the kernel's and ends with the process, however it ends.
    """
    descriptor = _open_lock(data_dir)
    try:
        _lock(descriptor, data_dir)
        yield
    finally:
        os.close(descriptor)


def _open_lock(data_dir: Path) -> int:
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        return os.open(data_dir / "supervisor.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    except OSError as error:
        raise ConfigurationError(f"cannot write in {data_dir} ({error}); choose another --data") from error


def _lock(descriptor: int, data_dir: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.read(descriptor, 32).decode().strip() or "unknown"
        raise ConfigurationError(
            f"{data_dir} is in use by another singlewindow (pid {holder}); stop it or choose another --data"
        ) from error
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"{os.getpid()}\n".encode())
