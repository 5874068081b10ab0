"""The proof in its short form: every failpoint, and one of each kind of fault; `scripts/faults` is the long one."""

from __future__ import annotations

from pathlib import Path

import pytest

from singlewindow import failpoints
from tests.faults.proof.report import describe
from tests.faults.proof.runs import Plan, prove

PLAN = Plan(
    seed=20261123,
    rate=40.0,
    seconds=0.0,
    astray_seconds=15.0,
    faults=("kill-postgres", "wipe-valkey", "freeze-postgres", "kill-agencies", "end-sessions", "end-gateway",
            "fill-valkey"),
)  # fmt: skip


@pytest.mark.timeout(400)
async def test_whatever_dies_nothing_acknowledged_is_lost_and_nothing_acts_twice(short_dir: Path) -> None:
    result = await prove(short_dir / "proof", PLAN)
    assert result.proven, describe(result)
    assert result.hits.keys() == failpoints.STEPS.keys(), describe(result)
    assert set(PLAN.faults or ()) <= result.faults.keys()
    assert result.messages["ok"] > 500, describe(result)
