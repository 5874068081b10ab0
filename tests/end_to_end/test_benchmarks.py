"""The benchmarks run, and the ratios they guard hold."""

from __future__ import annotations

import subprocess
import sys

from tests.end_to_end.chain import CHECKOUT


def test_the_guard_of_intake_and_agencies_holds() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--guard", "intake", "agencies"],
        cwd=CHECKOUT, capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
