"""What every process does beside its role."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from singlewindow import wiring
from singlewindow.errors import Unavailable
from singlewindow.messages.identifiers import Clock


async def test_a_clock_is_followed_whatever_became_of_an_earlier_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring, "CLOCK_SECONDS", 0.0)
    clock, followed = Clock(), asyncio.Event()
    answers: list[Any] = [Unavailable("away"), RuntimeError("unexpected"), {"now": clock.time() + 3600.0}]

    async def fetchrow(_name: str) -> dict[str, float]:
        if not answers:
            followed.set()
            await asyncio.Event().wait()
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return cast("dict[str, float]", answer)

    ledger = SimpleNamespace(clock=clock, database=SimpleNamespace(fetchrow=fetchrow))
    following = asyncio.create_task(wiring._follow_clock(cast("wiring.OpenLedger", ledger)))
    await asyncio.wait_for(followed.wait(), 10)
    following.cancel()
    assert clock.offset_seconds == pytest.approx(3600.0, abs=60.0)
