"""An embedded Valkey: the fast path beside PostgreSQL, on a Unix socket, never the only copy of anything."""

from __future__ import annotations

import signal
import socket
from pathlib import Path
from urllib.parse import quote

from singlewindow.engines.account import engine_account, make_private_folder
from singlewindow.engines.child import Child
from singlewindow.engines.cluster import ENVIRONMENT
from singlewindow.engines.programs import find_valkey, valkey_within_reach
from singlewindow.engines.run_folder import run_folder

ANSWER_TIMEOUT_SECONDS = 1.0

SETTINGS = {
    "port": "0",
    "unixsocketperm": "700",
    # Nothing is written to disk: PostgreSQL holds the truth, an empty Valkey costs speed only.
    "save": "",
    "appendonly": "no",
    "maxmemory": "256mb",
    # A full Valkey says so and the callers fall back; evicting would silently drop a whole stream.
    "maxmemory-policy": "noeviction",
    "daemonize": "no",
    "logfile": "",
}


class EmbeddedValkey:
    """Valkey with its working folder in `data_dir/valkey`; as root it runs as that folder's owner, else `nobody`."""

    def __init__(self, data_dir: Path, *, binary: Path | None = None) -> None:
        """Find the binary and make the folders. Raises ConfigurationError."""
        data_dir = data_dir.absolute()
        data_dir.mkdir(parents=True, exist_ok=True)
        self._folder = data_dir / "valkey"
        self._account = engine_account(self._folder)
        make_private_folder(self._folder, self._account)
        self.run_dir = run_folder(data_dir, self._account)
        self._binary = valkey_within_reach(binary or find_valkey(), self.run_dir, self._account)

    @property
    def url(self) -> str:
        """Connection URL as redis-py takes it."""
        return f"unix://{quote(str(self.socket_path))}"

    @property
    def socket_path(self) -> Path:
        """The Unix socket it listens on; there is no TCP port."""
        return self.run_dir / "valkey.sock"

    def answers(self) -> bool:
        """Whether it answers PING with PONG now."""
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(ANSWER_TIMEOUT_SECONDS)
                connection.connect(str(self.socket_path))
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith(b"+PONG")
        except OSError:
            return False

    def child(self) -> Child:
        """The server as the supervisor runs it."""
        settings = SETTINGS | {"unixsocket": str(self.socket_path)}
        options = [word for name, value in settings.items() for word in (f"--{name}", value)]
        return Child(
            name="valkey",
            argv=(str(self._binary), *options),
            ready=self.answers,
            env=ENVIRONMENT,
            cwd=self._folder,
            account=self._account,
            death_signal=signal.SIGTERM,
            stop_timeout_seconds=10.0,
        )
