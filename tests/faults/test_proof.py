"""The proof in its short form: every failpoint, and one of each kind of fault; `scripts/faults` is the long one."""

from __future__ import annotations

from pathlib import Path

import pytest

from singlewindow import failpoints
from tests.faults.proof.report import describe
from tests.faults.proof.runs import prove

SEED = 20261123
SECONDS = 40.0
RATE = 20.0


@pytest.mark.timeout(400)
async def test_whatever_dies_nothing_acknowledged_is_lost_and_nothing_acts_twice(short_dir: Path) -> None:
    result = await prove(short_dir / "proof", seed=SEED, seconds=SECONDS, rate=RATE)
    assert result.proven, describe(result)
    assert result.hits.keys() == failpoints.STEPS.keys(), describe(result)
    assert result.messages["ok"] > SECONDS * RATE / 2, describe(result)
