"""`singlewindow doctor`: look at this machine and say what is missing."""

from __future__ import annotations

import asyncio
import platform
import sys
from collections.abc import Awaitable, Callable
from pyexpat import EXPAT_VERSION

from rich.console import Console

from singlewindow.errors import SingleWindowError
from singlewindow.gateway.disk_watch import free_bytes
from singlewindow.settings import Settings, load_settings
from singlewindow.wiring import open_door, open_ledger, open_streams
from singlewindow.xsd.parser import LIBXML2_VERSION

FREE_BYTES = 1_000_000_000
LIBXML2_FLOOR = (2, 14, 6)
EXPAT_FLOOR = (2, 6, 0)

Finding = tuple[str, str]
OK, WARNING, FAULT = "ok", "warning", "fault"


def doctor() -> None:
    """Check Python, the XML libraries, the schemas, disk space and, where set, the database and Valkey.

    Exit code 0: all well, or warnings only. 1: something must be mended.
    """
    console = Console(highlight=False)
    settings = load_settings()
    colours = {OK: "green", WARNING: "yellow", FAULT: "red"}
    worst = OK
    for name, check in CHECKS.items():
        verdict, text = asyncio.run(_guarded(check, settings))
        console.print(f"[{colours[verdict]}]{verdict:<8}[/] {name:<14} {text}", soft_wrap=True)
        worst = FAULT if FAULT in {verdict, worst} else worst
    sys.exit(1 if worst == FAULT else 0)


async def _guarded(check: Callable[[Settings], Awaitable[Finding]], settings: Settings) -> Finding:
    try:
        return await check(settings)
    except SingleWindowError as error:
        return FAULT, error.detail


async def _python(_: Settings) -> Finding:
    return (OK if sys.version_info >= (3, 11) else FAULT), platform.python_version()


async def _libxml2(_: Settings) -> Finding:
    version = ".".join(map(str, LIBXML2_VERSION))
    return (OK, version) if LIBXML2_VERSION >= LIBXML2_FLOOR else (FAULT, f"{version} has known faults; upgrade lxml")


async def _expat(_: Settings) -> Finding:
    version = EXPAT_VERSION.removeprefix("expat_")
    if tuple(map(int, version.split("."))) >= EXPAT_FLOOR:
        return OK, version
    return (
        WARNING,
        f"{version} is old; it only ever sees bytes libxml2 found well-formed. A newer Python brings a newer one",
    )


async def _disk(settings: Settings) -> Finding:
    free = free_bytes(settings.data_dir.absolute())
    return (OK if free > FREE_BYTES else WARNING), f"{free / 1e9:.1f} GB free at {settings.data_dir}"


async def _message_sets(settings: Settings) -> Finding:
    async with open_door(settings) as door:
        return OK, ", ".join(door.catalogue.sets)


async def _database(settings: Settings) -> Finding:
    if settings.database_url is None:
        return OK, "not set: `singlewindow up` starts an embedded PostgreSQL"
    async with open_ledger(settings) as ledger:
        row = await ledger.database.fetchrow("schema_version")
        return OK, f"answers, schema {row['name'] if row else 'empty'}"


async def _redis(settings: Settings) -> Finding:
    if settings.redis_url is None:
        return OK, "not set: `singlewindow up` starts an embedded Valkey"
    async with open_streams(settings) as streams:
        return (OK, "answers") if streams.available else (WARNING, "does not answer; work goes on, more slowly")


CHECKS: dict[str, Callable[[Settings], Awaitable[Finding]]] = {
    "python": _python,
    "libxml2": _libxml2,
    "expat": _expat,
    "disk": _disk,
    "message sets": _message_sets,
    "database": _database,
    "valkey": _redis,
}
