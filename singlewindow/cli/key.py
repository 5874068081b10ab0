"""`singlewindow key create`: make an API key."""

from __future__ import annotations

import asyncio
from uuid import UUID

from cyclopts import App

from singlewindow.errors import TraderMistake
from singlewindow.ledger.traders import SCOPES
from singlewindow.settings import load_settings
from singlewindow.wiring import open_ledger

key = App(name="key", help="Make API keys.")


@key.command
def create(trader: str, *, scope: tuple[str, ...] = ("submit", "read")) -> None:
    """Make an API key and print it; it is shown this once and stored only as a keyed hash.

    Parameters
    ----------
    trader
        The trader's id or name.
    scope
        What the key may do: submit, read, operate. Repeat it for several.
    """
    unknown = set(scope) - SCOPES
    if unknown:
        raise TraderMistake(f"unknown scope {', '.join(sorted(unknown))}; choose of {', '.join(sorted(SCOPES))}")
    print(asyncio.run(_create(trader, scope)))


async def _create(trader: str, scopes: tuple[str, ...]) -> str:
    async with open_ledger(load_settings()) as ledger:
        known = _as_id(trader) or await ledger.traders.find_by_name(trader)
        if known is None:
            raise TraderMistake(f"no trader is called {trader!r}; `singlewindow trader create` registers one")
        return await ledger.traders.create_key(known, scopes)


def _as_id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
