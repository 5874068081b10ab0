"""An embedded PostgreSQL: a real server on a Unix socket, direct child of the supervisor."""

from __future__ import annotations

import signal
from pathlib import Path
from urllib.parse import quote

from singlewindow.engines import postgres_probe
from singlewindow.engines.account import engine_account, make_private_folder
from singlewindow.engines.child import Child
from singlewindow.engines.cluster import (
    DATABASE,
    ENVIRONMENT,
    USER,
    folder_argument,
    lock_holder,
    prepare_cluster,
)
from singlewindow.engines.programs import find_postgres, postgres_within_reach
from singlewindow.engines.run_folder import run_folder

STOP_TIMEOUT_SECONDS = 60.0

SETTINGS = {
    # A receipt promises that its declaration survives a power cut.
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "wal_level": "replica",
    "max_connections": "100",
    "shared_buffers": "256MB",
    # Rare, spread checkpoints: full pages are written to the log once per checkpoint.
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "checkpoint_completion_target": "0.9",
    # Outbox rows change state several times within a second: clean early and often.
    "autovacuum_naptime": "10s",
    "autovacuum_vacuum_scale_factor": "0.05",
    "autovacuum_analyze_scale_factor": "0.05",
    "autovacuum_vacuum_cost_limit": "2000",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # The server's log must not repeat traders' content: neither statements nor the values of a violated key.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "listen_addresses": "",
    "port": "5432",
}


class EmbeddedPostgres:
    """PostgreSQL with its data below `data_dir/postgres`, for the user and database `singlewindow`.

    As root it runs as the folder's owner, else as `nobody`. Whoever may enter the socket's 0700 folder is trusted.
    """

    def __init__(self, data_dir: Path, *, bin_dir: Path | None = None) -> None:
        """Find the binaries and make the folders. Raises ConfigurationError, as `prepare` does."""
        data_dir = data_dir.absolute()
        data_dir.mkdir(parents=True, exist_ok=True)
        folder = data_dir / "postgres"
        self._account = engine_account(folder)
        make_private_folder(folder, self._account)
        self.cluster = folder / "cluster"
        self.run_dir = run_folder(data_dir, self._account)
        self._bin_dir = postgres_within_reach(bin_dir or find_postgres(), self.run_dir, self._account)

    @property
    def dsn(self) -> str:
        """Connection URL as asyncpg and libpq take it."""
        return f"postgresql://{USER}@/{DATABASE}?host={quote(str(self.run_dir))}"

    @property
    def socket_path(self) -> Path:
        """The Unix socket it listens on; there is no TCP port."""
        return self.run_dir / f".s.PGSQL.{SETTINGS['port']}"

    def prepare(self) -> None:
        """Make the data folder and the empty database (about a second, once). Idempotent.

        Raises ConfigurationError for a data folder of another major version, or when initdb fails.
        """
        prepare_cluster(self.cluster, self._bin_dir, self._account)

    def answers(self) -> bool:
        """Whether a connection is answered now; False during start and crash recovery."""
        return postgres_probe.answers(self.socket_path, user=USER, database=DATABASE)

    def child(self) -> Child:
        """The server as the supervisor runs it: SIGINT is PostgreSQL's fast shutdown, also when we are killed."""
        return Child(
            name="postgres",
            argv=self._argv(),
            ready=self.answers,
            may_start=lambda: lock_holder(self.cluster) is None,
            env=ENVIRONMENT,
            cwd=self.cluster,
            account=self._account,
            stop_signal=signal.SIGINT,
            stop_timeout_seconds=STOP_TIMEOUT_SECONDS,
            death_signal=signal.SIGINT,
            ready_timeout_seconds=None,
        )

    def _argv(self) -> tuple[str, ...]:
        settings = SETTINGS | {"unix_socket_directories": str(self.run_dir), "unix_socket_permissions": "0700"}
        options = [f"--{name}={value}" for name, value in settings.items()]
        return (str(self._bin_dir / "postgres"), "-D", folder_argument(self.cluster, self._account), *options)
