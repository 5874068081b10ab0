"""Every command of README and the guides is run as written, against the running chain."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path

import pytest

from tests.end_to_end.chain import CHECKOUT, Chain

GUIDES = sorted((CHECKOUT / "docs" / "guides").glob("*.md"))
# that one starts a chain of its own: test_connect_an_authority.py
PAGES = [CHECKOUT / "README.md", *(guide for guide in GUIDES if guide.stem != "connect-an-authority")]
RUN_ELSEWHERE = {"scripts/up": "the chain of these tests is what it starts"}
FENCE = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)


def commands(page: Path) -> list[str]:
    """The `$ ` lines of a page's console blocks, continued lines joined."""
    blocks = FENCE.findall(page.read_text("utf-8"))
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [line[2:].strip() for line in lines if line.startswith("$ ")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
async def test_every_command_of_the_page_works(chain: Chain, page: Path) -> None:
    environment = {
        **os.environ,
        "SINGLEWINDOW_URL": chain.url,
        "SINGLEWINDOW_API_KEY": chain.api_key,
        "SINGLEWINDOW_OPERATOR_KEY": chain.operator_key,
        "SINGLEWINDOW_DATA_DIR": str(chain.data),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    for command in commands(page):
        if command in RUN_ELSEWHERE or command.startswith("export "):
            continue
        shown = command.replace("http://127.0.0.1:8080", chain.url).replace("sw_…", chain.api_key)
        shown = shown.replace("curl -s", "curl -sS --fail-with-body")
        process = await asyncio.create_subprocess_shell(
            shown, cwd=CHECKOUT, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        output, _ = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 0, f"{shown}\n{output.decode()[-2000:]}"


def test_every_guide_shows_commands() -> None:
    assert all(commands(page) for page in PAGES)
