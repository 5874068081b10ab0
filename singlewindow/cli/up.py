"""`singlewindow up`: the whole national chain on this machine with one command."""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from rich.console import Console

from singlewindow.adapters.profiles import AGENCIES
from singlewindow.adapters.sandbox.scenario import load_scenario
from singlewindow.cli.client import SANDBOX_KEYS
from singlewindow.engines.child import Child
from singlewindow.engines.embedded import Engines, data_dir_held, prepare_engines
from singlewindow.engines.ready_pipe import ReadyPipe
from singlewindow.engines.supervisor import Supervisor
from singlewindow.errors import ConfigurationError
from singlewindow.keys import keys_folder, load_keys, make_agency_password, write_private
from singlewindow.ledger.migrating import migrate
from singlewindow.settings import PREFIX, Settings, load_settings
from singlewindow.wiring import open_ledger

SANDBOX_TRADER = "Sandbox Trader"
BACKLOG = 1024
STOP_SECONDS = 30.0
"""More than the 20 seconds that a process gives what is in work, so that it is never killed while it still answers."""

SAMPLE = Path(__file__).parent.parent / "xsd" / "sets" / "export-1" / "samples" / "valid" / "four_legs.xml"


@dataclass(frozen=True, slots=True)
class Chain:
    """Where the chain of one `up` runs, and the environment its processes share."""

    settings: Settings
    engines: Engines
    agencies_url: str
    environment: Mapping[str, str]

    @property
    def url(self) -> str:
        """The gateway's own address."""
        return f"http://{self.settings.listen}"


def up(
    *,
    data: Path | None = None,
    listen: str | None = None,
    workers: int | None = None,
    message_sets: Path | None = None,
    scenario: Path | None = None,
    ready_file: Path | None = None,
) -> None:
    """Run PostgreSQL, Valkey, the gateway, its lanes and sandbox agencies until Ctrl-C.

    Whatever dies is started again; SIGUSR2 renews the gateway and its lanes one process at a time, without a request
    lost, as after an upgrade. Logs are in DATA/log. Nothing but the gateway's port is opened on the network,
    and that on loopback unless --listen says otherwise.

    Parameters
    ----------
    data
        Folder of the databases, keys and logs; default ./data.
    listen
        HOST:PORT of the gateway; default 127.0.0.1:8080. Port 0 takes a free one.
    workers
        Gateway processes sharing the port; default 1.
    message_sets
        Folder with message sets of your own.
    scenario
        TOML file that the sandbox agencies play; docs/examples/scenarios has some.
    ready_file
        Written when everything answers: JSON with url, api_key, operator_key, pid and the agencies' WSDLs.
    """
    settings = _settle(
        load_settings(), data, listen, workers, {"message_sets": message_sets, "sandbox_scenario": scenario}
    )
    if ready_file is not None:
        ready_file.unlink(missing_ok=True)
    console = Console(highlight=False)
    with data_dir_held(settings.data_dir), Supervisor(log_dir=settings.data_dir / "log") as supervisor:
        engines = prepare_engines(settings.data_dir, database_url=settings.database_url, redis_url=settings.redis_url)
        if engines.children:
            supervisor.add(*engines.children)
        chain = _chain(settings, engines)
        keys = asyncio.run(_prepare_ledger(chain))
        supervisor.add(_sandbox(chain))
        with _listener(settings.listen) as listener, ReadyPipe() as announced:
            supervisor.add(_work(chain, announced), *_gateways(chain, listener.fileno()))
            _announce(console, chain, keys, ready_file)
            supervisor.run_until_stopped()
            console.print("stopping …")
            supervisor.stop()
    console.print("stopped; everything is kept in " + str(settings.data_dir))


def _settle(
    settings: Settings, data: Path | None, listen: str | None, workers: int | None, files: Mapping[str, Path | None]
) -> Settings:
    """The settings with the command line's word over the environment's, paths absolute, a free port chosen."""
    chosen = {
        "data_dir": (data or settings.data_dir).absolute(),
        "listen": _free_port(listen or settings.listen),
        "workers": workers or settings.workers,
        **{name: path.absolute() for name, path in files.items() if path is not None},
    }
    load_scenario(files["sandbox_scenario"])  # a mistake in it is told here, not by a sandbox that will not start
    return settings.model_copy(update=chosen)


def _free_port(listen: str) -> str:
    host, _, port = listen.rpartition(":")
    if not port.isdigit():
        raise ConfigurationError(f"--listen wants HOST:PORT, not {listen!r}")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host or "127.0.0.1", int(port)))
        except OSError as error:
            raise ConfigurationError(f"cannot listen on {listen}: {error.strerror}; choose another --listen") from error
        return f"{host or '127.0.0.1'}:{probe.getsockname()[1]}"


