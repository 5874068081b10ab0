"""An agency on a socket, and the adapter of customs that calls it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from singlewindow.adapters.port import Adapter
from tests.contract.agency_server import AgencyServer
from tests.contract.customs import make_customs


@pytest.fixture
async def server() -> AsyncIterator[AgencyServer]:
    agency = AgencyServer()
    yield agency
    await agency.stop()


@pytest.fixture
async def adapter(server: AgencyServer) -> AsyncIterator[Adapter]:
    customs = make_customs(await server.start())
    yield customs
    await customs.close()
