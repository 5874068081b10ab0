"""`singlewindow adapter list`, `pause`, `drain` and `resume`: how each agency's lane fares, and your hold on it."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from singlewindow.cli.client import Gateway
from singlewindow.errors import TraderMistake

_COLUMNS = ("agency", "state", "waiting", "begun", "oldest", "errors", "p50 ms", "p99 ms", "last exchange")


def list_agencies(*, url: str | None = None, key: str | None = None) -> None:
    """Show each agency: its lane's state and queue, and how its calls fared in the last minutes.

    Parameters
    ----------
    url
        The gateway; default SINGLEWINDOW_URL.
    key
        An operator's API key.
    """
    agencies = asyncio.run(_get("/v1/agencies", url, key))["agencies"]
    _show(Console(highlight=False), agencies)


def pause(agency: str, *, reason: str, url: str | None = None, key: str | None = None) -> None:
    """Send nothing to an agency; its tasks wait and cost no attempts.

    Parameters
    ----------
    agency
        Its name.
    reason
        Why; others see it.
    url
        The gateway; default SINGLEWINDOW_URL.
    key
        An operator's API key.
    """
    _act(agency, "pause", {"reason": reason}, url, key)


def drain(agency: str, *, reason: str, url: str | None = None, key: str | None = None) -> None:
    """Send an agency nothing new, and let what was attempted come to its end: when `begun` is 0 it is drained.

    Parameters
    ----------
    agency
        Its name.
    reason
        Why; others see it.
    url
        The gateway; default SINGLEWINDOW_URL.
    key
        An operator's API key.
    """
    _act(agency, "drain", {"reason": reason}, url, key)


def resume(agency: str, *, url: str | None = None, key: str | None = None) -> None:
    """Send to an agency again; an open breaker lets a probe go at once.

    Parameters
    ----------
    agency
        Its name.
    url
        The gateway; default SINGLEWINDOW_URL.
    key
        An operator's API key.
    """
    _act(agency, "resume", {}, url, key)


def _act(agency: str, act: str, stated: dict[str, Any], url: str | None, key: str | None) -> None:
    shown = asyncio.run(_post(f"/v1/agencies/{agency}/{act}", stated, url, key))
    _show(Console(highlight=False), [shown])


async def _get(path: str, url: str | None, key: str | None) -> dict[str, Any]:
    async with Gateway(url, key, operator=True) as gateway:
        return _expect(*await gateway.get(path))


async def _post(path: str, stated: dict[str, Any], url: str | None, key: str | None) -> dict[str, Any]:
    async with Gateway(url, key, operator=True) as gateway:
        return _expect(*await gateway.post_json(path, stated))


def _expect(status: int, value: dict[str, Any]) -> dict[str, Any]:
    if status != HTTPStatus.OK:
        raise TraderMistake(f"{value.get('code', status)}: {value.get('detail', '')}")
    return value


def _show(console: Console, agencies: list[dict[str, Any]]) -> None:
    table = Table(*_COLUMNS, box=None)
    for agency in agencies:
        table.add_row(*(escape(str(cell)) for cell in _cells(agency)))
    console.print(table, soft_wrap=True)
    for agency in agencies:
        for what in ("breaker", "paused", "refused"):
            if reason := (agency[what] or {}).get("reason"):
                console.print(f"{agency['agency']}: {what}: {escape(reason)}", soft_wrap=True)


def _cells(agency: dict[str, Any]) -> tuple[Any, ...]:
    recent, last = agency["recent"], agency["last_exchange"]
    spoken = f"{last['at'][:19]}Z {last['outcome']} {last['ms']} ms" if last else "–"
    p50, p99 = ("–" if recent[name] is None else recent[name] for name in ("p50_ms", "p99_ms"))
    errors = f"{recent['error_rate']:.1%}"
    oldest = (agency["oldest"] or "–")[:19]
    return agency["agency"], agency["state"], agency["waiting"], agency["begun"], oldest, errors, p50, p99, spoken
