"""Fixtures every test may use: running engines, a fresh database, and the published samples."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import tempfile
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg
import pytest
import redis

from singlewindow.engines.embedded import EngineUrls
from singlewindow.engines.embedded import engines as running_engines

CHECKOUT = Path(__file__).resolve().parent.parent
SHARED_SAMPLES = CHECKOUT.parent / "shared" / "samples"

_database_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def short_dir() -> Iterator[Path]:
    """A folder whose path is short enough for sockets, and open to the account that root runs the engines as."""
    folder = Path(tempfile.mkdtemp(prefix="sw-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def engines(short_dir: Path) -> Iterator[EngineUrls]:
    """Running embedded PostgreSQL and Valkey, shared by all tests of a run."""
    with running_engines(short_dir / "data") as urls:
        yield urls


@pytest.fixture(scope="module")
def database_url(engines: EngineUrls) -> Iterator[str]:
    """A fresh, empty database for each test module, dropped after it."""
    name = f"test_{next(_database_numbers)}"
    _execute(engines.database_url, f"CREATE DATABASE {name} TEMPLATE template0")
    yield engines.database_url.replace("/singlewindow?", f"/{name}?")
    _execute(engines.database_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def redis_url(engines: EngineUrls) -> str:
    """The shared Valkey, emptied for each test module."""
    with redis.Redis.from_url(engines.redis_url) as client:
        client.flushall()
    return engines.redis_url


@pytest.fixture(scope="session")
def shared_samples() -> Path:
    """Folder of the published samples (`../shared/samples`, beside the checkout); the test is skipped without it."""
    if not SHARED_SAMPLES.is_dir():
        pytest.skip(f"the published samples are not at {SHARED_SAMPLES}")
    return SHARED_SAMPLES


def _execute(dsn: str, statement: str) -> None:
    """Run one statement from a synchronous fixture, away from whatever event loop the tests use."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        pool.submit(asyncio.run, _execute_async(dsn, statement)).result()


def _execute_async(dsn: str, statement: str) -> Coroutine[None, None, None]:
    async def execute() -> None:
        connection = await asyncpg.connect(dsn)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    return execute()
