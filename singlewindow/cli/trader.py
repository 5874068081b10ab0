"""`singlewindow trader create`: register a company."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from cyclopts import App

from singlewindow.errors import ConfigurationError
from singlewindow.settings import load_settings
from singlewindow.wiring import open_ledger
from singlewindow.xsd.catalogue import load_catalogue

trader = App(name="trader", help="Register traders.")


@trader.command
def create(name: str, *codes: str, message_set: Sequence[str] = (), raised: Sequence[str] = ()) -> None:
    """Register a trader and the company codes it may file for.

    Parameters
    ----------
    name
        The company's name.
    codes
        Its codes: 10-digit customs registration, 18-character unified social credit code, EORI …
    message_set
        An edition its messages are judged by where it knows the root; default: the first that takes the message.
    raised
        A rule whose warnings are errors to this trader (CEB-R12); may be given several times.
    """
    print(asyncio.run(_create(name, codes, message_set, raised)))


async def _create(name: str, codes: Sequence[str], message_sets: Sequence[str], raised: Sequence[str]) -> str:
    settings = load_settings()
    installed = load_catalogue(settings.message_sets).sets
    if unknown := set(message_sets) - set(installed):
        raise ConfigurationError(f"no message set {', '.join(sorted(unknown))}; installed: {', '.join(installed)}")
    async with open_ledger(settings) as ledger:
        trader_id = await ledger.traders.create(name, codes)
        await ledger.traders.choose(trader_id, message_sets=message_sets, raised=raised)
        return str(trader_id)
