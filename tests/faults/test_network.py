"""The chain in a network of its own, whose wires are cut under load: nothing is lost, nothing acts twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.proof.network import network, why_not
from tests.faults.proof.report import describe
from tests.faults.proof.runs import Plan, prove

CUTS = ("cut-agencies", "cut-clients", "throttle-agencies")


@pytest.mark.skipif(bool(why_not()), reason=why_not() or "a network can be made")
@pytest.mark.timeout(240)
async def test_cut_and_slow_wires_lose_nothing(short_dir: Path) -> None:
    plan = Plan(seed=5, rate=20.0, seconds=0.0, points=(), astray_seconds=0.0, faults=CUTS)
    with network() as wires:
        result = await prove(short_dir / "wires", plan, wires)
    assert result.proven, describe(result)
    assert set(CUTS) <= result.faults.keys()
