"""What the client commands share: where the gateway is, the key to present, and how errors are shown."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Self

import aiohttp
from rich.console import Console
from rich.markup import escape

from singlewindow.errors import ConfigurationError, Unavailable
from singlewindow.keys import keys_folder
from singlewindow.settings import Settings, load_settings

SANDBOX_KEYS = "sandbox.json"
"""Where `up` keeps the keys it prints, so that the client commands beside it need none."""

Answer = tuple[int, dict[str, Any]]


class Gateway:
    """A client of one gateway, `operator` with an operator's key. Use as an async context manager."""

    def __init__(self, url: str | None, key: str | None, *, operator: bool = False) -> None:
        settings = load_settings()
        self._url = (url or settings.url).rstrip("/")
        self._headers = {"Authorization": f"Bearer {key or find_key(settings, operator=operator)}"}
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        timeout = aiohttp.ClientTimeout(total=120, sock_connect=5)
        self._session = aiohttp.ClientSession(headers=self._headers, timeout=timeout)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def get(self, path: str) -> Answer:
        """Status and JSON of a GET. Raises Unavailable when nobody answers."""
        return await self._call("GET", path, None, {})

    async def post(self, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        """Status and JSON of a POST of XML. Raises Unavailable when nobody answers."""
        return await self._call("POST", path, body, {"Content-Type": "application/xml", **headers})

    async def post_json(self, path: str, value: dict[str, Any]) -> Answer:
        """Status and JSON of a POST of JSON. Raises Unavailable when nobody answers."""
        return await self._call("POST", path, json.dumps(value).encode(), {"Content-Type": "application/json"})

    async def _call(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        if self._session is None:
            raise Unavailable("the client is not open")
        try:
            async with self._session.request(method, self._url + path, data=body, headers=headers) as response:
                return response.status, json.loads(await response.read() or b"{}")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unavailable(f"{self._url} does not answer ({type(error).__name__})") from error
        except ValueError as error:
            raise Unavailable(f"{self._url} answered something that is not JSON") from error


def find_key(settings: Settings, *, operator: bool = False) -> str:
    """The key from the settings, or the one `up` made in the data folder. Raises ConfigurationError."""
    name = "operator_key" if operator else "api_key"
    given: str | None = getattr(settings, name)
    if given:
        return given
    stored = keys_folder(settings) / SANDBOX_KEYS
    if stored.exists():
        return str(json.loads(stored.read_text("utf-8"))[name])
    variable = f"SINGLEWINDOW_{name.upper()}"
    raise ConfigurationError(f"no API key: pass --key, set {variable}, or run beside `singlewindow up`")


def show_problems(console: Console, source: str, problems: Iterable[dict[str, Any]]) -> None:
    """One line an error, as compilers do: file:line:column, code, what is wrong and how to mend it."""
    for problem in problems:
        place = ":".join(str(part) for part in (source, problem.get("line"), problem.get("column")) if part is not None)
        colour = "red" if problem.get("severity", "error") == "error" else "yellow"
        hint = f" — {escape(problem['hint'])}" if problem.get("hint") else ""
        console.print(
            f"{escape(place)}: [{colour}]{problem['code']}[/{colour}] {escape(problem['message'])}{hint}",
            soft_wrap=True,
        )
        if problem.get("pointer"):
            console.print(f"    at {escape(problem['pointer'])}", style="dim", soft_wrap=True)
