"""The register of traders and their keys."""

from __future__ import annotations

import asyncio
from uuid import uuid4

from singlewindow.ledger.traders import LIVE_KEYS, TooManyKeys
from tests.integration.ledger_stage import ledger_stage


async def test_of_keys_that_are_asked_for_at_once_no_more_are_made_than_may_live(database_url: str) -> None:
    async with ledger_stage(database_url) as stage:
        trader = await stage.traders.create(f"Example {uuid4()}", [])
        asked = (stage.traders.create_key(trader, ["read"]) for _ in range(3 * LIVE_KEYS))
        made = await asyncio.gather(*asked, return_exceptions=True)
        keys = [one for one in made if isinstance(one, str)]
        assert len(keys) == LIVE_KEYS
        assert all(isinstance(one, TooManyKeys) for one in made if not isinstance(one, str))
        for key in keys:
            assert await stage.traders.authenticate(key) is not None
