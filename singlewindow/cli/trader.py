"""`singlewindow trader create`: register a company."""

from __future__ import annotations

import asyncio

from cyclopts import App

from singlewindow.settings import load_settings
from singlewindow.wiring import open_ledger

trader = App(name="trader", help="Register traders.")


@trader.command
def create(name: str, *codes: str) -> None:
    """Register a trader and the company codes it may file for.

    Parameters
    ----------
    name
        The company's name.
    codes
        Its codes: 10-digit customs registration, 18-character unified social credit code, EORI …
    """
    print(asyncio.run(_create(name, codes)))


async def _create(name: str, codes: tuple[str, ...]) -> str:
    async with open_ledger(load_settings()) as ledger:
        return str(await ledger.traders.create(name, codes))
