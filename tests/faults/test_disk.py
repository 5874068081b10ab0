"""A full disk: PostgreSQL gives up, comes back, and nothing acknowledged is missing."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.proof.report import describe
from tests.faults.proof.runs import Plan, prove

PLAN = Plan(seed=3, rate=20.0, seconds=0.0, points=(), astray_seconds=0.0)
DISK_BYTES = 1_500_000_000


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A disk of its own at this folder."""
    folder.mkdir(parents=True)
    options = f"size={DISK_BYTES},mode=755"
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "proof", folder], check=False, capture_output=True)
    if made.returncode:
        pytest.skip("this machine lets nobody mount a disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="a disk of its own wants root")
@pytest.mark.timeout(240)
async def test_a_full_disk_loses_nothing_acknowledged_and_heals(short_dir: Path) -> None:
    with small_disk(short_dir / "full" / "data"):
        # the agencies' own journal is on that disk, too, and an agency that cannot write is started anew
        result = await prove(short_dir / "full", replace(PLAN, faults=("fill-disk", "kill-agencies")))
        assert result.proven, describe(result)
