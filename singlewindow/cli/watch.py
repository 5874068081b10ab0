"""`singlewindow watch`: follow one declaration until it settles."""

from __future__ import annotations

import asyncio
import sys
from http import HTTPStatus
from typing import Any

from rich.console import Console

from singlewindow.cli.client import Gateway
from singlewindow.messages.lifecycle import STATES


def watch(declaration: str, *, url: str | None = None, key: str | None = None) -> None:
    """Print each change of a declaration as it happens: who decided what, and who holds the ball.

    Ends with code 0 when it settles well, 1 when it was refused or needs a person.

    Parameters
    ----------
    declaration
        Its id, as the receipt gives it.
    url
        The gateway; default SINGLEWINDOW_URL.
    key
        The API key; default SINGLEWINDOW_API_KEY, or the sandbox's own.
    """
    sys.exit(asyncio.run(_watch(declaration, url=url, key=key)))


async def _watch(declaration: str, *, url: str | None, key: str | None) -> int:
    console = Console(highlight=False)
    seen: set[str] = set()
    async with Gateway(url, key) as gateway:
        while True:
            status, view = await gateway.get(f"/v1/declarations/{declaration}")
            if status != HTTPStatus.OK:
                console.print(f"[red]{view.get('code', status)}[/red] {view.get('detail', '')}")
                return 1
            _, history = await gateway.get(f"/v1/declarations/{declaration}/events")
            for event in history.get("events", []):
                if event["id"] not in seen:
                    seen.add(event["id"])
                    _show(console, event)
            if view["settled"]:
                return 1 if view["attention"] or STATES[view["status"]].negative else 0
            await asyncio.sleep(0.2)


def _show(console: Console, event: dict[str, Any]) -> None:
    data = event["data"]
    who = " ".join(str(data[name]) for name in ("agency", "action") if data.get(name))
    leg = f" leg {data['leg']}" if data.get("leg") else ""
    what = data.get("state") or data.get("message") or data.get("references") or data.get("waiting_for") or ""
    console.print(f"[dim]{event['at']}[/dim] {event['type']:<10} {who}{leg} [bold]{what}[/bold]", soft_wrap=True)
