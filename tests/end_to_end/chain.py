"""The whole chain started as a user would, and a client of it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

READY_SECONDS = 90
SETTLE_SECONDS = 60
CHECKOUT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Chain:
    """A running chain: what its ready file says, its process and its data folder."""

    url: str
    api_key: str
    operator_key: str
    pid: int
    agencies: dict[str, str]
    data: Path

    @property
    def sandbox_url(self) -> str:
        """Base address of the sandbox agencies."""
        return self.agencies["customs"].rpartition("/customs")[0]

    def processes(self, command: str) -> list[int]:
        """The ids of its processes that run a command: serve, work or sandbox."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text("utf-8").split()
        named = b"\0%b\0" % command.encode()
        return [int(child) for child in children if named in Path(f"/proc/{child}/cmdline").read_bytes()]

    def effects(self, kind: str = "effect") -> list[dict[str, Any]]:
        """The effects the sandbox agencies wrote, or lines of another kind, each synced before its answer."""
        path = self.data / "sandbox" / "effects.jsonl"
        lines = path.read_text("utf-8").splitlines() if path.exists() else []
        return [entry for entry in map(json.loads, lines) if entry.get("kind") == kind]


@contextmanager
def running_chain(
    data: Path,
    *,
    workers: int = 1,
    listen: str = "127.0.0.1:0",
    environment: Mapping[str, str] | None = None,
    prefix: Sequence[str] = (),
    **settings: str,
) -> Iterator[Chain]:
    """`singlewindow up` for the length of a block; stopped with SIGINT, as Ctrl-C does.

    `settings` are given as variables of the environment, beside those of `environment` itself; `prefix` is put before
    the command.
    """
    ready = data.parent / f"{data.name}-ready.json"
    command = [*prefix, sys.executable, "-m", "singlewindow", "up", "--data", str(data), "--listen", listen]
    chosen = {f"SINGLEWINDOW_{name.upper()}": value for name, value in settings.items()}
    ready.unlink(missing_ok=True)
    log = (data.parent / f"{data.name}.out").open("wb")
    process = subprocess.Popen(
        [*command, "--workers", str(workers), "--ready-file", str(ready)],
        cwd=CHECKOUT, env={**os.environ, **(environment or {}), **chosen}, stdout=log, stderr=subprocess.STDOUT,
        start_new_session=True,
    )  # fmt: skip
    try:
        _await_ready(process, ready, Path(log.name))
        yield Chain(**json.loads(ready.read_text("utf-8")), data=data)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)
        log.close()


def _await_ready(process: subprocess.Popen[bytes], ready: Path, log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not ready.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the chain did not become ready:\n{log.read_text('utf-8', 'replace')[-4000:]}")
        time.sleep(0.05)


@dataclass(frozen=True)
class Answer:
    """An HTTP answer: status, headers and JSON (or the raw bytes)."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Client:
    """A trader's client. Waits by polling with a generous deadline; never sleeps a fixed time."""

    def __init__(self, chain: Chain, session: aiohttp.ClientSession, key: str) -> None:
        self.chain, self.session, self._key = chain, session, key

    async def call(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        """One request with this trader's key."""
        named = {"Authorization": f"Bearer {self._key}", **{k.replace("_", "-"): v for k, v in headers.items()}}
        if body is not None:
            named.setdefault("Content-Type", "application/xml")
        async with self.session.request(method, self.chain.url + path, data=body, headers=named) as response:
            return Answer(response.status, dict(response.headers), await response.read())

    async def file(self, document: bytes | str, **headers: str) -> Any:
        """File a document that must be taken; the receipt."""
        answer = await self.call("POST", "/v1/declarations", _bytes(document), **headers)
        if answer.status not in {200, 202}:
            raise AssertionError(f"{answer.status}: {answer.body[:2000]!r}")
        return answer.json

    async def file_one(self, document: bytes | str) -> str:
        """File a document of one declaration; its id."""
        return str((await self.file(document))["declarations"][0]["id"])

    async def view(self, declaration: str) -> Any:
        """The current view of a declaration."""
        return (await self.call("GET", f"/v1/declarations/{declaration}")).json

    async def until(self, declaration: str, done: Callable[[Any], bool], seconds: float = SETTLE_SECONDS) -> Any:
        """The view once it satisfies `done`; fails with the last view when it never does."""
        deadline = time.monotonic() + seconds
        while True:
            view = await self.view(declaration)
            if done(view):
                return view
            if time.monotonic() > deadline:
                raise AssertionError(f"never came: {json.dumps(view, indent=1, ensure_ascii=False)[:4000]}")
            await asyncio.sleep(0.05)

    async def until_status(self, declaration: str, *statuses: str) -> Any:
        """The view once its status is one of these."""
        return await self.until(declaration, lambda view: view["status"] in statuses)


def _bytes(document: bytes | str) -> bytes:
    return document.encode() if isinstance(document, str) else document


@asynccontextmanager
async def client_of(chain: Chain, key: str | None = None) -> AsyncIterator[Client]:
    """A client with the sandbox trader's key or another."""
    timeout = aiohttp.ClientTimeout(total=120)
    connector = aiohttp.TCPConnector(limit=200)
    async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
        yield Client(chain, session, key or chain.api_key)


async def register(chain: Chain, name: str, *codes: str) -> str:
    """Register a trader for these company codes as an operator does; its API key."""
    async with client_of(chain, chain.operator_key) as operator:
        body = json.dumps({"name": name, "codes": list(codes)}).encode()
        answer = await operator.call("POST", "/v1/traders", body, Content_Type="application/json")
    return str(answer.json["api_key"])
