"""One chain for all end-to-end tests of a run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.end_to_end.chain import Chain, Client, client_of, running_chain


@pytest.fixture(scope="session")
def chain(short_dir: Path) -> Iterator[Chain]:
    """The whole chain with its default settings."""
    with running_chain(short_dir / "chain") as running:
        yield running


@pytest.fixture
async def trader(chain: Chain) -> AsyncIterator[Client]:
    """The sandbox's default trader, registered for all companies."""
    async with client_of(chain) as client:
        yield client
