"""What a process holds before the first message comes: no more than its role needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.chain import CHECKOUT, running_chain

GATEWAY_BYTES = 120_000_000

NEEDLESS = {
    "gateway_wiring": ("zeep", "requests", "xmlschema", "singlewindow.lane_wiring", "singlewindow.adapters.sandbox"),
    "lane_wiring": ("xmlschema", "jinja2", "singlewindow.gateway.application", "singlewindow.adapters.sandbox"),
    "adapters.sandbox.serving": ("zeep", "asyncpg", "singlewindow.gateway"),
    "cli.up": ("zeep", "xmlschema", "jinja2", "singlewindow.gateway.application"),
    "cli.submit": ("lxml", "asyncpg", "redis", "zeep"),
}
"""By what a process begins with, the modules that it can do without."""


@pytest.mark.parametrize(("role", "needless"), NEEDLESS.items(), ids=NEEDLESS)
def test_a_process_loads_nothing_that_its_role_does_not_need(role: str, needless: tuple[str, ...]) -> None:
    program = f"import sys, singlewindow.{role}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], cwd=CHECKOUT, capture_output=True, check=True, text=True)

    assert not set(needless) & set(loaded.stdout.split())


@pytest.mark.skipif(sys.platform != "linux", reason="reads memory from /proc")
def test_a_gateway_at_rest_is_small_with_all_sets_compiled(short_dir: Path) -> None:
    with running_chain(short_dir / "rest") as chain:
        (gateway,) = chain.processes("serve")
        maps = Path(f"/proc/{gateway}/smaps_rollup").read_text("utf-8")

    resident = next(int(line.split()[1]) * 1024 for line in maps.splitlines() if line.startswith("Rss:"))
    assert resident < GATEWAY_BYTES
