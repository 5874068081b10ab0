"""The register of traders and their keys."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from singlewindow.errors import Unavailable
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


async def test_the_register_is_read_once_for_all_who_file_at_the_same_time(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with ledger_stage(database_url) as stage:
        traders, read, fetch = stage.traders, list[str](), stage.database.fetch

        async def count(name: str, *values: Any) -> list[Any]:
            read.append(name)
            if len(read) == 1:
                raise Unavailable("away")
            return await fetch(name, *values)

        monkeypatch.setattr(stage.database, "fetch", count)
        told = await asyncio.gather(*(traders.canonical() for _ in range(50)), return_exceptions=True)
        assert {type(one) for one in told} == {Unavailable}
        code = f"C{uuid4().hex[:8]}"
        await traders.add_codes(await traders.create(f"Example {code}", []), [code, f"{code}-2"])
        read[1:] = []
        asked = await asyncio.gather(*(traders.canonical() for _ in range(50)))
        assert {canonical(f"{code}-2") for canonical in asked} == {code}
        assert read == ["company_register"] * 2
