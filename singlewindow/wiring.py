"""The only module that knows every part: opens them, hands them to each other, and runs one process of each role."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from singlewindow.adapters.agency import SoapAdapter
from singlewindow.adapters.profiles import AGENCIES, builtin_profiles
from singlewindow.errors import ConfigurationError, Unavailable
from singlewindow.gateway.application import GatewayParts, build_application
from singlewindow.gateway.bus import Bus
from singlewindow.gateway.serving import serve
from singlewindow.keys import Keys, keys_folder, load_keys
from singlewindow.ledger.database import Database
from singlewindow.ledger.intake import Intake
from singlewindow.ledger.reading import Reader
from singlewindow.ledger.tasks import Tasks
from singlewindow.ledger.traders import Traders
from singlewindow.logs import configure_logging
from singlewindow.messages.identifiers import Clock, IdentifierSource
from singlewindow.messages.receipts import ReceiptSigner
from singlewindow.queue.streams import ReadyStreams
from singlewindow.settings import Settings
from singlewindow.xsd.catalogue import Catalogue
from singlewindow.xsd.judging import Door
from singlewindow.xsd.responses import read_response

__all__ = [
    "AGENCIES", "open_door", "open_ledger", "open_streams", "run_gateway", "run_lanes", "run_sandbox_agencies",
]  # fmt: skip

CLOCK_SECONDS = 30.0
"""How often a process compares its clock with the database's."""


@dataclass(frozen=True, slots=True)
class OpenLedger:
    """A connected ledger with the clock and identifiers that follow the database's time."""

    database: Database
    clock: Clock
    ids: IdentifierSource
    traders: Traders
    keys: Keys
