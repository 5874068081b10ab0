"""`singlewindow migrate`: bring the ledger's schema up to date."""

from __future__ import annotations

import asyncio

from singlewindow.errors import ConfigurationError
from singlewindow.ledger.migrating import migrate as apply_migrations
from singlewindow.settings import Settings, load_settings


def database_url(settings: Settings) -> str:
    """The ledger's address. Raises ConfigurationError when none is set."""
    if settings.database_url is None:
        raise ConfigurationError("set SINGLEWINDOW_DATABASE_URL, or run `singlewindow up`, which starts its own server")
    return settings.database_url


def migrate() -> None:
    """Apply the migrations that the database has not seen; running it again changes nothing."""
    applied = asyncio.run(apply_migrations(database_url(load_settings())))
    print("\n".join(applied) or "up to date")