def _chain(settings: Settings, engines: Engines) -> Chain:
    agencies_url = f"http://{_free_port('127.0.0.1:0')}"
    own = {
        "DATABASE_URL": engines.urls.database_url,
        "REDIS_URL": engines.urls.redis_url,
        "DATA_DIR": str(settings.data_dir),
        "LISTEN": settings.listen,
        "WORKERS": str(settings.workers),
        "AGENCIES_URL": agencies_url,
        "URL": f"http://{settings.listen}",
        # receivers of a sandbox run on this machine
        "WEBHOOK_PRIVATE_ADDRESSES": "true",
    }
    if settings.message_sets:
        own["MESSAGE_SETS"] = str(settings.message_sets)
    if settings.sandbox_scenario:
        own["SANDBOX_SCENARIO"] = str(settings.sandbox_scenario)
    environment = {**os.environ, **{f"{PREFIX}{name}": value for name, value in own.items()}}
    chosen = {"database_url": engines.urls.database_url, "redis_url": engines.urls.redis_url}
    return Chain(
        settings.model_copy(update={**chosen, "agencies_url": agencies_url}), engines, agencies_url, environment
    )


async def _prepare_ledger(chain: Chain) -> dict[str, str]:
    """Migrate, and make the sandbox's trader and keys the first time."""
    await migrate(chain.engines.urls.database_url)
    folder = keys_folder(chain.settings)
    load_keys(folder)
    for agency in AGENCIES:
        make_agency_password(folder, agency)
    stored = folder / SANDBOX_KEYS
    async with open_ledger(chain.settings) as ledger:
        if stored.exists():
            known: dict[str, str] = json.loads(stored.read_text("utf-8"))
            if await ledger.traders.authenticate(known["api_key"]) is not None:
                return known
        trader = await ledger.traders.create(SANDBOX_TRADER, [], all_codes=True)
        keys = {
            "trader": str(trader),
            "api_key": await ledger.traders.create_key(trader, ["submit", "read"]),
            "operator_key": await ledger.traders.create_key(trader, ["submit", "read", "operate"]),
        }
    write_private(stored, json.dumps(keys).encode())
    return keys


def _listener(listen: str) -> socket.socket:
    """The gateway's socket. It is ours, so that clients in its queue outlive the process that would have taken them."""
    host, _, port = listen.rpartition(":")
    return socket.create_server((host, int(port)), backlog=BACKLOG)


def _argv(command: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "singlewindow", command)


def _sandbox(chain: Chain) -> Child:
    ready = f"{chain.agencies_url}/sandbox/magic"
    return Child(name="sandbox", argv=_argv("sandbox"), env=chain.environment, ready=lambda: _read(ready) is not None)


def _work(chain: Chain, announced: ReadyPipe) -> Child:
    return Child(
        name="work", argv=_argv("work"), descriptors=(announced.descriptor,), serves_as=announced.heard_from,
        env={**chain.environment, f"{PREFIX}READY_DESCRIPTOR": str(announced.descriptor)},
        stop_timeout_seconds=STOP_SECONDS,
    )  # fmt: skip


def _gateways(chain: Chain, descriptor: int) -> list[Child]:
    environment = {**chain.environment, f"{PREFIX}LISTEN_DESCRIPTOR": str(descriptor)}

    def serves_as(pid: int) -> bool:
        """Any of the processes on the socket may answer; asked again it is the one of this id some time."""
        return re.search(rb'"process":%d\b' % pid, _read(f"{chain.url}/health/ready") or b"") is not None

    return [
        Child(
            name=f"serve-{number}", argv=_argv("serve"), env=environment, descriptors=(descriptor,),
            serves_as=serves_as, stop_timeout_seconds=STOP_SECONDS,
        )
        for number in range(1, chain.settings.workers + 1)
    ]  # fmt: skip


def _read(url: str) -> bytes | None:
    """The body of a 200, None for anything else."""
    with suppress(urllib.error.URLError, OSError, ValueError), urllib.request.urlopen(url, timeout=1) as response:  # noqa: S310 - our own loopback address
        return bytes(response.read()) if int(response.status) == HTTPStatus.OK else None
    return None


def _announce(console: Console, chain: Chain, keys: Mapping[str, str], ready_file: Path | None) -> None:
    ready = {
        "url": chain.url,
        "api_key": keys["api_key"],
        "operator_key": keys["operator_key"],
        "pid": os.getpid(),
        "agencies": {agency: f"{chain.agencies_url}/{agency}?wsdl" for agency in AGENCIES},
    }
    if ready_file is not None:
        write_private(ready_file, json.dumps(ready, indent=2).encode() + b"\n")
    console.print(f"\n[bold]singlewindow[/bold] is ready at [bold]{chain.url}[/bold]")
    console.print(f"key       {keys['api_key']}\noperator  {keys['operator_key']}\n")
    console.print("File a four-leg export declaration and wait for its release:\n")
    print(_curl(chain.url, keys["api_key"]), flush=True)
    console.print("\nAsk again what became of it:\n")
    print(f"curl -s -H 'Authorization: Bearer {keys['api_key']}' '{chain.url}/v1/declarations?limit=1'", flush=True)
    console.print("\nCtrl-C stops everything.", style="dim")


def _curl(url: str, key: str) -> str:
    """A line to paste; a fresh reference each time it is pasted, so that every paste files a declaration of its own."""
    reference = 'sed "s/FOUR-LEGS-1/FOUR-LEGS-$(date +%s)/"'
    return (
        f"{reference} {SAMPLE} | curl -s -H 'Authorization: Bearer {key}' -H 'Content-Type: application/xml' "
        f"-H 'Prefer: wait=5' --data-binary @- {url}/v1/declarations"
    )
