"""Settings: read once, frozen, each with its unit; an unknown `SINGLEWINDOW_…` variable is an error."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from singlewindow.errors import ConfigurationError

PREFIX = "SINGLEWINDOW_"


class Settings(BaseSettings):
    """Everything an operator can set, by environment variable `SINGLEWINDOW_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    database_url: str | None = Field(None, description="PostgreSQL DSN; when set, no embedded server is started")
    redis_url: str | None = Field(None, description="Redis or Valkey URL; when set, no embedded server is started")
    data_dir: Path = Field(Path("data"), description="folder of the embedded servers, keys and sandbox effects")
    listen: str = Field("127.0.0.1:8080", description="HOST:PORT of the gateway")
    listen_descriptor: int | None = Field(
        None, description="descriptor of a socket that listens already, inherited from who started this process"
    )
    ready_descriptor: int | None = Field(
        None, description="descriptor of an inherited pipe on which `work` writes its process id once its lanes run"
    )
    workers: int = Field(1, ge=1, le=64, description="gateway processes sharing the port")
    message_sets: Path | None = Field(None, description="folder with further message sets")
    agencies: Path | None = Field(None, description="folder with further agencies, each a folder with an agency.toml")
    environment: str = Field("sandbox", description="name written into every receipt")
    agencies_url: str = Field("http://127.0.0.1:8090", description="base URL of the agencies' SOAP services")
    keys_dir: Path | None = Field(
        None, description="folder of receipts.pem, pepper and the agencies' passwords; default DATA_DIR/keys, made once"
    )
    envelope_sender: str = Field(
        "SINGLEWINDOW", min_length=1, max_length=16, description="SenderId of the envelopes that responses are given in"
    )
    max_body_bytes: int = Field(16_000_000, description="largest message accepted, in bytes after gunzip")
    header_timeout_seconds: float = Field(10.0, description="a request's headers must be complete within this")
    body_timeout_seconds: float = Field(30.0, description="a request's body must be complete within this")
    body_bytes_per_second: int = Field(1000, ge=0, description="a body that comes slower is cut off; 0: only by time")
    connections_per_address: int = Field(
        1000, ge=0, description="connections of one client address per process, then 429; behind a proxy 0: no limit"
    )
    database_timeout_seconds: float = Field(5.0, description="deadline of every call to PostgreSQL")
    redis_timeout_seconds: float = Field(0.1, description="budget of every call to Valkey, then local fallback")
    database_connections: int = Field(8, ge=2, description="pool size of each process")
    intake_limit: int = Field(512, ge=1, description="submissions in work at once per process, then 503")
    intake_bytes: int = Field(
        256_000_000, ge=0, description="bytes of submissions in work at once per process, then 503; one trader: half"
    )
    disk_reserve_bytes: int = Field(
        256_000_000, ge=0, description="with less than this free on the disk of data_dir nothing is taken in; 0: off"
    )
    backlog_limit: int = Field(
        1_000_000, ge=0, description="with so many tasks waiting in the ledger nothing is taken in; 0: no limit"
    )
    max_attempts: int = Field(12, ge=1, description="deliveries of one task before it is dead-lettered")
    retry_base_seconds: float = Field(0.5, description="first back-off of a task, doubled with full jitter")
    retry_cap_seconds: float = Field(60.0, description="longest back-off of a task")
    webhook_private_addresses: bool = Field(
        False, description="let webhooks use http and private addresses: for the sandbox and tests only"
    )
    sandbox_delay_ms: str = Field("50-300", description="range of the sandbox's decision delays, milliseconds")
    sandbox_scenario: Path | None = Field(None, description="TOML file by which the sandbox's agencies act")
    url: str = Field("http://127.0.0.1:8080", description="gateway the client commands (submit, watch) speak to")
    api_key: str | None = Field(None, description="key the client commands present")
    operator_key: str | None = Field(None, description="key the operators' commands (dead-letters) present")
    failpoint: str = Field("", description="for fault tests: NAME:ACTION[:ARGUMENT][@EVERY],… or @FILE that says so")
    log_level: str = Field("info", description="debug, info, warning or error")

    @property
    def host(self) -> str:
        """Host part of `listen`."""
        return self.listen.rpartition(":")[0] or "127.0.0.1"

    @property
    def port(self) -> int:
        """Port part of `listen`."""
        return int(self.listen.rpartition(":")[2])


def _reject_unknown() -> None:
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    unknown = sorted(name for name in os.environ if name.startswith(PREFIX) and name not in known)
    if unknown:
        raise ConfigurationError(f"unknown setting {', '.join(unknown)}; known: {', '.join(sorted(known))}")


@cache
def load_settings() -> Settings:
    """The settings of this process. Raises ConfigurationError for a variable that is unknown or wrong."""
    _reject_unknown()
    try:
        return Settings()
    except ValidationError as error:
        # its own text quotes values, which may be keys
        wrong = (f"{PREFIX}{'.'.join(map(str, one['loc'])).upper()}: {one['msg']}" for one in error.errors())
        raise ConfigurationError("; ".join(wrong)) from error
