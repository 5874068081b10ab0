"""The guide "Connect an authority in an hour", every command in its order, where nobody knew the authority."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

import pytest

from tests.end_to_end.chain import CHECKOUT
from tests.end_to_end.test_documentation import commands

GUIDE = CHECKOUT / "docs" / "guides" / "connect-an-authority.md"
ADDRESSES = {"8091": "the stub", "8092": "the gateway"}
STOP = "for job in $(jobs -p); do kill -INT $job; done; wait"


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def script(folder: Path) -> str:
    """The guide as one script; its two ports are free ones, which agency.toml is told of."""
    lines = "\n".join(commands(GUIDE))
    copied = 'cp docs/examples/permits/agency.toml "$WORK/agencies/permits/agency.toml"'
    assert copied in lines
    ports = {known: free_port() for known in ADDRESSES}
    moved = f'{copied}\nsed -i s/8091/{ports["8091"]}/ "$WORK/agencies/permits/agency.toml"'
    lines = lines.replace(copied, moved)
    for known, free in ports.items():
        lines = lines.replace(f" {known} ", f" {free} ").replace(f":{known}", f":{free}")
    return f"set -euxo pipefail\nexport WORK={folder}\ntrap '{STOP}' EXIT\n{lines}\n"


@pytest.mark.timeout(180)
async def test_the_guide_ends_with_a_release_through_an_agency_that_did_not_exist_before(short_dir: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        "bash", "-c", script(short_dir / "permits"),
        cwd=CHECKOUT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, start_new_session=True,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "COLUMNS": "200"},
    )  # fmt: skip
    try:
        output, _ = await asyncio.wait_for(process.communicate(), 150)
    except TimeoutError:
        os.killpg(process.pid, signal.SIGINT)
        raise
    told = output.decode()
    assert process.returncode == 0, told[-4000:]
    assert "released" in told
    assert "1 exchanges replayed, 0 differ" in told
    assert told.count("permits: 100 %") == 2
    assert "100 %" in (short_dir / "permits" / "verdict.html").read_text("utf-8")
